"""Sharpening of linear light: what the lens and the pixels' apertures blurred, as far as the noise allows."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus import kernels
from fotohaus.raw.image import CfaPattern, Rectangle
from fotohaus.records import record
from fotohaus.report import Report

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

MARGIN = 4
"""Pixels around a pixel that have a say in it."""

OVERSHOOT = 0.2
"""How far luminance may pass the range of its 3 x 3 pixels, as a share of that range."""
WANTED = 0.4
"""Blur that an edge keeps: the deviation in px of what a sharp picture has; less would alias."""
LEAST, MOST = 0.3, 0.85
"""Blur in px below which nothing is done, and beyond which no more is undone: that is defocus or haze."""
NOISE = 4.0
"""How many times the noise's energy is taken off that of the detail."""
REGULARISATION = 0.04
"""Power of noise and of demosaic's mistakes over that of the picture at half the sampling frequency."""
UNKNOWN_NOISE = (1e-4, 1e-6)
"""(scale, offset) of the luminance noise where none is known."""

_CLASSES = ((1, 0), (1, 1), (2, 0), (2, 1), (2, 2))  # distances (larger, smaller) that share a weight
_SEQUENCES = 1 << 18  # diagonals of greens that are looked at
_STRONG = 30.0  # contrast of an edge worth measuring, in deviations of the noise
_FEWEST = 40  # edges needed to say something
_QUANTILE = 0.25  # of the edges' blurs, from the sharpest


@record
class CaptureSharpening:
    """What to undo. blur : deviation of a Gaussian in px. edge : that of the picture's sharp edges, in px."""

    blur: float
    edge: float


@functools.lru_cache(maxsize=64)
def _weights(blur: float) -> tuple[float, ...]:
    frequency = (np.arange(32) + 0.5) * np.pi / 32
    fx, fy = (f.ravel() for f in np.meshgrid(frequency, frequency))
    square = fx**2 + fy**2
    blurred = np.exp(-0.5 * blur**2 * square)

    def response(far: int, near: int) -> Float64:
        """Sum of the neighbours at these distances, less as many times the centre."""
        both = [(far, near)] if far == near else [(far, near), (near, far)]
        count = [(1 + (i > 0)) * (1 + (j > 0)) for i, j in both]
        waves = [n * np.cos(i * fx) * np.cos(j * fy) for n, (i, j) in zip(count, both, strict=True)]
        return np.asarray(sum(waves) - sum(count))

    basis = np.stack([response(*distances) for distances in _CLASSES], axis=1)
    power = (np.pi**2 / square) ** 0.5  # amplitude of a natural picture's spectrum, 1 at half the sampling frequency
    rest = REGULARISATION**0.5
    system = np.concatenate([(power * blurred)[:, None] * basis, rest * basis])
    target = np.concatenate([power * (1 - blurred), np.full_like(square, -rest)])
    return tuple(float(w) for w in np.linalg.lstsq(system, target, rcond=None)[0])


def inverse_filter(blur: float) -> Float32:
    """Weights (5,) of the 5 x 5 filter whose output, added to a picture, undoes a Gaussian blur of that deviation.

    They are those of the difference between a pixel's neighbours and itself, for neighbours at distances (1, 0),
    (1, 1), (2, 0), (2, 1) and (2, 2) px and their mirror images. The least squares fit to the Wiener filter (Wiener
    1949) of a picture whose power falls with the square of frequency: 1 - (1 + filter) blurred where there is picture,
    1 + filter where there is noise.
    """
    return np.array(_weights(round(blur, 3)), np.float32)


def edge_blur(
    mosaic: NDArray[np.uint16] | Float32,
    cfa: CfaPattern,
    noise: tuple[float, float] | None = None,
    levels: tuple[float, float] = (0.0, 1.0),
) -> float | None:
    """Blur of a mosaic's sharp edges: the deviation in px of a Gaussian; None where too few edges are clear.

    mosaic : (H, W), any view. levels : of its greens, black and white. noise : (scale, offset) of their variance, where
    1 is white.
    Greens lie one beside the other along diagonals. Six in a row that are flat, steep in the middle and flat again
    are a blurred step; the largest difference over the step's height, and the angle at which it is crossed, give the
    deviation. The answer is the sharper quarter's limit: edges out of focus, and steps between samples, are blunter.
    """
    height, width = mosaic.shape
    scale, offset = noise or UNKNOWN_NOISE
    black, unit = np.float32(levels[0]), np.float32(1 / max(levels[1] - levels[0], 1e-6))
    found = []
    rows = max(2, 2 * int(np.ceil(height * width / 2 / _SEQUENCES)))
    for direction in (1, -1):
        view = mosaic[:, ::direction]
        first = cfa.index("G") & 1
        if direction < 0:
            first = (width - 1 - first) & 1
        if height < 10 or width < 12:
            return None

        # The whole sequence is moved by one more row and column for its neighbours.
        def green(down: int, right: int, view: Any = view, first: int = first) -> Float32:
            seen = view[2 + down : height - 8 + down : rows, first + 2 + right : width - 8 + right : 2]
            return np.asarray((seen - black) * unit)

        run = [green(k, k) for k in range(6)]
        step = run[3] - run[2]
        contrast = np.abs(run[5] - run[0])
        level = np.maximum(0.5 * (run[5] + run[0]), 0)
        strong = contrast > _STRONG * np.sqrt(scale * level + offset)
        strong &= np.abs(step) > 0.25 * contrast
        for a, b in ((0, 1), (4, 5)):
            strong &= np.abs(run[b] - run[a]) < 0.1 * contrast
        for a, b in ((1, 2), (3, 4)):
            strong &= np.abs(run[b] - run[a]) < np.abs(step)
        for sample in run:
            strong &= sample < 0.9
        across = 0.25 * (green(1, 3) - green(3, 1) + green(2, 4) - green(4, 2))
        along = np.abs(step[strong])
        ratio = np.minimum(along / contrast[strong], 0.98)
        # Distance between the two samples across the edge, of the 1.41 px between them along the diagonal.
        distance = np.sqrt(2) * along / np.hypot(along, across[strong])
        found.append((ratio, distance))
    ratios, distances = (np.concatenate(values).astype(np.float64) for values in zip(*found, strict=True))
    if ratios.size < _FEWEST:
        return None
    blurs = distances / (2 * np.sqrt(2) * _inverse_erf(ratios))
    # np.quantile would import numpy.ma, for as long as all of this takes.
    rank = round(_QUANTILE * (blurs.size - 1))
    return float(np.partition(blurs, rank)[rank])


def _inverse_erf(value: Float64) -> Float64:
    """Inverse of the error function to 2e-3 relative (Winitzki 2008)."""
    log = np.log(1 - value**2)
    part = 2 / (np.pi * 0.147) + log / 2
    return np.asarray(np.sqrt(np.sqrt(part**2 - log / 0.147) - part))


def prepare(
    mosaic: NDArray[np.uint16] | Float32,
    cfa: CfaPattern,
    noise: tuple[float, float] | None = None,
    levels: tuple[float, float] = (0.0, 1.0),
    report: Report | None = None,
) -> CaptureSharpening | None:
    """Decide from a mosaic (H, W) what blur is to be undone; None where none is. The arguments are `edge_blur`'s."""
    report = report or Report()
    edge = edge_blur(mosaic, cfa, noise, levels)
    if edge is None:
        report.note("no capture sharpening: too few clear edges to measure their blur")
        return None
    blur = min(MOST, max(0.0, edge**2 - WANTED**2) ** 0.5)
    if blur < LEAST:
        report.note(f"no capture sharpening: edges are sharp, {edge:.2f} px")
        return None
    report.note(f"capture sharpening undoes a blur of {blur:.2f} px, edges had {edge:.2f} px")
    return CaptureSharpening(blur, edge)


def sharpen(
    pixels: Float32,
    sharpening: CaptureSharpening,
    *,
    noise: tuple[float, float] | None = None,
    white: float = 1.0,
    crop: Rectangle | None = None,
    matrix: ArrayLike | None = None,
    out: Float32 | None = None,
) -> Float32:
    """Deconvolve luminance: (H, W, 3) float32 linear Rec. 2020 to (h, w, 3), colours' ratios kept.

    noise : (scale, offset), variance of luminance = scale * Y + offset. white : the level from which a channel counts
    as saturated; within 2 px of such pixels nothing changes, from 5 px on all does. crop : the part to make, by default
    everything; a pixel depends on those within MARGIN px of it, and the picture's border is repeated beyond.
    matrix : (3, 3), from what `pixels` are instead to linear Rec. 2020. out : where to put it.
    """
    height, width = pixels.shape[:2]
    crop = crop or Rectangle(0, 0, height, width)
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the picture's {width} x {height}")
    weights = inverse_filter(sharpening.blur)
    counts = np.array([4, 4, 4, 8, 4], np.float64)
    energy = float(counts @ weights.astype(np.float64) ** 2 + (counts @ weights) ** 2)
    scale, offset = noise or UNKNOWN_NOISE
    out = kernels.empty((crop.height, crop.width, 3)) if out is None else out
    kernels.call(
        "capture_sharpening" if matrix is None else "capture_sharpening_camera",
        pixels=kernels.planar(pixels, np.float32),
        weights=weights,
        noise_scale=NOISE * energy * scale,
        noise_offset=NOISE * energy * offset,
        overshoot=OVERSHOOT,
        white=white,
        left=crop.left,
        top=crop.top,
        sharpened=out,
        **({} if matrix is None else {"matrix": np.ascontiguousarray(matrix, np.float32)}),
    )
    return out

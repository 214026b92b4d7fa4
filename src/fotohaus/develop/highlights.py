"""Clipped highlights: where a channel saturates, and what it would have been."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.shading import Shading
from fotohaus.raw.image import CfaPattern, RawImage
from fotohaus.report import Report

Float32 = NDArray[np.float32]

CLIPPED = 0.985
"""Samples from this fraction of the saturation level on count as clipped; the kernels hold the same number."""

_LOWEST = 0.85  # of the white level: a peak of the histogram below this is no saturation
_SAMPLES = 1 << 20  # per channel, for the histogram
_BLOCKS = 1 << 18  # CFA tiles looked at to measure the borders of clipped areas
_FEWEST = 32  # border tiles needed to say something about their colour


def saturation_levels(raw: RawImage, report: Report | None = None) -> Float32:
    """The level in DN at which each channel really saturates, in the shape of `raw.white`.

    Files may state a white level that the sensor never reaches. Saturation then shows as a spike of the histogram with
    nearly nothing above it: such a spike, at 85 % of the white level or higher, is taken for the level.
    """
    report = report or Report()
    levels = np.array(raw.white, np.float32)
    found = []
    for place in np.ndindex(*levels.shape):
        if raw.cfa is None:
            if place[0]:
                continue
            samples = raw.mosaic[..., place[1]]
        else:
            samples = raw.mosaic[place[0] :: 2, place[1] :: 2]
        stride = max(1, round((samples.size / _SAMPLES) ** 0.5))
        level = _spike(samples[::stride, ::stride], float(raw.black[place]), float(raw.white[place]))
        if level is not None and level < CLIPPED * (raw.white[place] - raw.black[place]) + raw.black[place]:
            levels[place] = level
            found.append(level)
    if found:
        names = ", ".join(f"{level:.0f}" for level in sorted(set(found)))
        report.note(f"saturates at {names}, below the file's white level {float(raw.white.max()):.0f}")
    return levels


def _spike(samples: NDArray[np.uint16], black: float, white: float) -> float | None:
    """Level of the histogram's saturation spike, or None."""
    lowest = int(black + _LOWEST * (white - black))
    high = samples[samples >= lowest].astype(np.intp)
    if high.size < max(64, samples.size // 20000):
        return None
    counts = np.bincount(high - lowest)
    width = max(1, int(0.004 * (white - black)))
    near = np.convolve(counts, np.ones(width), "same")
    peak = int(near.argmax())
    # The spike's own level: the most frequent one in the densest stretch.
    first = max(0, peak - width)
    peak = first + int(counts[first : peak + width + 1].argmax())
    spike = counts[max(0, peak - width) : peak + width + 1].sum()
    above, below = counts[peak + width + 1 :].sum(), counts[max(0, peak - 5 * width) : max(0, peak - width)].sum()
    # The noise of a bright surface has as much above its peak as below; clipping cuts it off.
    over = counts[peak + max(1, width // 2) + 1 : peak + width + 1].sum()
    if above > 0.05 * spike or over > 0.2 * spike or below > spike or spike < max(64, samples.size // 20000):
        return None
    return float(lowest + peak)


def clipped_border_offset(linear: Float32, cfa: CfaPattern, clip: Float32, shading: Shading) -> Float32:
    """What each of R, G, B differs by from the other two colours' mean along the borders of clipped areas: (3,).

    Measured on a subsample of the CFA's tiles, where none of them is clipped; zero where there is too little to see.
    """
    height, width = linear.shape[0] // 2 * 2, linear.shape[1] // 2 * 2
    step = 2 * max(1, int(np.ceil((height * width / 4 / _BLOCKS) ** 0.5)))
    rows, columns = np.arange(0, height, step), np.arange(0, width, step)
    values, clipped = np.zeros((3, rows.size, columns.size), np.float32), np.zeros((rows.size, columns.size), bool)
    bright = np.ones_like(clipped)
    for position, name in enumerate(cfa):
        i, j = divmod(position, 2)
        value = linear[i:height:step, j:width:step]
        saturation = value / (clip[i, j] * shading.sample(rows + i, columns + j)[..., position])
        clipped |= saturation >= CLIPPED
        bright &= saturation > 0.1
        values["RGB".index(name)] += np.maximum(value, 0) * (0.5 if name == "G" else 1.0)
    return _border_offset(values, clipped, bright)


def _border_offset(values: Float32, clipped: NDArray[np.bool_], bright: NDArray[np.bool_]) -> Float32:
    near = clipped.copy()
    for _ in range(2):
        grown = near.copy()
        grown[1:] |= near[:-1]
        grown[:-1] |= near[1:]
        grown[:, 1:] |= near[:, :-1]
        grown[:, :-1] |= near[:, 1:]
        near = grown
    border = near & ~clipped & bright
    if border.sum() < _FEWEST:
        return np.zeros(3, np.float32)
    r, g, b = (v[border] for v in values)
    means = [own - 0.25 * (p + q) - 0.5 * np.sqrt(p * q) for own, p, q in ((r, g, b), (g, r, b), (b, r, g))]
    return np.array([m.mean(dtype=np.float64) for m in means], np.float32)


def reconstruct_highlights(
    linear: Float32, cfa: CfaPattern, clip: Float32, shading: Shading | None = None, report: Report | None = None
) -> Float32:
    """Replace clipped samples of a white-balanced mosaic by estimates: (H, W) float32 to the same.

    clip : (2, 2), the level of `linear` at which each position of the CFA saturates where the lens-shading gain is 1;
    the level at a sample is that times its gain. The estimate comes from the sample's 3 x 3 neighbours of the other
    two colours, and turns to neutral white, at the highest clip level, where they clip too. It is never below the
    sample. After "inpaint opposed" (I. Martins, H. Schaefer; darktable 4.2).
    """
    shading = shading or Shading()
    offset = clipped_border_offset(linear, cfa, clip, shading)
    (report or Report()).note("clipped highlights rebuilt, colour offset " + ", ".join(f"{v:+.3f}" for v in offset))
    rebuilt = np.empty(linear.shape, np.float32)
    kernels.call(
        "reconstruct_highlights",
        linear=linear,
        clip=np.ascontiguousarray(clip, np.float32),
        offset=np.array([offset["RGB".index(name)] for name in cfa], np.float32).reshape(2, 2),
        green=cfa.index("G") & 1,
        rebuilt=rebuilt,
        **shading.arguments,
    )
    return rebuilt

"""What alignment looks at: half-resolution luma in units of its noise, band by band."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.dim import clipped_as, color_weights
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32, Float64

TILE = 32
"""Pixels of a level in a tile; at the finest level 64 px of the mosaic."""

LEAST_SCALE = 1e-4
"""Of the noise's scale over the root of its offset: it then changes the noise by less than a thousandth."""

MAX_LEVELS = 6
MIN_SIZE = 48  # px of the coarsest level's smaller side
CORRELATION = 6.0  # px over which the band-passed noise is one sample
FINEST_CORRELATION = 3.0  # the same of the finest band, which keeps more
HOT_MARGIN = 1.0  # noise sigmas, and half of its neighbours' range, by which a quad may stand out


@dataclass(frozen=True)
class Pyramid:
    """Band-passed luma, finest first, and the size (h, w) of each level that means something.

    fine : the band of the mosaic's own samples, which is level -1, or None.
    """

    bands: list[Float32]
    sizes: list[tuple[int, int]]
    fine: Float32 | None = None

    def band(self, level: int) -> Float32:
        """Of level 0 ... n - 1, or -1."""
        if level >= 0:
            return self.bands[level]
        assert self.fine is not None
        return self.fine

    def size(self, level: int) -> tuple[int, int]:
        """(h, w) of level 0 ... n - 1, or -1."""
        h, w = self.sizes[max(level, 0)]
        return (h, w) if level >= 0 else (2 * h, 2 * w)

    @property
    def sharpness(self) -> float:
        """Energy of the second finest level: between frames of one burst, the sharper has more."""
        level = min(1, len(self.bands) - 1)
        h, w = self.sizes[level]
        return float(np.square(self.bands[level][:h:2, :w:2]).mean())


def pyramid(frame: Frame, *, fine: bool = False, dim: bool = False) -> Pyramid:
    """Luma pyramid of a frame, band by band; with the level of the mosaic's own samples, or without.

    dim : make the most of what strong noise leaves (`burst/dim.py`).
    """
    rows, columns = frame.quads
    levels = 1
    while levels < MAX_LEVELS and min(rows, columns) >> levels >= MIN_SIZE:
        levels += 1
    step = TILE << (levels - 1)
    height, width = -(-rows // step) * step, -(-columns // step) * step
    sizes = [(rows >> k, columns >> k) for k in range(levels)]
    made = Pyramid(_bands(_luma("burst_luma", frame, (height, width), dim), levels), sizes)
    return with_samples(made, frame, dim=dim) if fine else made


def with_samples(made: Pyramid, frame: Frame, *, dim: bool = False) -> Pyramid:
    """A frame's pyramid with the level of the mosaic's own samples, too."""
    height, width = made.bands[0].shape
    return replace(made, fine=_bands(_luma("burst_samples", frame, (2 * height, 2 * width), dim), 1)[0])


def _luma(kernel: str, frame: Frame, shape: tuple[int, int], dim: bool) -> Float32:
    rows, columns = frame.quads
    luma = np.empty(shape, np.float32)
    offset = max(float(frame.noise_offset.mean()), 1e-10)
    # The luma is a root over the scale: of nearly none, single precision would leave nothing but its own steps.
    scale = max(float(frame.noise_scale.mean()), 1e-7, LEAST_SCALE * math.sqrt(offset))
    weight = color_weights(frame) if dim else np.ones((2, 2), np.float32)
    quads = kernel == "burst_luma"
    kernels.call(
        kernel,
        mosaic=frame.padded,
        black=frame.black,
        scale=frame.scale * weight if quads else frame.scale,
        **({} if quads else {"weight": weight}),
        pad=PAD,
        width=columns,
        height=rows,
        noise_scale=scale,
        noise_offset=offset,
        margin=HOT_MARGIN,
        floor=clipped_as(frame) if dim else 0.0,
        luma=luma,
    )
    return luma


def _bands(luma: Float32, levels: int) -> list[Float32]:
    bands = []
    for level in range(levels):
        if level:
            half = np.empty((luma.shape[0] // 2, luma.shape[1] // 2), np.float32)
            kernels.call("burst_halve", luma=luma, half=half)
            luma = half
        band = np.empty_like(luma)
        kernels.call("burst_bandpass" if level else "burst_finest", luma=luma, band=band)
        bands.append(band)
    return bands


def noise_response(level: int) -> tuple[float, float]:
    """What unit noise of the luma leaves in a band: its variance, and that of its gradient (both axes' sum)."""
    return _responses()[max(level, 0)]


@functools.cache
def _responses() -> list[tuple[float, float]]:
    responses = []
    for lines in noise_covariances(3):
        variance, aside = (float(lines[:, 0] * lines[:, lag] @ (1, -2, 1)) for lag in (0, 2))
        responses.append((variance, variance - aside))
    return responses


def noise_covariances(lags: int) -> list[Float64]:
    """What unit noise of the luma leaves in each level's band: (3, lags) covariances of its lines, so many px apart.

    A band is f(x) f(y) - w(x) w(y) of the finest luma, f and w the filters of kernels/burst_align_gen.py one after
    another, so its covariances are the products of those of f with f, less twice f with w, and w with w.
    """
    finest, binomial, half = (np.array(taps) / sum(taps) for taps in ((1, 2, 1), (1, 4, 6, 4, 1), (1, 3, 3, 1)))
    luma, covariances = np.ones(1), []
    for level in range(MAX_LEVELS):
        pixel = 1 << level
        fine = _spread_taps(luma, binomial if level else finest, pixel)
        wide = _spread_taps(fine, binomial, 2 * pixel)
        fine = np.pad(fine, (wide.size - fine.size) // 2)
        pairs = ((fine, fine), (fine, wide), (wide, wide))
        covariances.append(
            np.array([[a[k:] @ b[: max(b.size - k, 0)] for k in range(0, lags * pixel, pixel)] for a, b in pairs])
        )
        luma = _spread_taps(luma, half, pixel)
    return covariances


def _spread_taps(filtered: Float64, taps: Float64, step: int) -> Float64:
    """A filter followed by another with so many px between its taps."""
    spread = np.zeros((taps.size - 1) * step + 1)
    spread[::step] = taps
    return np.convolve(filtered, spread)

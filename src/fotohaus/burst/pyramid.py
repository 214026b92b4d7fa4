"""What alignment looks at: half-resolution luma in units of its noise, band by band."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32

TILE = 32
"""Pixels of a level in a tile; at the finest level 64 px of the mosaic."""

MAX_LEVELS = 6
MIN_SIZE = 48  # px of the coarsest level's smaller side
CORRELATION = 6.0  # px over which the band-passed noise is one sample
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


def pyramid(frame: Frame, *, fine: bool = False) -> Pyramid:
    """Luma pyramid of a frame, band by band; with the level of the mosaic's own samples, or without."""
    rows, columns = frame.quads
    levels = 1
    while levels < MAX_LEVELS and min(rows, columns) >> levels >= MIN_SIZE:
        levels += 1
    step = TILE << (levels - 1)
    height, width = -(-rows // step) * step, -(-columns // step) * step
    sizes = [(rows >> k, columns >> k) for k in range(levels)]
    made = Pyramid(_bands(_luma("burst_luma", frame, (height, width)), levels), sizes)
    return with_samples(made, frame) if fine else made


def with_samples(made: Pyramid, frame: Frame) -> Pyramid:
    """A frame's pyramid with the level of the mosaic's own samples, too."""
    height, width = made.bands[0].shape
    return replace(made, fine=_bands(_luma("burst_samples", frame, (2 * height, 2 * width)), 1)[0])


def _luma(kernel: str, frame: Frame, shape: tuple[int, int]) -> Float32:
    rows, columns = frame.quads
    luma = np.empty(shape, np.float32)
    kernels.call(
        kernel,
        mosaic=frame.padded,
        black=frame.black,
        scale=frame.scale,
        pad=PAD,
        width=columns,
        height=rows,
        noise_scale=max(float(frame.noise_scale.mean()), 1e-7),
        noise_offset=max(float(frame.noise_offset.mean()), 1e-10),
        margin=HOT_MARGIN,
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
    side = TILE << (MAX_LEVELS - 1)
    noise = np.random.default_rng(0).standard_normal((side, side), np.float32)
    responses = []
    for band in _bands(noise, MAX_LEVELS):
        gradients = (band[1:-1, 2:] - band[1:-1, :-2]) / 2, (band[2:, 1:-1] - band[:-2, 1:-1]) / 2
        responses.append((float(band.var()), float(sum(np.square(g).mean() for g in gradients))))
    return responses

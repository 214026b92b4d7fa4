"""What alignment looks at: half-resolution luma in units of its noise, band by band."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from fotohaus import kernels
from fotohaus.burst.frame import PAD, Frame
from fotohaus.raw.image import Float32

TILE = 32
"""Pixels of a level in a tile; at the finest level 64 px of the mosaic."""

MAX_LEVELS = 6
MIN_SIZE = 48  # px of the coarsest level's smaller side
HOT_MARGIN = 1.0  # noise sigmas, and half of its neighbours' range, by which a quad may stand out


@dataclass(frozen=True)
class Pyramid:
    """Band-passed luma, finest first, and the size (h, w) of each level that means something."""

    bands: list[Float32]
    sizes: list[tuple[int, int]]

    @property
    def sharpness(self) -> float:
        """Energy of the second finest level: between frames of one burst, the sharper has more."""
        level = min(1, len(self.bands) - 1)
        h, w = self.sizes[level]
        return float(np.square(self.bands[level][:h:2, :w:2]).mean())


def pyramid(frame: Frame) -> Pyramid:
    """Luma pyramid of a frame, band by band."""
    rows, columns = frame.quads
    levels = 1
    while levels < MAX_LEVELS and min(rows, columns) >> levels >= MIN_SIZE:
        levels += 1
    step = TILE << (levels - 1)
    luma = np.empty((-(-rows // step) * step, -(-columns // step) * step), np.float32)
    kernels.call(
        "burst_luma",
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
    sizes = [(rows >> k, columns >> k) for k in range(levels)]
    return Pyramid(_bands(luma, levels), sizes)


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


@functools.cache
def noise_response() -> list[float]:
    """Per level: the variance that unit noise of the luma leaves in the band."""
    side = TILE << (MAX_LEVELS - 1)
    noise = np.random.default_rng(0).standard_normal((side, side), np.float32)
    return [float(b.var()) for b in _bands(noise, MAX_LEVELS)]

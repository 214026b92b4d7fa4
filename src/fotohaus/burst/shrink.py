"""What is likely in the mean of a few noisy frames' bands: its sliding cosine transform, shrunk.

Gradients of a mean still are mostly the noise's in little light, and say nothing about where a frame lies. Pictures are
sparse in cosines (Yaroslavsky 1996, "Local adaptive image restoration and enhancement with the use of DFT and DCT in a
running window"): coefficients that noise alone reaches are taken out.
"""

from __future__ import annotations

import functools

import numpy as np

from fotohaus import kernels
from fotohaus.burst.pyramid import noise_covariances
from fotohaus.raw.image import Float32, Float64

SIZE = 8  # px along a block's side
STEP = SIZE // 2  # px from block to block
THRESHOLD = 3.0
"""Energy at which half of a coefficient is kept, of the mean's noise."""

_RAMP = 0.8  # from nothing to all of a coefficient, as a share of its threshold


def shrunk(band: Float32, level: int, count: int) -> Float32:
    """The band of a mean of `count` frames without what its noise may be alone; level -1 is the samples' own.

    The mean of two grids of blocks, half a step apart: what is left of the noise depends on where the blocks lie.
    """
    mean = _shrink_at(0, band, level, count)
    mean += _shrink_at(STEP // 2, band, level, count)
    mean *= 0.5
    return mean


def _shrink_at(shift: int, band: Float32, level: int, count: int) -> Float32:
    """By blocks that begin `shift` px to the left of the band and above."""
    h, w = band.shape
    rows, columns = (-(-(n + shift) // STEP) for n in (h, w))
    out = np.empty((rows, STEP, columns, STEP), np.float32)
    kernels.call(
        "burst_shrink",
        band=band,
        rise=np.ascontiguousarray(count / (_RAMP * THRESHOLD * _spectra()[max(level, 0)]), np.float32),
        start=0.5 - 1 / _RAMP,
        shift=shift,
        shrunk=out.transpose(1, 3, 2, 0),
    )
    return out.reshape(rows * STEP, columns * STEP)[shift : shift + h, shift : shift + w]


@functools.cache
def _spectra() -> list[Float64]:
    """(8, 8) variance of a band's coefficients by level, of luma with unit noise."""
    frequency, place = np.arange(SIZE)[:, None], np.arange(SIZE)
    cosines = np.sqrt(2 / SIZE) * np.cos(np.pi * (2 * place + 1) * frequency / (2 * SIZE))
    cosines[0] /= np.sqrt(2)
    lags = np.abs(place[:, None] - place)

    def along(covariance: Float64) -> Float64:
        return np.asarray(np.einsum("ki,ij,kj->k", cosines, covariance[lags], cosines))

    return [
        np.asarray(sum(sign * np.outer(along(line), along(line)) for sign, line in zip((1, -2, 1), lines, strict=True)))
        for lines in noise_covariances(SIZE)
    ]

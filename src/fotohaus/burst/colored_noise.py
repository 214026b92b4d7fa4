"""Noise that neighbouring pixels share: what demosaicking, denoising and JPEG leave in pixels of three colours.

A white-noise model says too little of it, at low frequencies tenfold; so it is measured, by frequency, on what two
aligned frames differ.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fotohaus.burst.align import align
from fotohaus.burst.frame import block_size, make_frame, padded_like
from fotohaus.burst.pyramid import pyramid
from fotohaus.raw.image import Float32, NoiseProfile, RawImage
from fotohaus.raw.noise import estimate_plane

_TILE = 16  # samples of the filter's tiles
_FACTORS = (1, 3, 9)
_TEXTURED = 0.05  # of the tiles that must show something for a match to mean anything
_SAMPLE = 4096  # tiles that are looked at, at most
_MARGIN = 1.6  # of the floor over the middle tile's power: its spread


def noise_of_frames(reference: RawImage, others: Iterable[RawImage]) -> NoiseProfile:
    """NoiseProfile of frames' pixels, given as quads: the estimate from the reference alone, or a multiple of it.

    Cameras leave less noise in flat areas than elsewhere. Where another frame of the scene differs by more than the
    estimate explains, it is raised until they match; frames of two scenes never do, or have no detail left.
    """
    estimated = estimate_colored_noise(reference)
    padded = padded_like(reference)
    profiles = [
        NoiseProfile((estimated.scale[0] * k,) * 3, (estimated.offset[0] * k,) * 3, source="estimated")
        for k in _FACTORS
    ]
    for frame in others:
        for noise in profiles:
            pyramids = [pyramid(make_frame(raw, noise, padded)) for raw in (reference, frame)]
            found = align(pyramids[0], pyramids[1], block_size(reference))
            if found.ok and found.textured.mean() >= _TEXTURED:
                return noise
    return estimated


def estimate_colored_noise(quads: RawImage) -> NoiseProfile:
    """NoiseProfile of a frame's pixels, given as quads, as if the noise of its samples were white.

    It is measured on the luma, whose noise is what alignment meets and of which cameras leave more than of their
    channels' difference; and at half the size, since they clean the finest frequencies, by which noise is told from
    detail. Every colour gets the noise that, were it white and the channels' own, would leave that of the luma.
    """
    luma = quads.mosaic.astype(np.uint32)
    luma = luma[::2, ::2] + luma[1::2, ::2] + luma[::2, 1::2] + luma[1::2, 1::2]
    rows, columns = (n // 2 * 2 for n in luma.shape)
    halved = (
        luma[:rows:2, :columns:2]
        + luma[1:rows:2, :columns:2]
        + luma[:rows:2, 1:columns:2]
        + luma[1:rows:2, 1::2][:, : columns // 2]
    )
    black, white = float(quads.black.mean()), float(quads.white.mean())
    fine, coarse = (estimate_plane(plane, black, white) for plane in (luma / 4, halved / 16))
    scale, offset = (max(4 * a, 16 * b) for a, b in zip(fine, coarse, strict=True))
    return NoiseProfile((scale,) * 3, (offset,) * 3, source="estimated")


def measured_floor(difference: Float32, inverse_sigma: Float32, analysis: Float32, size: tuple[int, int]) -> Float32:
    """(16, 16) power of a difference that is only noise, as the merge filter sees it: [horizontal, vertical] frequency.

    difference : (rows, columns, 4), of which `size` mean something; inverse_sigma : by tiles every 8. Half of the tiles
    may show something that moved: the middle one tells.
    """
    rows, columns = (n // _TILE for n in size)
    chosen = np.arange(0, rows * columns, max(1, -(-rows * columns // _SAMPLE)))
    i, j = chosen // columns, chosen % columns
    inside = np.arange(_TILE)
    tiles = difference[(i[:, None] * _TILE + inside)[:, :, None], (j[:, None] * _TILE + inside)[:, None, :]]
    tiles = tiles * inverse_sigma[2 * i + 1, 2 * j + 1][:, None, None] * np.outer(analysis, analysis)[..., None]
    power = np.square(np.abs(np.fft.fft2(tiles, axes=(1, 2)))).mean(-1)
    power = (np.roll(power, 1, 1) + np.roll(power, -1, 1) + 2 * power) / 4
    power = (np.roll(power, 1, 2) + np.roll(power, -1, 2) + 2 * power) / 4
    power = power[power.sum((1, 2)) > 0]  # where both frames reach
    if not len(power):
        return np.ones((_TILE, _TILE), np.float32)
    middle = np.median(power, axis=0)
    # The same at both signs of a frequency, as it must be of real samples.
    middle = (middle + np.roll(middle[::-1, ::-1], (1, 1), (0, 1))) / 2
    return np.ascontiguousarray(_MARGIN * middle.T, np.float32)

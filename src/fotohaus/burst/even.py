"""Where something moved, the merge leaves more noise than elsewhere: that much of it is taken out in space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fotohaus.burst.frame import PAD, Frame
from fotohaus.denoising.denoiser import (
    LUMINANCE_LINEAR,
    NOWHERE_DARK,
    prepare_denoise,
    prepare_denoise_linear,
    visible_in_mosaic,
    visible_noise,
)
from fotohaus.denoising.shrink import denoise
from fotohaus.denoising.uneven import TILE, UnevenNoise
from fotohaus.raw.image import PLANES, Float32, NoiseProfile, Rectangle

NEEDED = (1.5, 2.5)
"""Times the variance of the noise where nothing moved: from the first on at a tile's low frequencies the tile is looked
after, from the second on as well as can be."""

EASIER = 0.7
"""Of the variance: what stands out of that is taken for the picture's. Detail is dearer than the last of the noise."""

MORE = 1.4
"""Times the decibels to the noise elsewhere by which the noise is shrunk, for what passes for the picture's."""

SOLVED = 0.5
"""Of the variance that the robust merge leaves where something moved: what a reconstruction leaves."""

ALIKE = 1.8
"""Times the variance of noise that all colours share: their energies' sum is a lottery of one draw, not of three."""

_VISIBLE = 0.9  # L* of a frame's noise below which one frame is not denoised either (develop/denoise.py)
_FREQUENCIES = 8  # of the weights, each way
_LOW = 4  # of them that tell motion from detail; noise that they keep shows as blotches
_REACH = 20  # samples on each side of a tile's middle in whose blocks it has a say
_BAND = 64  # rows that are made at a time
_APART = 64  # columns that need nothing between two parts that are made by themselves


def is_visible(frame: Frame, noise: NoiseProfile, *, planes: bool = False) -> bool:
    """Whether one would see a frame's noise. planes : the quads are pixels of three colours."""
    if planes:
        gains = np.asarray(frame.balance, np.float64)
        weights = np.array(LUMINANCE_LINEAR) if frame.raw.monochrome else np.square(LUMINANCE_LINEAR)
        scale, offset = float(weights @ (gains * noise.scale)), float(weights @ (gains**2 * noise.offset))
        return visible_noise((scale, offset)) >= _VISIBLE
    return visible_in_mosaic(frame.raw.cfa or "RGGB", noise, frame.balance) >= _VISIBLE


class Even:
    """The noise that a merge left from place to place, and what makes it the same everywhere.

    After Hasinoff et al. 2016 (HDR+), section 5, spatial denoising: a frequency is shrunk by what is known of the noise
    that the temporal filter left in it there. Here by the sliding cosine transform of `denoising`, and only down
    to the noise of what was merged.
    """

    def __init__(
        self,
        frame: Frame,
        weights: Float32,
        reach: Float32,
        count: float,
        left: tuple[float, float],
        noise: NoiseProfile,
        *,
        share: float = 1.0,
        planes: bool = False,
        spectrum: Float32 | None = None,
    ) -> None:
        """weights : (rows, columns) sums over the frames, as the kernel `burst_merge` makes them. reach : (rows / 8,
        columns / 8) mean share of each tile that the other frames show. left : the variance of a warped frame's noise,
        and the least that the merge of `count` frames leaves, in units of `noise`. share : of that variance, where it
        is more. planes : the quads are pixels of three colours. spectrum : (16, 16) variance by [horizontal, vertical]
        frequency of a frame's noise that is not white, and that its colours share, in units of `noise`.
        """
        self._weights, self._reach, self._count, (self._warped, self._least) = weights, reach, count, left
        n = _FREQUENCIES
        rows, columns = (size // n for size in weights.shape)
        low = weights.reshape(rows, n, columns * n)[:, :_LOW].mean(1).reshape(rows, columns, n)[..., :_LOW].mean(2)
        low *= reach
        first, full = NEEDED
        need = (self._left(low) / np.float32(self._least) - first) / (full - first)
        self._need: Float32 = np.clip(need, 0, 1).astype(np.float32)
        self._share, self._planes = share, planes
        self._spectrum: Float32 = np.ones((n, n), np.float32)
        if spectrum is not None:
            vertical = spectrum.T[:n]
            self._spectrum = np.asarray((vertical[:, :n] + vertical[:, -np.arange(n)]) / 2, np.float32)
        if planes and (spectrum is not None or frame.raw.monochrome):
            self._spectrum *= np.float32(ALIKE)
        self._top, self._first = PAD - frame.top, PAD - frame.left
        gains = np.asarray(frame.balance, np.float64)
        cfa = frame.raw.cfa or "RGGB"
        made = prepare_denoise_linear(noise, gains) if planes else prepare_denoise(cfa, noise, gains)
        positions = [PLANES.index(name) for name in cfa]
        # Of light that has no gains in it, and the mean needs no correction.
        slope = made.slope * gains[positions].reshape(2, 2).astype(np.float32)
        self._denoiser = replace(made, slope=slope, correction=np.zeros_like(made.correction), dark=NOWHERE_DARK)

    def _left(self, weights: Float32) -> Float32:
        """Variance of the noise, in units of a frame's, for sums of weights."""
        share = weights * np.float32(1 / self._count)
        return np.asarray(np.square(1 - share) + share * np.float32(self._warped / self._count))

    @property
    def margin(self) -> int:
        """Rows around a strip that have a say in it."""
        return self._denoiser.margin

    def parts(self, top: int, bottom: int, width: int) -> list[Rectangle]:
        """The parts of rows top ... bottom where more noise is left than elsewhere."""
        return [part for first in range(top, bottom, _BAND)
                for part in self._runs(first, min(first + _BAND, bottom), width)]  # fmt: skip

    def _runs(self, top: int, bottom: int, width: int) -> Iterator[Rectangle]:
        low, high = self._tiles(top, bottom, self._top, self._need.shape[0])
        columns = np.flatnonzero(self._need[low:high].any(0)) * TILE + self._first
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > _APART + 2 * _REACH) + 1):
            if run.size:
                left, right = max(int(run[0]) - _REACH, 0) & ~1, min(int(run[-1]) + _REACH, width)
                if right > left:
                    yield Rectangle(top, left, bottom - top, right - left)

    @staticmethod
    def _tiles(first: int, last: int, start: int, count: int) -> tuple[int, int]:
        """Tiles that have a say in rows or columns first ... last."""
        return max((first - _REACH - start) // TILE, 0), min((last + _REACH - start) // TILE + 1, count)

    def rows(self, light: Float32, first: int, top: int, bottom: int) -> Float32:
        """Rows top ... bottom of merged light, of which `light` has the rows from `first` on, and a margin."""
        out = light[top - first : bottom - first].copy()
        width = light.shape[1]
        margin = self.margin
        for part in self.parts(top, bottom, width):
            below, right = part.top + part.height, part.left + part.width
            above, before = max(part.top - margin, first), max(part.left - margin, 0)
            seen = light[above - first : below + margin - first, before : right + margin]
            down = self._tiles(part.top - margin, below + margin, self._top, self._need.shape[0])
            across = self._tiles(part.left - margin, right + margin, self._first, self._need.shape[1])
            crop = Rectangle(part.top - above, part.left - before, part.height, part.width)
            uneven = self._uneven(down, across)
            if self._planes:
                # Of a pixel, whose green stands in its quad twice, the denoiser knows three samples.
                seen = seen.copy()
                seen[1::2, ::2] = 0
            made = denoise(seen, self._denoiser, crop=crop, origin=(above, before), uneven=uneven)
            if self._planes:
                made[1::2, ::2] = made[::2, 1::2]
            place = np.s_[part.top - top : below - top, part.left : right]
            # What is clipped stays as bright as it is.
            np.copyto(out[place], made, where=out[place] < 1)
        return out

    def _uneven(self, rows: tuple[int, int], columns: tuple[int, int]) -> UnevenNoise:
        n = _FREQUENCIES
        part = self._weights[rows[0] * n : rows[1] * n, columns[0] * n : columns[1] * n]
        # Of each tile, rows are horizontal frequencies.
        tiles = part.reshape(rows[1] - rows[0], n, columns[1] - columns[0], n).transpose(0, 2, 3, 1)
        left = self._left(tiles * self._reach[slice(*rows), slice(*columns), None, None]) * np.float32(self._share)
        power = self._need[slice(*rows), slice(*columns), None, None] * np.float32(MORE / 2)
        return UnevenNoise(
            variance=left * (np.float32(EASIER) * self._spectrum),
            kept=np.minimum(np.float32(self._least) / left, 1) ** power,
            top=self._top + rows[0] * TILE,
            left=self._first + columns[0] * TILE,
        )

"""How a frame lies to the reference: a global motion of eight parameters, and a field of tiles beyond it."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from fotohaus import kernels
from fotohaus.burst.pyramid import TILE, Pyramid
from fotohaus.raw.image import Float32, Float64

PARAMETERS = ("shift x", "shift y", "rotation", "scale", "stretch", "shear", "perspective x", "perspective y")
"""Coefficients of the global motion, in px of the finest level; all but the shift at the image's longer edge."""

MAX_SLOPE = 0.06
"""Change of the displacement per px: beyond 3.4 degrees frames are not one hand-held burst."""


def basis(x: Float64, y: Float64) -> Float64:
    """(..., 2, 8) displacement per coefficient at x, y in units of the reach.

    A camera that turns under the hand moves the picture's corners further than its middle: the last two terms are the
    first order of that (Hartley and Zisserman, Multiple View Geometry, 2.4), the others an affine motion.
    """
    one, zero = np.ones_like(x), np.zeros_like(x)
    along_x = [one, zero, -y, x, x, y, x * x, x * y]
    along_y = [zero, one, x, y, -y, x, x * y, y * y]
    return np.stack([np.stack(along_x, -1), np.stack(along_y, -1)], -2)


@dataclass
class Motion:
    """Displacement d(p) = basis(p) coefficients + tiles, in px of the finest level.

    centre : (x, y) of the image; reach : px from it that are one unit of the basis.
    tiles : (rows, columns, 2), of the level that was refined last.
    """

    coefficients: Float64
    centre: Float64
    reach: float
    tiles: Float64 | None = None

    @classmethod
    def still(cls, size: tuple[int, int]) -> Motion:
        """No motion, for a finest level of size (h, w)."""
        h, w = size
        return cls(np.zeros(len(PARAMETERS)), np.array([(w - 1) / 2, (h - 1) / 2]), max(h, w) / 2)

    def basis(self, level: int, rows: int, columns: int, offset: float) -> Float64:
        """(rows, columns, 2, 8) basis at the tiles of a level: `offset` 0 for their corners, 1/2 for their centres."""
        size = TILE * 2.0**level
        x = ((np.arange(columns) + offset) * size - 0.5 - self.centre[0]) / self.reach
        y = ((np.arange(rows) + offset) * size - 0.5 - self.centre[1]) / self.reach
        return basis(*np.broadcast_arrays(x[None, :], y[:, None]))

    def nodes(self, level: int, rows: int, columns: int) -> Float32:
        """(rows + 1, columns + 1, 2) float32 displacement at the corners of the tiles of a level, in its px."""
        d = self.basis(level, rows + 1, columns + 1, 0.0) @ self.coefficients
        if self.tiles is not None:
            have_rows, have_columns = self.tiles.shape[:2]
            i = np.clip(np.arange(rows + 2) - 1, 0, have_rows - 1)
            j = np.clip(np.arange(columns + 2) - 1, 0, have_columns - 1)
            t = self.tiles[i][:, j]
            d += (t[1:, 1:] + t[:-1, 1:] + t[1:, :-1] + t[:-1, :-1]) / 4
        return kernels.planar((d / 2.0**level).astype(np.float32))

    def finer(self) -> Motion:
        """A copy whose tiles are those of the next finer level."""
        copy = replace(self, coefficients=self.coefficients.copy())
        if copy.tiles is not None:
            copy.grow(*(2 * n for n in copy.tiles.shape[:2]))
        return copy

    def grow(self, rows: int, columns: int) -> None:
        """Interpolate the tiles' field to the next finer level, of `rows` x `columns` tiles."""
        if self.tiles is None:
            self.tiles = np.zeros((rows, columns, 2))
            return
        for axis, count in ((0, rows), (1, columns)):
            last = self.tiles.shape[axis] - 1
            position = np.clip((np.arange(count) + 0.5) / 2 - 0.5, 0, last)
            first = position.astype(int)
            part = (position - first).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
            later = np.minimum(first + 1, last)
            self.tiles = self.tiles.take(first, axis) * (1 - part) + self.tiles.take(later, axis) * part


def coarse_motion(reference: Pyramid, moved: Pyramid) -> Motion:
    """Shift and rotation from the coarsest level: phase correlation at angles around the best."""
    level = len(reference.bands) - 1
    h, w = reference.sizes[level]
    window = np.hanning(h + 2)[1:-1, None] * np.hanning(w + 2)[None, 1:-1]
    size = (1 << (h - 1).bit_length(), 1 << (w - 1).bit_length())
    still = np.fft.rfft2(reference.bands[level][:h, :w] * window, size)
    image = moved.bands[level][:h, :w]
    y, x = np.mgrid[:h, :w].astype(np.float64)
    y -= (h - 1) / 2
    x -= (w - 1) / 2

    @functools.cache
    def correlate(step: int) -> tuple[float, float, float]:
        """Height and place of the peak for a rotation by `step` steps."""
        angle = step * spacing
        cos, sin = np.cos(angle), np.sin(angle)
        turned = (
            image if step == 0 else _bilinear(image, cos * x - sin * y + (w - 1) / 2, sin * x + cos * y + (h - 1) / 2)
        )
        cross = np.fft.rfft2(turned * window, size) * np.conj(still)
        # Between correlation and phase correlation: noise has no phase worth a vote.
        surface = np.fft.irfft2(cross / np.sqrt(np.abs(cross) + 1e-9), size)
        peak = int(surface.argmax())
        py, px = divmod(peak, size[1])
        height = float(surface[py, px])
        sy = parabola(surface[py - 1, px], height, surface[(py + 1) % size[0], px])
        sx = parabola(surface[py, px - 1], height, surface[py, (px + 1) % size[1]])
        py -= size[0] if py > size[0] // 2 else 0
        px -= size[1] if px > size[1] // 2 else 0
        return height, px + sx, py + sy

    spacing = 1.5 / max(h, w)  # rad: the corner moves by less than a pixel
    best = 0
    for stride in (2, 1):
        while True:
            ahead = max((best - stride, best, best + stride), key=lambda s: (correlate(s)[0], s == best))
            if ahead == best or abs(ahead * spacing) > MAX_SLOPE:
                break
            best = ahead
    _, dx, dy = correlate(best)
    angle = best * spacing
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    motion = Motion.still(reference.sizes[0])
    motion.coefficients[:2] = rotation @ np.array([dx, dy]) * 2.0**level
    motion.coefficients[2:4] = motion.reach * np.sin(angle), motion.reach * (np.cos(angle) - 1)
    return motion


def _bilinear(image: Float32, x: Float64, y: Float64) -> Float64:
    """The image at (x, y), zero outside."""
    h, w = image.shape
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (x0 >= 0) & (x0 < w - 1) & (y0 >= 0) & (y0 < h - 1)
    fx, fy = x - x0, y - y0
    x0, y0 = np.clip(x0, 0, w - 2), np.clip(y0, 0, h - 2)
    upper = image[y0, x0] * (1 - fx) + image[y0, x0 + 1] * fx
    lower = image[y0 + 1, x0] * (1 - fx) + image[y0 + 1, x0 + 1] * fx
    return np.asarray((upper * (1 - fy) + lower * fy) * inside)


def parabola(before: float, peak: float, after: float) -> float:
    """Where between -1/2 and 1/2 the parabola through three samples peaks."""
    bend = 2 * peak - before - after
    return float(np.clip((after - before) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0

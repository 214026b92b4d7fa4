"""Gains on a grid over an image: what lens shading and the like are described by."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.records import record

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def _ones() -> Float32:
    return np.ones((1, 1, 4), np.float32)


@record
class Shading:
    """Gains on a grid over an array of samples, interpolated bilinearly; outside, the border's gains hold.

    grid : (points_y, points_x, n), n = 4 positions of the CFA at 2 * (y & 1) + (x & 1), or n = 3 planes.
    origin, step : (x, y); sample x lies at grid column step[0] * x + origin[0], sample y likewise, but for `top`, the
    row that is the array's first where it is a part of an image.
    """

    grid: Float32 = field(default_factory=_ones)
    origin: tuple[float, float] = (0.0, 0.0)
    step: tuple[float, float] = (0.0, 0.0)
    top: int = 0

    def below(self, top: int) -> Shading:
        """The same gains for the part of the array that begins at row `top`."""
        # Not by another origin: it would be rounded, and the strips of a picture would differ from the whole.
        return replace(self, top=self.top + top)

    def after(self, left: int) -> Shading:
        """The same gains for the part of the array that begins at column `left`."""
        return replace(self, origin=(self.origin[0] + left * self.step[0], self.origin[1]))

    def in_cells(self, size: int) -> Shading:
        """The same gains at the centres of cells of `size` by `size` samples."""
        first = 0.5 * size - 0.5
        (x, y), (step_x, step_y) = self.origin, self.step
        origin = x + first * step_x, y + (first + self.top) * step_y
        return replace(self, origin=origin, step=(size * step_x, size * step_y), top=0)

    @property
    def arguments(self) -> dict[str, object]:
        """The gains as arguments of a kernel."""
        return {
            "gains": kernels.planar(self.grid, np.float32),
            "origin_x": self.origin[0],
            "origin_y": self.origin[1],
            "step_x": self.step[0],
            "step_y": self.step[1],
            "top": self.top,
        }

    def sample(self, ys: NDArray[Any], xs: NDArray[Any], position: int) -> Float32:
        """Gains of one position of the CFA (or plane) at rows `ys` and columns `xs`: (len(ys), len(xs))."""
        (origin_x, origin_y), (step_x, step_y) = self.origin, self.step
        grid = self.grid[..., position : position + 1]
        return bilinear(grid, (ys + self.top) * step_y + origin_y, xs * step_x + origin_x)[..., 0].astype(np.float32)


def bilinear(grid: NDArray[Any], ys: NDArray[Any], xs: NDArray[Any]) -> Float64:
    """The grid at fractional rows `ys` and columns `xs`, its border's values outside: (len(ys), len(xs), n)."""

    def along(values: NDArray[Any], axis: int, places: NDArray[Any]) -> NDArray[Any]:
        last = values.shape[axis] - 1
        place = np.clip(places, 0, last)
        low = place.astype(np.intp)
        part = np.expand_dims(place - low, (1, 2) if axis == 0 else (0, 2))
        return np.asarray(values.take(low, axis) * (1 - part) + values.take(np.minimum(low + 1, last), axis) * part)

    return along(along(grid.astype(np.float64), 0, ys), 1, xs)

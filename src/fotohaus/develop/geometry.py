"""Crop and orientation: which samples are developed, seen upright, and where each lies on the sensor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import CFA_PATTERNS, CfaPattern, RawImage, Rectangle
from fotohaus.records import record

_SQUARE = 1.001  # longer pixels are oblong


def orient(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of an (H, W[, ...]) array turned upright; `orientation` as in EXIF, 1 to 8."""
    if orientation not in range(1, 9):
        raise ValueError(f"orientation must be 1 to 8, got {orientation}")
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    flip_y, flip_x = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return array[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def stretch(raw: RawImage) -> tuple[float, float]:
    """Rows and columns of the upright picture to each row and column of its samples; near 1 where pixels are square."""
    rows, columns = raw.scale
    return (columns, rows) if raw.orientation >= 5 else (rows, columns)


def is_stretched(raw: RawImage) -> bool:
    """Whether pixels are so oblong that a picture of them must be stretched."""
    return max(raw.scale) > _SQUARE


@record
class Upright:
    """The samples that are developed, as an upright view of the mosaic.

    samples : (h, w[, 3]) view of the mosaic: the crop and the margin around it that the mosaic still has.
    positions : (2, 2), at [y & 1, x & 1] of the view: index 2 * (row & 1) + (column & 1) of the sample on the sensor.
    crop : the default crop within the view.
    transposed : whether the view's x runs along the sensor's rows' index.
    rows, columns : (start, step) of the sensor row (column) along that axis of the view which runs through it.
    """

    samples: NDArray[Any]
    positions: NDArray[np.intp]
    crop: Rectangle
    transposed: bool
    rows: tuple[int, int]
    columns: tuple[int, int]

    def at_positions(self, tile: NDArray[Any]) -> NDArray[Any]:
        """A (2, 2) tile of the sensor's CFA positions as the view sees it."""
        return np.ascontiguousarray(tile.reshape(4, *tile.shape[2:])[self.positions])

    def of(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Other samples of the whole mosaic's shape, in the same view."""
        height, width = self.samples.shape[1::-1] if self.transposed else self.samples.shape[:2]
        for axis, (count, (start, step)) in enumerate(((height, self.rows), (width, self.columns))):
            first = start if step > 0 else start - count + 1
            part = samples.swapaxes(0, axis)[first : first + count][::step]
            samples = part.swapaxes(0, axis)
        return samples.swapaxes(0, 1) if self.transposed else samples


def upright(raw: RawImage, margin: int) -> Upright:
    """The image's crop with up to `margin` samples around it, turned upright without copying."""
    height, width = raw.mosaic.shape[:2]
    box = raw.crop
    top, left = max(0, box.top - margin), max(0, box.left - margin)
    bottom = min(height, box.top + box.height + margin)
    right = min(width, box.left + box.width + margin)
    if min(box.top, box.left) < 0 or box.top + box.height > height or box.left + box.width > width:
        raise ValueError(f"crop {box} is not within the mosaic's {width} x {height}")

    # The tile of positions is turned with an array whose size has the view's parity.
    rows, columns = np.ogrid[: 2 + (bottom - top) % 2, : 2 + (right - left) % 2]
    tile = 2 * ((rows + top) & 1) + ((columns + left) & 1)
    inside = np.zeros((2, 2), np.intp)
    inside[:] = (box.top - top, bottom - box.top - box.height), (box.left - left, right - box.left - box.width)
    flip_y, flip_x = raw.orientation in (3, 4, 7, 8), raw.orientation in (2, 3, 6, 7)
    transposed = raw.orientation >= 5
    if transposed:
        inside = inside[::-1]
    view_top, view_left = int(inside[0, int(flip_y)]), int(inside[1, int(flip_x)])
    size = (box.width, box.height) if transposed else (box.height, box.width)
    flip_rows, flip_columns = (flip_x, flip_y) if transposed else (flip_y, flip_x)
    return Upright(
        samples=orient(raw.mosaic[top:bottom, left:right], raw.orientation),
        positions=np.ascontiguousarray(orient(tile, raw.orientation)[:2, :2]),
        crop=Rectangle(view_top, view_left, *size),
        transposed=transposed,
        rows=(bottom - 1, -1) if flip_rows else (top, 1),
        columns=(right - 1, -1) if flip_columns else (left, 1),
    )


def cfa_of(view: Upright, cfa: CfaPattern) -> CfaPattern:
    """The CFA pattern as the view sees it."""
    seen = "".join(cfa[p] for p in view.positions.ravel())
    return next(pattern for pattern in CFA_PATTERNS if pattern == seen)

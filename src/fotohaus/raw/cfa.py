"""Colour filter arrays: which a file has, and the binning of those whose cells are more than one pixel."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fotohaus.raw import tags
from fotohaus.raw.image import CFA_PATTERNS, PLANES, CfaPattern, Rectangle, UInt16
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.records import record

_MAX_SIDE = 16
_CELLS = (2, 3, 4)


class OtherCfa(TiffError):
    """A sound file whose colour filter array fotohaus does not develop itself."""


@record
class Filters:
    """What lies on the sensor.

    kind : "mosaic" (a Bayer pattern), "linear" (three samples per pixel) or "monochrome".
    pattern : the Bayer pattern from the corner of the active area; after binning, where cell is more than 1.
    cell : pixels on a side that share a filter: 1, or 2 to 4 on the sensors called quad Bayer, Nonacell and the like.
    offset : rows and columns from the active area's corner to the first whole cell.
    """

    kind: Literal["mosaic", "linear", "monochrome"]
    pattern: CfaPattern | None = None
    cell: int = 1
    offset: tuple[int, int] = (0, 0)

    @property
    def period(self) -> int:
        """After how many pixels the filters of the (binned) mosaic repeat."""
        return 2 if self.kind == "mosaic" else 1


def is_linear(image: Ifd) -> bool:
    """Whether a raw image is linear raw (no mosaic)."""
    return image.integer(tags.PHOTOMETRIC, 0) == tags.PHOTOMETRIC_LINEAR_RAW


def read_filters(image: Ifd, samples: int) -> Filters:
    """The colour filter array of a raw image.

    Raises OtherCfa for arrays that are no Bayer pattern of red, green and blue, TiffError for damaged ones.
    """
    if is_linear(image):
        if samples not in (1, 3):
            raise TiffError(f"linear raw of {samples} samples per pixel is not supported")
        return Filters("linear" if samples == 3 else "monochrome")
    if samples != 1:
        raise TiffError(f"a mosaic of {samples} samples per pixel is not supported")
    dim = image.integers(tags.CFA_REPEAT_PATTERN_DIM) or [2, 2]
    colors = image.integers(tags.CFA_PATTERN)
    if colors is None:
        raise TiffError("is damaged: does not say its colour filter array")
    if len(dim) != 2 or not all(1 <= d <= _MAX_SIDE for d in dim) or dim[0] * dim[1] != len(colors):
        raise TiffError(f"is damaged: a colour filter array of {dim} with {len(colors)} colours")
    if image.integer(tags.CFA_LAYOUT, 1) != 1:
        raise TiffError("a staggered colour filter array is not supported")
    if len(set(colors)) == 1:
        return Filters("monochrome")
    array = np.array(colors).reshape(dim)
    if (found := _bayer(array)) is not None:
        return found
    if dim == [6, 6] and set(colors) == {0, 1, 2}:
        raise OtherCfa("an X-Trans sensor")
    raise OtherCfa(f"colour filter array {dim[0]} x {dim[1]} of {colors} is not a Bayer pattern of red, green and blue")


def _bayer(array: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Filters | None:
    """A Bayer pattern, of single pixels or of square cells, perhaps cut at the corner; None if it is none."""
    if max(array.shape) <= 2:
        array = np.tile(array, (2 // array.shape[0], 2 // array.shape[1]))
    for cell in (1, *_CELLS):
        if array.shape != (2 * cell, 2 * cell):
            continue
        for offset in ((y, x) for y in range(cell) for x in range(cell)):
            moved = np.roll(array, (-offset[0], -offset[1]), (0, 1))
            cells = moved.reshape(2, cell, 2, cell).swapaxes(1, 2).reshape(4, -1)
            if (cells != cells[:, :1]).any():
                continue
            name = "".join(PLANES[c] if 0 <= c < len(PLANES) else "?" for c in cells[:, 0])
            for known in CFA_PATTERNS:
                if name == known:
                    return Filters("mosaic", known, cell, offset)
    return None


def bin_cells(mosaic: UInt16, filters: Filters, largest: float) -> tuple[UInt16, int, int]:
    """A mosaic with one sample per cell: the mean of the cell's samples, times a factor.

    largest : the white level in DN; the factor is the largest whole one (up to the number of samples in a cell) by
    which it still fits in 16 bits, so that averaging does not lose what it gains. Returns the mosaic, the factor and
    the number of samples in a cell.
    """
    cell, (top, left) = filters.cell, filters.offset
    rows, columns = (mosaic.shape[0] - top) // cell, (mosaic.shape[1] - left) // cell
    count = cell * cell
    factor = max(1, min(count, int(65535 // max(largest, 1))))
    total = np.zeros((rows, columns), np.uint32)
    for y in range(cell):
        for x in range(cell):
            total += mosaic[top + y : top + rows * cell : cell, left + x : left + columns * cell : cell]
    if factor != count:
        total *= np.uint32(factor)
        total += np.uint32(count // 2)
        total //= np.uint32(count)
    return total.clip(0, 65535).astype(np.uint16), factor, count


def bin_rectangle(area: Rectangle, filters: Filters, height: int, width: int) -> Rectangle:
    """The cells that lie wholly within an area of the mosaic, clipped to a binned mosaic of height x width."""
    cell, (top, left) = filters.cell, filters.offset
    first_y, first_x = max(0, -(-(area.top - top) // cell)), max(0, -(-(area.left - left) // cell))
    last_y, last_x = (area.top + area.height - top) // cell, (area.left + area.width - left) // cell
    last_y, last_x = min(last_y, height), min(last_x, width)
    if last_y <= first_y or last_x <= first_x:
        return Rectangle(0, 0, height, width)
    return Rectangle(first_y, first_x, last_y - first_y, last_x - first_x)

"""Colour filter arrays: which a file has, and the binning of those whose cells are more than one pixel."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from fotohaus.raw import tags
from fotohaus.raw.image import CFA_PATTERNS, PLANES, CfaPattern, Rectangle, UInt16
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.records import record

_MAX_SIDE = 16
_MAX_LAYOUT = 9
LIBRAW_LEAST = 512  # px; LibRaw demosaics no X-Trans image that is smaller
_CELLS = (2, 3, 4)


class OtherCfa(TiffError):
    """A sound file whose colour filter array fotohaus does not develop itself."""


@record
class Filters:
    """What lies on the sensor.

    kind : "mosaic" (a Bayer pattern), "linear" (three samples per pixel), "monochrome" or "other": another mosaic, or
        linear raw of other colours, which becomes linear raw of three.
    pattern : the Bayer pattern from the corner of the active area; after binning, where cell is more than 1.
    cell : pixels on a side that share a filter: 1, or 2 to 4 on the sensors called quad Bayer, Nonacell and the like.
    offset : rows and columns from the active area's corner to the first whole cell.
    colors : of kind "other", the planes' colours as EXIF numbers them (CFAPlaneColor), red, green and blue in this
        order. array : where they lie, None of linear raw. layout : CFALayout, from 2 on with rows or columns offset.
    """

    kind: Literal["mosaic", "linear", "monochrome", "other"]
    pattern: CfaPattern | None = None
    cell: int = 1
    offset: tuple[int, int] = (0, 0)
    colors: tuple[int, ...] = (0, 1, 2)
    array: tuple[tuple[int, ...], ...] | None = None
    layout: int = 1

    @property
    def order(self) -> tuple[int, ...] | None:
        """Which planes matrices and levels are for, where CFAPlaneColor has no say in it."""
        return (0, 1, 2) if self.kind == "monochrome" or set(self.colors) != {0, 1, 2} else None

    @property
    def repeat(self) -> int:
        """After how many rows, and columns, the filters of the mosaic as stored repeat."""
        if self.array is not None:
            return math.lcm(len(self.array), len(self.array[0]))
        return 2 * self.cell if self.kind == "mosaic" else 1

    @property
    def period(self) -> int:
        """After how many pixels the filters of the (binned) mosaic repeat."""
        return 2 if self.kind == "mosaic" else 1


def is_linear(image: Ifd) -> bool:
    """Whether a raw image is linear raw (no mosaic)."""
    return image.integer(tags.PHOTOMETRIC, 0) == tags.PHOTOMETRIC_LINEAR_RAW


def read_filters(image: Ifd, samples: int) -> Filters:
    """The colour filter array of a raw image.

    Raises OtherCfa for the arrays that LibRaw demosaics better (X-Trans), TiffError for damaged ones.
    """
    if is_linear(image):
        if samples == 4:
            return Filters("other", colors=(0, 1, 2, 3))
        if samples not in (1, 3):
            raise TiffError(f"linear raw of {samples} samples per pixel is not supported")
        return Filters("linear" if samples == 3 else "monochrome")
    # Of two, the second is of less sensitive pixels beside: Fujifilm's SuperCCD SR in Adobe's converter.
    if samples not in (1, 2):
        raise TiffError(f"a mosaic of {samples} samples per pixel is not supported")
    dim = image.integers(tags.CFA_REPEAT_PATTERN_DIM) or [2, 2]
    found = image.integers(tags.CFA_PATTERN)
    if found is None:
        raise TiffError("is damaged: does not say its colour filter array")
    if len(dim) != 2 or not all(1 <= d <= _MAX_SIDE for d in dim) or dim[0] * dim[1] != len(found):
        raise TiffError(f"is damaged: a colour filter array of {dim} with {len(found)} colours")
    layout = image.integer(tags.CFA_LAYOUT, 1)
    if not 1 <= layout <= _MAX_LAYOUT:
        raise TiffError(f"is damaged: layout {layout} of its colour filter array")
    if len(set(found)) == 1 and layout == 1:
        return Filters("monochrome")
    array = np.array(found).reshape(dim)
    bayer = _bayer(array) if layout == 1 else None
    if bayer is not None:
        return bayer
    sides = image.integer(tags.IMAGE_LENGTH, 0), image.integer(tags.IMAGE_WIDTH, 0)
    if dim == [6, 6] and set(found) == {0, 1, 2} and layout == 1 and min(sides) >= LIBRAW_LEAST:
        raise OtherCfa("an X-Trans sensor")
    colors = image.integers(tags.CFA_PLANE_COLOR) or [0, 1, 2]
    if len(set(colors)) != len(colors) or set(colors) != set(found):
        raise TiffError(f"is damaged: a colour filter array of {sorted(set(found))} for planes of {colors}")
    if len(colors) not in (3, 4):
        raise TiffError(f"a camera of {len(colors)} colours is not supported")
    if set(colors) == {0, 1, 2}:
        colors = [0, 1, 2]
    return Filters("other", colors=tuple(colors), array=tuple(map(tuple, array.tolist())), layout=layout)


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

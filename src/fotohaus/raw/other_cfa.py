"""Mosaics that are no Bayer pattern: any filters, in any repeat, rows or columns offset by half a pixel, made whole.

DNG 1.7.1, CFAPattern, CFAPlaneColor and CFALayout. Each colour is interpolated for itself, from the samples of its own
that lie closest: as Adobe's SDK does (dng_mosaic_info, InterpolateGeneric), so that these rare files come out alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import opcode_types as types
from fotohaus.raw.apply_opcodes import apply_to_part, fix_bad_pixels, listed_pixels
from fotohaus.raw.cfa import Filters
from fotohaus.raw.image import RawImage, Rectangle
from fotohaus.raw.levels import Black
from fotohaus.raw.opcode_types import Opcode
from fotohaus.raw.opcodes import opcode_name
from fotohaus.report import Report
from fotohaus.strips import in_threads

if TYPE_CHECKING:
    from fotohaus.raw.four_colors import FourColors

Float32 = NDArray[np.float32]
Cells = NDArray[np.intp]
Taps = dict[tuple[int, int], float]

_ROUND = ((-1, 0), (1, 0), (0, -1), (0, 1))
_CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
# The first of these sets of neighbours that is there has the colour that a place lacks.
_NEAR: tuple[Taps, ...] = (
    dict.fromkeys(_ROUND, 0.25),
    dict.fromkeys(_ROUND[:2], 0.5),
    dict.fromkeys(_ROUND[2:], 0.5),
    {(-1, 0): 0.5, (1, -1): 0.25, (1, 1): 0.25},
    {(1, 0): 0.5, (-1, -1): 0.25, (-1, 1): 0.25},
    {(0, -1): 0.5, (-1, 1): 0.25, (1, 1): 0.25},
    {(0, 1): 0.5, (-1, -1): 0.25, (1, -1): 0.25},
    dict.fromkeys(_CORNERS, 0.25),
    {(-1, -1): 0.5, (1, 1): 0.5},
    {(-1, 1): 0.5, (1, -1): 0.5},
)


FLOOR = 0.25
"""Of white, at which black lies in what is made here: noise and mixtures below black are kept."""


def three_colors(
    raw: RawImage,
    filters: Filters,
    levels: tuple[Black, Float32],
    four: FourColors | None,
    *,
    opcodes: bool,
    report: Report,
) -> RawImage:
    """Linear raw of three colours from samples of other filters.

    raw : its mosaic, the active area's samples as stored; all else as it will be, but for levels, crop and scale.
    levels : black, and the white level by plane, in DN. four : how four colours become three. opcodes : whether list 2
    is applied; it is for the mosaic.
    """
    light, second, third = _light(raw.mosaic, *levels), raw.opcodes_2, raw.opcodes_3
    if opcodes:
        third = (*_apply_list_2(light, second, filters, raw.mosaic.dtype != np.uint16, report), *third)
        second = ()
    if filters.array is not None:
        light = complete(light, filters)
        report.note("no Bayer mosaic: each colour interpolated for itself")
    rows, columns = (n // m for n, m in zip(light.shape[:2], raw.mosaic.shape[:2], strict=True))
    if four is not None:
        light = four.reduce(light)
        report.note("four colours made three")
    light += np.float32(FLOOR)
    crop, (tall, wide) = raw.crop, raw.scale
    tall, wide = tall / rows, wide / columns
    return replace(
        raw,
        mosaic=light,
        black=np.full((1, 3), FLOOR, np.float32),
        white=np.full((1, 3), 1 + FLOOR, np.float32),
        crop=Rectangle(crop.top * rows, crop.left * columns, crop.height * rows, crop.width * columns),
        scale=(tall / min(tall, wide), wide / min(tall, wide)),
        opcodes_2=second,
        opcodes_3=third,
    )


def _light(mosaic: NDArray[Any], black: Black, white: Float32) -> Float32:
    """Samples in DN as linear reference values, 0 black and 1 white."""
    light = mosaic.astype(np.float32)
    black.take_unevenness(light)
    planes = light.reshape(*light.shape[:2], -1)
    planes -= black.level[0, 0]
    planes /= (white - black.highest).astype(np.float32)
    return light


def _apply_list_2(
    light: Float32, opcodes: Sequence[Opcode], filters: Filters, floating: bool, report: Report
) -> tuple[Opcode, ...]:
    """Apply opcode list 2 to linear reference values, in place; returns what has to wait for list 3.

    That is what moves pixels, and vignettes, which mean the same there.
    """
    later: list[Opcode] = []
    for opcode in opcodes:
        match opcode:
            case types.FixBadPixelsConstant() if light.ndim == 2:
                bad = np.rint(light.clip(0) * 65535) == opcode.constant
            case types.FixBadPixelsList() if light.ndim == 2:
                bad = listed_pixels(opcode, light.shape[0], light.shape[1])
            case types.AreaOpcode():
                with np.errstate(all="ignore"):  # a file may hold any coefficients
                    apply_to_part(light, opcode, (0, 0), (light.shape[0], light.shape[1]), floating)
                report.note(f"{opcode_name(opcode)} applied")
                continue
            case types.WarpRectilinear() | types.WarpFisheye() | types.WarpRectilinear2() | types.FixVignetteRadial():
                later.append(opcode)
                continue
            case _:
                say = report.note if opcode.optional else report.warn
                say(f"{opcode_name(opcode)} in opcode list 2 is not applied")
                continue
        fix_bad_pixels(light, bad, filters.repeat)
    return tuple(later)


def complete(light: Float32, filters: Filters) -> Float32:
    """All colours of every pixel: (H, W) light of a mosaic to (H, W, planes), planar in memory.

    Where columns are offset by half a row (CFALayout 2, 3), there are twice as many rows; where rows are offset by half
    a column (4, 5), twice as many columns. Of arrays offset both ways (6 to 9) there are as many as there were.
    """
    assert filters.array is not None
    array, layout = np.array(filters.array), filters.layout
    # Offsets alternate: an array of odd size repeats only after twice of it.
    array = np.tile(array, [1 if layout == 1 else 1 + n % 2 for n in array.shape])
    fine = _fine(array, layout)
    spacing = 2 if layout >= 6 else 1  # of pixels on the fine grid
    period = fine.shape[0] // spacing, fine.shape[1] // spacing
    height, width = (n * p // a for n, p, a in zip(light.shape, period, array.shape, strict=True))
    around = light[np.ix_(*(_repeated(n, p) for n, p in zip(light.shape, array.shape, strict=True)))]
    planes = np.empty((len(filters.colors), height, width), np.float32)

    def fill(plane: int) -> None:
        there = fine == filters.colors[plane]
        for y, x in np.ndindex(*period):
            out = planes[plane, y :: period[0], x :: period[1]]
            out[...] = 0
            for (down, across), weight in _taps(there, y * spacing, x * spacing).items():
                row = array.shape[0] + _sample(y * spacing + down, layout, 0)
                column = array.shape[1] + _sample(x * spacing + across, layout, 1)
                part = around[row :: array.shape[0], column :: array.shape[1]]
                out += part[: out.shape[0], : out.shape[1]] * np.float32(weight)

    for _ in in_threads(fill, range(len(planes))):
        pass
    return planes.transpose(1, 2, 0)


def _fine(array: Cells, layout: int) -> Cells:
    """The colours of an array on the grid of half pixels that its layout needs; -1 where there is no sample.

    "Even" rows and columns of the specification are the second, fourth, and so on.
    """
    if layout == 1:
        return array
    rows, columns = array.shape
    if layout in (2, 3):
        y, x = np.ogrid[: 2 * rows, :columns]
        there = (y & 1) == ((x & 1) if layout == 2 else 1 - (x & 1))
    elif layout in (4, 5):
        y, x = np.ogrid[:rows, : 2 * columns]
        there = (x & 1) == ((y & 1) if layout == 4 else 1 - (y & 1))
    else:
        y, x = np.ogrid[: 2 * rows, : 2 * columns]
        offset_y, offset_x = 1 if layout in (6, 7) else 3, 1 if layout in (6, 8) else 3
        there = ((y & 3 == 0) | (y & 3 == offset_y)) & ((x & 3 == 0) | (x & 3 == offset_x))
    return np.where(there, array[_sample(y, layout, 0), _sample(x, layout, 1)], -1)


def _sample(place: Any, layout: int, axis: int) -> Any:
    """The row (axis 0) or column of the samples that a place on the fine grid belongs to."""
    if layout >= 6:
        return 2 * (place >> 2) + (place & 3 != 0)
    return place >> 1 if layout // 2 == axis + 1 else place


def _repeated(length: int, period: int) -> Cells:
    """Rows or columns from one period before an image to one after it, those outside in the phase of their colour."""
    places = np.arange(-period, length + period)
    places = np.where(places < 0, places % period, places)
    first = max(length - period, 0)
    return np.where(places < length, places, first + (places - first) % min(period, length))


def _taps(there: NDArray[np.bool_], y: int, x: int) -> Taps:
    """The samples of one colour around a place, and their weights; `there` : where that colour is, repeating."""
    rows, columns = there.shape
    if there[y, x]:
        return {(0, 0): 1.0}
    for near in _NEAR:
        if all(there[(y + down) % rows, (x + across) % columns] for down, across in near):
            return near
    # Half from the nearest rows that have the colour, half from the nearest columns.
    taps: Taps = {}
    for down, share in _between(np.any(there, axis=1), y):
        for across, weight in _between(there[(y + down) % rows], x):
            taps[down, across] = taps.get((down, across), 0) + share * weight / 2
    for across, share in _between(np.any(there, axis=0), x):
        for down, weight in _between(there[:, (x + across) % columns], y):
            taps[down, across] = taps.get((down, across), 0) + share * weight / 2
    return taps


def _between(line: NDArray[np.bool_], at: int) -> Iterator[tuple[int, float]]:
    """The nearest marked places on both sides of a place in a repeating line, and their weights between them."""
    before = next(n for n in range(0, -line.size, -1) if line[(at + n) % line.size])
    after = next(n for n in range(line.size) if line[(at + n) % line.size])
    if before == after:
        yield 0, 1.0
        return
    yield before, after / (after - before)
    yield after, -before / (after - before)

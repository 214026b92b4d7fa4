"""Opcodes that change samples where they are, on NumPy arrays (DNG 1.7.1 chapter 7).

List 1 is defined on the samples as stored, which only the reader sees: linearization, black level and the crop to the
active area come after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import opcode_types as types
from fotohaus.raw.opcode_types import GainMap, Opcode
from fotohaus.raw.opcodes import opcode_name
from fotohaus.raw.rectangle import Rectangle
from fotohaus.report import Report

_ROWS = 64  # at a time: bounds the temporaries
_BAD_SHARE = 0.05  # of all pixels; a list of more is a mistake


def apply_opcodes(
    samples: NDArray[Any], opcodes: Sequence[Opcode], report: Report, period: int = 2
) -> tuple[Opcode, ...]:
    """Apply the opcodes of list 1 to stored samples, (H, W) or (H, W, planes), in DN, in place.

    period : after how many pixels the filters of a mosaic repeat.
    Integers are clipped to 16 bits after each. What follows a trim is for what it leaves (`untrimmed`), which is for
    the caller to cut out. Returns those that were not applied: warps and vignettes have no meaning before the mosaic is
    complete, unknown ones have none at all.
    """
    left: list[Opcode] = []
    for opcode in opcodes:
        planes = samples.reshape(*samples.shape[:2], -1)
        match opcode:
            case types.TrimBounds():
                samples = samples[untrimmed([opcode], samples.shape[0], samples.shape[1]).slices]
                continue
            case types.FixBadPixelsConstant() if samples.ndim == 2:
                bad = samples == opcode.constant
            case types.FixBadPixelsList() if samples.ndim == 2:
                bad = listed_pixels(opcode, samples.shape[0], samples.shape[1])
            case types.MapTable() if samples.dtype == np.uint16:
                _by_rows(planes, opcode)
                continue
            case types.MapPolynomial() | GainMap():
                _by_rows(planes, opcode)
                continue
            case types.DeltaPerRow() | types.DeltaPerColumn() | types.ScalePerRow() | types.ScalePerColumn():
                _by_rows(planes, opcode)
                continue
            case _:
                left.append(opcode)
                continue
        count = int(np.count_nonzero(bad))
        if count > _BAD_SHARE * samples.size:
            report.warn(f"{opcode_name(opcode)} marks {count} pixels as bad; left as they are")
        elif count:
            fix_bad_pixels(samples, bad, period)
            report.note(f"{count} bad pixels interpolated ({opcode_name(opcode)})")
    return tuple(left)


def untrimmed(opcodes: Sequence[Opcode], height: int, width: int) -> Rectangle:
    """What the trims among opcodes leave of an image; one that would leave nothing of it does not count."""
    left = Rectangle(0, 0, height, width)
    for opcode in opcodes:
        if isinstance(opcode, types.TrimBounds):
            area = opcode.area
            rows, columns = min(area.height, left.height - area.top), min(area.width, left.width - area.left)
            if rows >= 2 and columns >= 2:
                left = Rectangle(left.top + area.top, left.left + area.left, rows, columns)
    return left


def listed_pixels(opcode: types.FixBadPixelsList, height: int, width: int) -> NDArray[np.bool_]:
    """Where the pixels of a list are."""
    bad = np.zeros((height, width), bool)
    rows, columns = opcode.points[:, 0], opcode.points[:, 1]
    inside = (rows < height) & (columns < width)
    bad[rows[inside], columns[inside]] = True
    for top, left, bottom, right in opcode.rectangles.tolist():
        bad[top:bottom, left:right] = True
    return bad


def fix_bad_pixels(mosaic: NDArray[Any], bad: NDArray[np.bool_], period: int = 2) -> None:
    """Replace bad pixels of a mosaic, in place, by the mean of the good pixels of their colour close by.

    Of the pairs of neighbours at a distance of one period (left and right, above and below, and both diagonals) the
    one that differs least is taken: edges stay. Where no pair is whole, all good neighbours at that distance, then at
    twice it, count alike.
    """
    rows, columns = np.nonzero(bad)
    height, width = mosaic.shape
    best = np.full(rows.size, np.inf)
    value = np.zeros(rows.size)

    def neighbour(down: int, across: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        y, x = rows + down, columns + across
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        y, x = y.clip(0, height - 1), x.clip(0, width - 1)
        return mosaic[y, x].astype(np.float64), inside & ~bad[y, x]

    for down, across in ((0, period), (period, 0), (period, period), (period, -period)):
        (a, good_a), (b, good_b) = neighbour(down, across), neighbour(-down, -across)
        difference = np.where(good_a & good_b, abs(a - b), np.inf)
        better = difference < best
        value[better] = ((a + b) / 2)[better]
        best = np.minimum(best, difference)
    for distance in (period, 2 * period):
        total, count = np.zeros(rows.size), np.zeros(rows.size)
        steps = (-distance, 0, distance)
        for down, across in ((y, x) for y in steps for x in steps if y or x):
            near, good = neighbour(down, across)
            total += np.where(good, near, 0)
            count += good
        lone = np.isinf(best) & (count > 0)
        value[lone] = (total[lone] / count[lone]).round()
        best[lone] = 0
    found = np.isfinite(best)
    fixed = np.rint(value[found]) if mosaic.dtype.kind == "u" else value[found]
    mosaic[rows[found], columns[found]] = fixed.astype(mosaic.dtype)


def apply_to_part(
    samples: NDArray[np.float32], opcode: Opcode, corner: tuple[int, int], size: tuple[int, int], floating: bool = False
) -> None:
    """Apply an opcode that works on each sample by itself to linear reference values (lists 2 and 3), in place.

    samples : (h, w) or (h, w, planes), black at 0, white at 1, from row and column `corner` of an image of `size` on.
    floating : whether the file's samples are floats. Values above 1 are cut, where the opcode works, to 1, as DNG 1.7.1
    has it; values below 0, which it cuts as well, keep the noise around black even: curves are point-symmetric there.
    """
    _by_rows(samples.reshape(*samples.shape[:2], -1), opcode, corner, size, 1.0 if floating else 1 / 65535)


def _by_rows(
    planes: NDArray[Any],
    opcode: Any,
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
    linear: float | None = None,
) -> None:
    """An opcode that works on each sample by itself, some rows at a time.

    corner, size : what part of what image the planes are. linear : for linear reference values, the unit of numbers
    that are added to them; None for samples as stored.
    """
    size = size or (planes.shape[0], planes.shape[1])
    first, last = opcode.plane, min(opcode.plane + opcode.planes, planes.shape[2])
    area, (top, left) = opcode.area, corner
    rows = np.arange(area.top, min(area.top + area.height, size[0]), opcode.row_pitch)
    columns = np.arange(area.left, min(area.left + area.width, size[1]), opcode.col_pitch)
    begin, end = np.searchsorted(rows, (top, top + planes.shape[0]))
    start, stop = np.searchsorted(columns, (left, left + planes.shape[1]))
    if begin >= end or start >= stop or first >= last:
        return
    across = slice(int(columns[start]) - left, int(columns[stop - 1]) - left + 1, opcode.col_pitch)
    for at in range(begin, end, _ROWS):
        lines = slice(at, min(at + _ROWS, end))
        some = rows[lines]
        down = slice(int(some[0]) - top, int(some[-1]) - top + 1, opcode.row_pitch)
        part = planes[down, across, first:last]
        if isinstance(opcode, GainMap):
            value = part * _gains(opcode, some, columns[start:stop], size)[..., : part.shape[2]]
        else:
            value = _changed(part, opcode, lines, slice(start, stop), linear)
        if linear is not None:
            part[...] = np.fmax(np.fmin(value, 1), -1)
        else:
            part[...] = np.rint(value).clip(0, 65535) if planes.dtype.kind == "u" else value


def _changed(part: NDArray[Any], opcode: Any, rows: slice, columns: slice, linear: float | None) -> NDArray[Any]:
    """New values of some rows and columns, which are counted as the opcode counts those that it works on."""
    x = part.astype(np.float64)
    match opcode:
        case types.MapTable() | types.MapPolynomial():
            return map_values(x, opcode) if linear is None else map_linear(x, opcode)
        case types.DeltaPerRow():
            return np.asarray(x + (linear or 1) * opcode.values[rows, None, None])
        case types.ScalePerRow():
            return np.asarray(x * opcode.values[rows, None, None])
        case types.DeltaPerColumn():
            return np.asarray(x + (linear or 1) * opcode.values[None, columns, None])
    return np.asarray(x * opcode.values[None, columns, None])


def map_values(x: NDArray[np.float64], opcode: types.MapTable | types.MapPolynomial) -> NDArray[np.float64]:
    """What a curve makes of values: a table, of 16-bit numbers; a polynomial, of its own."""
    if isinstance(opcode, types.MapPolynomial):
        return np.asarray(np.polynomial.polynomial.polyval(x, opcode.coefficients))
    at = np.rint(x).astype(np.int64).clip(0, opcode.table.size - 1)
    return np.asarray(opcode.table[at], np.float64)


def map_linear(x: NDArray[np.float64], opcode: types.MapTable | types.MapPolynomial) -> NDArray[np.float64]:
    """What a curve makes of linear reference values: turned about its begin for those below 0, cut to 1 above."""
    scale = 65535 if isinstance(opcode, types.MapTable) else 1
    there = map_values(np.minimum(np.abs(x), 1) * scale, opcode)
    zero = map_values(np.zeros(1), opcode)[0]
    return np.asarray(np.where(x < 0, 2 * zero - there, there) / scale)


def _gains(opcode: GainMap, rows: NDArray[Any], columns: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """(rows, columns, planes) gains at pixels' centres, the last plane repeated for those that the map lacks."""
    gains = opcode.gains.astype(np.float64)
    for axis, (places, origin, spacing) in enumerate(
        ((rows, opcode.origin_v, opcode.spacing_v), (columns, opcode.origin_h, opcode.spacing_h))
    ):
        at = ((places + 0.5) / size[axis] - origin) / (spacing or 1)
        at = at.clip(0, gains.shape[axis] - 1)
        low = np.minimum(at.astype(np.int64), max(gains.shape[axis] - 2, 0))
        high = np.minimum(low + 1, gains.shape[axis] - 1)
        weight = np.expand_dims(at - low, (1, 2) if axis == 0 else (0, 2))
        gains = gains.take(low, axis) * (1 - weight) + gains.take(high, axis) * weight
    missing = max(0, opcode.planes - gains.shape[2])
    return np.concatenate([gains, *[gains[..., -1:]] * min(missing, 3)], axis=2)

"""Opcodes that change samples where they are, on NumPy arrays (DNG 1.7.1 chapter 7): what list 1 can hold.

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
from fotohaus.report import Report

_ROWS = 64  # at a time: bounds the temporaries
_BAD_SHARE = 0.05  # of all pixels; a list of more is a mistake


def apply_opcodes(
    samples: NDArray[Any], opcodes: Sequence[Opcode], report: Report, period: int = 2
) -> tuple[Opcode, ...]:
    """Apply the opcodes of list 1 to stored samples, (H, W) or (H, W, planes), in DN, in place.

    period : after how many pixels the filters of a mosaic repeat.
    Integers are clipped to 16 bits after each. Returns those that were not applied: warps, vignettes and trims have no
    meaning before the mosaic is complete, unknown ones have none at all.
    """
    left: list[Opcode] = []
    for opcode in opcodes:
        planes = samples.reshape(*samples.shape[:2], -1)
        match opcode:
            case types.FixBadPixelsConstant() if samples.ndim == 2:
                bad = samples == opcode.constant
            case types.FixBadPixelsList() if samples.ndim == 2:
                bad = _listed(opcode, samples.shape[0], samples.shape[1])
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


def _listed(opcode: types.FixBadPixelsList, height: int, width: int) -> NDArray[np.bool_]:
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


def _by_rows(planes: NDArray[Any], opcode: Any) -> None:
    """An opcode that works on each sample by itself, some rows at a time."""
    height, width = planes.shape[:2]
    first, last = opcode.plane, min(opcode.plane + opcode.planes, planes.shape[2])
    columns = np.arange(opcode.area.left, min(opcode.area.left + opcode.area.width, width), opcode.col_pitch)
    rows = np.arange(opcode.area.top, min(opcode.area.top + opcode.area.height, height), opcode.row_pitch)
    if not columns.size or first >= last:
        return
    across = slice(int(columns[0]), int(columns[-1]) + 1, opcode.col_pitch)
    integer = planes.dtype.kind == "u"
    for begin in range(0, rows.size, _ROWS):
        some = rows[begin : begin + _ROWS]
        down = slice(int(some[0]), int(some[-1]) + 1, opcode.row_pitch)
        part = planes[down, across, first:last]
        value = _changed(part, opcode, some, columns, (height, width), begin)
        part[...] = np.rint(value).clip(0, 65535) if integer else value


def _changed(
    part: NDArray[Any], opcode: Any, rows: NDArray[Any], columns: NDArray[Any], size: tuple[int, int], begin: int
) -> NDArray[Any]:
    x = part.astype(np.float64)
    match opcode:
        case types.MapTable():
            return np.asarray(opcode.table[part.clip(0, opcode.table.size - 1)])
        case types.MapPolynomial():
            return np.asarray(np.polynomial.polynomial.polyval(x, opcode.coefficients))
        case types.DeltaPerRow():
            return np.asarray(x + opcode.values[begin : begin + rows.size, None, None])
        case types.ScalePerRow():
            return np.asarray(x * opcode.values[begin : begin + rows.size, None, None])
        case types.DeltaPerColumn():
            return np.asarray(x + opcode.values[None, : columns.size, None])
        case types.ScalePerColumn():
            return np.asarray(x * opcode.values[None, : columns.size, None])
    return np.asarray(x * _gains(opcode, rows, columns, size)[..., : part.shape[2]])


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

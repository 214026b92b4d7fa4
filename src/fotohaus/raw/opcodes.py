"""DNG opcode lists (DNG 1.7.1 chapter 7) to data and back: big-endian, whatever the byte order of the file."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fotohaus.raw import opcode_types as types
from fotohaus.raw.opcode_types import GainMap, Opcode, OtherOpcode, PerLine
from fotohaus.raw.rectangle import Rectangle
from fotohaus.raw.tiff import TiffError

MAX_OPCODES = 4096
MAX_PLANES = 4
MAX_DEGREE = 8
_NEWEST = 0x01070100

OPCODE_NAMES = {
    1: "WarpRectilinear",
    2: "WarpFisheye",
    3: "FixVignetteRadial",
    4: "FixBadPixelsConstant",
    5: "FixBadPixelsList",
    6: "TrimBounds",
    7: "MapTable",
    8: "MapPolynomial",
    9: "GainMap",
    10: "DeltaPerRow",
    11: "DeltaPerColumn",
    12: "ScalePerRow",
    13: "ScalePerColumn",
    14: "WarpRectilinear2",
}
_PER_LINE: dict[int, type[PerLine]] = {
    10: types.DeltaPerRow,
    11: types.DeltaPerColumn,
    12: types.ScalePerRow,
    13: types.ScalePerColumn,
}

_HEAD = struct.Struct(">4I")
_AREA = struct.Struct(">8I")
_GRID = struct.Struct(">2I4dI")


def opcode_name(opcode: Opcode) -> str:
    """The specification's name of an opcode."""
    return OPCODE_NAMES.get(opcode.opcode_id, f"opcode {opcode.opcode_id}")


def parse_opcodes(data: bytes | bytearray) -> tuple[Opcode, ...]:
    """The opcodes of one list, in order.

    Unknown ones, those of a newer version, and optional ones that make no sense become OtherOpcode. Raises TiffError
    for a list that is cut short and for an opcode that must be applied but makes no sense.
    """
    if not data:
        return ()
    if len(data) < 4:
        raise TiffError("is damaged: an opcode list is cut short")
    opcodes: list[Opcode] = []
    at, count = 4, int.from_bytes(data[:4], "big")
    if count > MAX_OPCODES:
        raise TiffError(f"is damaged: an opcode list claims {count} opcodes")
    for _ in range(count):
        if at + _HEAD.size > len(data):
            raise TiffError("is damaged: an opcode list is cut short")
        number, version, flags, size = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if at + size > len(data):
            raise TiffError("is damaged: an opcode list is cut short")
        opcodes.append(_opcode(number, version, flags, bytes(data[at : at + size])))
        at += size
    return tuple(opcodes)


def _opcode(number: int, version: int, flags: int, data: bytes) -> Opcode:
    other = OtherOpcode(number, version, flags, data)
    parse = _PARSERS.get(number)
    if parse is None or version > _NEWEST:
        return other
    try:
        return replace(parse(_Reader(data, OPCODE_NAMES[number])), dng_version=version, flags=flags)
    except TiffError:
        if other.optional:
            return other
        raise


class _Reader:
    """An opcode's parameters, one after the other; TiffError where they end too soon."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.at = data, name, 0

    def wrong(self, what: str) -> TiffError:
        return TiffError(f"is damaged: opcode {self.name} {what}")

    def take(self, layout: struct.Struct) -> tuple[Any, ...]:
        if self.at + layout.size > len(self.data):
            raise self.wrong("is cut short")
        values = layout.unpack_from(self.data, self.at)
        self.at += layout.size
        return values

    def integer(self) -> int:
        return int(self.take(struct.Struct(">I"))[0])

    def doubles(self, count: int) -> tuple[float, ...]:
        values = self.take(struct.Struct(f">{count}d"))
        if not all(map(math.isfinite, values)):
            raise self.wrong("has coefficients that are not numbers")
        return values

    def array(self, kind: str, count: int) -> np.ndarray[Any, Any]:
        nbytes = count * np.dtype(kind).itemsize
        if count < 0 or self.at + nbytes > len(self.data):
            raise self.wrong("is cut short")
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += nbytes
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise self.wrong("has values that are not numbers")
        return values

    def end(self) -> None:
        if self.at != len(self.data):
            raise self.wrong(f"has {len(self.data) - self.at} bytes too many")

    def center(self) -> tuple[float, float]:
        x, y = self.doubles(2)
        return x, y

    def sets(self) -> int:
        count = self.integer()
        if not 1 <= count <= MAX_PLANES:
            raise self.wrong(f"is for {count} planes")
        return count

    def rectangle(self, values: Sequence[int]) -> Rectangle:
        top, left, bottom, right = values
        if bottom <= top or right <= left or max(values) >= 1 << 31:
            raise self.wrong("is for no pixels")
        return Rectangle(top, left, bottom - top, right - left)

    def area(self) -> dict[str, Any]:
        *corners, plane, planes, row_pitch, col_pitch = self.take(_AREA)
        area = self.rectangle(corners)
        if not row_pitch or not col_pitch or not planes:
            raise self.wrong("is for no pixels")
        return {"area": area, "row_pitch": row_pitch, "col_pitch": col_pitch, "plane": plane, "planes": planes}


def _warp(reader: _Reader) -> Opcode:
    sets = [reader.doubles(6) for _ in range(reader.sets())]
    made = types.WarpRectilinear(tuple(sets), reader.center())
    reader.end()
    return made


def _fisheye(reader: _Reader) -> Opcode:
    sets = [reader.doubles(4) for _ in range(reader.sets())]
    made = types.WarpFisheye(tuple(sets), reader.center())
    reader.end()
    return made


def _warp_2(reader: _Reader) -> Opcode:
    sets = [reader.doubles(19) for _ in range(reader.sets())]
    valid = tuple((values[17], values[18]) for values in sets)
    if not all(0 <= low < high <= 1 for low, high in valid):
        raise reader.wrong("has no valid radius")
    made = types.WarpRectilinear2(tuple(values[:17] for values in sets), valid, reader.center(), _flag(reader))
    reader.end()
    return made


def _flag(reader: _Reader) -> bool:
    value = reader.integer()
    if value > 1:
        raise reader.wrong(f"has a switch of {value}")
    return bool(value)


def _vignette(reader: _Reader) -> Opcode:
    made = types.FixVignetteRadial(reader.doubles(5), reader.center())
    reader.end()
    return made


def _phase(reader: _Reader) -> int:
    phase = reader.integer()
    if phase > 3:
        raise reader.wrong(f"has Bayer phase {phase}")
    return phase


def _bad_constant(reader: _Reader) -> Opcode:
    made = types.FixBadPixelsConstant(reader.integer(), _phase(reader))
    reader.end()
    return made


def _bad_list(reader: _Reader) -> Opcode:
    phase, points, rectangles = _phase(reader), reader.integer(), reader.integer()
    made = types.FixBadPixelsList(
        phase,
        reader.array(">u4", 2 * points).astype(np.int64).reshape(-1, 2),
        reader.array(">u4", 4 * rectangles).astype(np.int64).reshape(-1, 4),
    )
    reader.end()
    return made


def _trim(reader: _Reader) -> Opcode:
    made = types.TrimBounds(reader.rectangle(reader.take(struct.Struct(">4I"))))
    reader.end()
    return made


def _table(reader: _Reader) -> Opcode:
    area, size = reader.area(), reader.integer()
    if not 1 <= size <= 1 << 16:
        raise reader.wrong(f"has a table of {size}")
    made = types.MapTable(**area, table=reader.array(">u2", size).astype(np.uint16))
    reader.end()
    return made


def _polynomial(reader: _Reader) -> Opcode:
    area, degree = reader.area(), reader.integer()
    if degree > MAX_DEGREE:
        raise reader.wrong(f"has degree {degree}")
    made = types.MapPolynomial(**area, coefficients=reader.doubles(degree + 1))
    reader.end()
    return made


def _gain_map(reader: _Reader) -> Opcode:
    area = reader.area()
    points_v, points_h, *grid, map_planes = reader.take(_GRID)
    count = points_v * points_h * map_planes
    if not count:
        raise reader.wrong("has no gains")
    gains = reader.array(">f4", count).reshape(points_v, points_h, map_planes)
    spacing_v, spacing_h, origin_v, origin_h = grid
    if not np.isfinite(grid).all() or (gains < 0).any():
        raise reader.wrong("has gains that are not numbers")
    if (points_v > 1 and spacing_v <= 0) or (points_h > 1 and spacing_h <= 0):
        raise reader.wrong("is without extent")
    return GainMap(
        **area,
        origin_v=origin_v,
        origin_h=origin_h,
        spacing_v=spacing_v,
        spacing_h=spacing_h,
        gains=gains.astype(np.float32),
    )


def _per_line(kind: type[PerLine]) -> Callable[[_Reader], Opcode]:
    def parse(reader: _Reader) -> Opcode:
        area, count = reader.area(), reader.integer()
        lines = kind in (types.DeltaPerRow, types.ScalePerRow)
        side = area["area"].height if lines else area["area"].width
        needed = -(-side // area["row_pitch" if lines else "col_pitch"])
        if count != needed:
            raise reader.wrong(f"has {count} values for {needed} rows or columns")
        made = kind(**area, values=reader.array(">f4", count).astype(np.float32))
        reader.end()
        return made

    return parse


_PARSERS: dict[int, Callable[[_Reader], Opcode]] = {
    1: _warp,
    2: _fisheye,
    3: _vignette,
    4: _bad_constant,
    5: _bad_list,
    6: _trim,
    7: _table,
    8: _polynomial,
    9: _gain_map,
    14: _warp_2,
    **{number: _per_line(kind) for number, kind in _PER_LINE.items()},
}


def encode_opcodes(opcodes: Sequence[Opcode]) -> bytes:
    """An opcode list as DNG stores it: what parse_opcodes read comes out byte by byte."""
    parts = [struct.pack(">I", len(opcodes))]
    for opcode in opcodes:
        data = _parameters(opcode)
        parts.append(_HEAD.pack(opcode.opcode_id, opcode.dng_version, opcode.flags, len(data)) + data)
    return b"".join(parts)


def _corners(area: Rectangle) -> tuple[int, int, int, int]:
    return area.top, area.left, area.top + area.height, area.left + area.width


def _doubles(values: Iterable[float]) -> bytes:
    return np.array([*values], ">f8").tobytes()


def _parameters(opcode: Opcode) -> bytes:
    match opcode:
        case OtherOpcode():
            return opcode.data
        case types.WarpRectilinear() | types.WarpFisheye():
            numbers = [v for values in opcode.coefficients for v in values]
            return struct.pack(">I", len(opcode.coefficients)) + _doubles([*numbers, *opcode.center])
        case types.WarpRectilinear2():
            sets = zip(opcode.coefficients, opcode.valid, strict=True)
            numbers = [v for values, valid in sets for v in (*values, *valid)]
            head = struct.pack(">I", len(opcode.coefficients))
            return head + _doubles([*numbers, *opcode.center]) + struct.pack(">I", opcode.reciprocal)
        case types.FixVignetteRadial():
            return _doubles([*opcode.coefficients, *opcode.center])
        case types.FixBadPixelsConstant():
            return struct.pack(">2I", opcode.constant, opcode.bayer_phase)
        case types.FixBadPixelsList():
            head = struct.pack(">3I", opcode.bayer_phase, len(opcode.points), len(opcode.rectangles))
            return head + opcode.points.astype(">u4").tobytes() + opcode.rectangles.astype(">u4").tobytes()
        case types.TrimBounds():
            return struct.pack(">4I", *_corners(opcode.area))
    head = _AREA.pack(*_corners(opcode.area), opcode.plane, opcode.planes, opcode.row_pitch, opcode.col_pitch)
    match opcode:
        case types.MapTable():
            return head + struct.pack(">I", opcode.table.size) + opcode.table.astype(">u2").tobytes()
        case types.MapPolynomial():
            return head + struct.pack(">I", len(opcode.coefficients) - 1) + _doubles(opcode.coefficients)
        case GainMap():
            gains = np.asarray(opcode.gains)
            if gains.ndim != 3:
                raise ValueError(f"the gains of a GainMap must have three dimensions, got {gains.shape}")
            grid = (opcode.spacing_v, opcode.spacing_h, opcode.origin_v, opcode.origin_h)
            return head + _GRID.pack(*gains.shape[:2], *grid, gains.shape[2]) + gains.astype(">f4").tobytes()
    return head + struct.pack(">I", opcode.values.size) + opcode.values.astype(">f4").tobytes()

"""DNG opcode lists (DNG 1.7.1 chapter 7): always big-endian, whatever the byte order of the file."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np

from fotohaus.raw.image import GainMap, Opcode, OtherOpcode, Rectangle
from fotohaus.raw.tiff import TiffError

GAIN_MAP = 9
MAX_OPCODES = 4096

OPCODE_NAMES = {
    1: "WarpRectilinear",
    2: "WarpFisheye",
    3: "FixVignetteRadial",
    4: "FixBadPixelsConstant",
    5: "FixBadPixelsList",
    6: "TrimBounds",
    7: "MapTable",
    8: "MapPolynomial",
    GAIN_MAP: "GainMap",
    10: "DeltaPerRow",
    11: "DeltaPerColumn",
    12: "ScalePerRow",
    13: "ScalePerColumn",
    14: "WarpRectilinear2",
}

_HEAD = struct.Struct(">4I")
_GAIN_MAP = struct.Struct(">10I4dI")


def opcode_name(opcode: Opcode) -> str:
    """The specification's name of an opcode."""
    number = GAIN_MAP if isinstance(opcode, GainMap) else opcode.opcode_id
    return OPCODE_NAMES.get(number, f"opcode {number}")


def parse_opcodes(data: bytes | bytearray) -> tuple[Opcode, ...]:
    """The opcodes of one list, in order.

    Gain maps are understood, all others are carried through with their parameters. Raises TiffError for a list that
    is cut short or a gain map that makes no sense.
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
        parameters = bytes(data[at : at + size])
        at += size
        if number == GAIN_MAP:
            opcodes.append(replace(_gain_map(parameters), dng_version=version, flags=flags))
        else:
            opcodes.append(OtherOpcode(number, version, flags, parameters))
    return tuple(opcodes)


def _gain_map(data: bytes) -> GainMap:
    if len(data) < _GAIN_MAP.size:
        raise TiffError("is damaged: a gain map is cut short")
    (top, left, bottom, right, plane, planes, row_pitch, col_pitch, points_v, points_h, *grid, map_planes) = (
        _GAIN_MAP.unpack_from(data)
    )
    spacing_v, spacing_h, origin_v, origin_h = grid
    count = points_v * points_h * map_planes
    if not count or _GAIN_MAP.size + 4 * count > len(data):
        raise TiffError(f"is damaged: a gain map of {points_v} x {points_h} x {map_planes} gains in {len(data)} bytes")
    gains = np.frombuffer(data, ">f4", count, _GAIN_MAP.size).reshape(points_v, points_h, map_planes)
    if not np.isfinite(gains).all() or not np.isfinite(grid).all() or (gains < 0).any():
        raise TiffError("is damaged: a gain map with gains that are not numbers")
    if (points_v > 1 and spacing_v <= 0) or (points_h > 1 and spacing_h <= 0):
        raise TiffError("is damaged: a gain map without extent")
    if bottom <= top or right <= left or not row_pitch or not col_pitch or not planes:
        raise TiffError("is damaged: a gain map for no pixels")
    return GainMap(
        area=Rectangle(top, left, bottom - top, right - left),
        row_pitch=row_pitch,
        col_pitch=col_pitch,
        plane=plane,
        planes=planes,
        origin_v=origin_v,
        origin_h=origin_h,
        spacing_v=spacing_v,
        spacing_h=spacing_h,
        gains=gains.astype(np.float32),
    )


def fit_gain_maps(opcodes: tuple[Opcode, ...], image: Rectangle, full: tuple[int, int]) -> tuple[Opcode, ...]:
    """Gain maps of a list that counts pixels from the corner of a full image, for the part `image` of it.

    full : (H, W) of the image that the list is for. Areas are clipped to the part; maps for none of its pixels go.
    """
    fitted: list[Opcode] = []
    for opcode in opcodes:
        if not isinstance(opcode, GainMap):
            fitted.append(opcode)
            continue
        area = opcode.area
        # The first row and column inside the part that the pitch meets.
        top = area.top + max(0, -(-(image.top - area.top) // opcode.row_pitch)) * opcode.row_pitch
        left = area.left + max(0, -(-(image.left - area.left) // opcode.col_pitch)) * opcode.col_pitch
        bottom = min(area.top + area.height, image.top + image.height)
        right = min(area.left + area.width, image.left + image.width)
        if bottom <= top or right <= left:
            continue
        fitted.append(
            replace(
                opcode,
                area=Rectangle(top - image.top, left - image.left, bottom - top, right - left),
                origin_v=(opcode.origin_v * full[0] - image.top) / image.height,
                origin_h=(opcode.origin_h * full[1] - image.left) / image.width,
                spacing_v=opcode.spacing_v * full[0] / image.height,
                spacing_h=opcode.spacing_h * full[1] / image.width,
            )
        )
    return tuple(fitted)

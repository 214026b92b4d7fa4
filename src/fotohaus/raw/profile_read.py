"""Camera profiles out of DNG and DCP files (DNG 1.7.1 chapter 4). Sizes are claims; tables may make no sense."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.profile import (
    Calibration,
    CameraProfile,
    GainTableMap,
    HueSatMap,
    RgbTable,
    RgbTables,
)
from fotohaus.raw.tiff import PROFILE_MAGIC, Ifd, Source, Tiff, TiffError, Window

MAX_PROFILES = 32
MAX_POINTS = 8192  # of a tone curve, as Adobe's SDK has it
MAX_TABLES = 20
MAX_DIVISIONS = 32
D65 = 21

_MAPS = (tags.PROFILE_HUE_SAT_MAP_DATA_1, tags.PROFILE_HUE_SAT_MAP_DATA_2, tags.PROFILE_HUE_SAT_MAP_DATA_3)
COLORS = (tags.COLOR_MATRIX_1, tags.COLOR_MATRIX_2, tags.COLOR_MATRIX_3)
FORWARDS = (tags.FORWARD_MATRIX_1, tags.FORWARD_MATRIX_2, tags.FORWARD_MATRIX_3)
_LIGHTS = (tags.CALIBRATION_ILLUMINANT_1, tags.CALIBRATION_ILLUMINANT_2, tags.CALIBRATION_ILLUMINANT_3)
_LIGHT_DATA = (tags.ILLUMINANT_DATA_1, tags.ILLUMINANT_DATA_2, tags.ILLUMINANT_DATA_3)
_GAMMAS = ("linear", "sRGB", "1.8", "2.2", "Rec. 2020")
_PRIMARIES = ("sRGB", "Adobe RGB", "Display P3", "Rec. 2020", "ProPhoto")
_GAIN_TABLE = "2I4dI5f"

LeftOut = dict[str, str]
"""Tables of a profile that make no sense, by their names, and what each of them does or has, as a predicate."""

_Table = TypeVar("_Table")


class _NoSense(TiffError):
    """What a table does or has that none can."""


def _table(name: str, read: Callable[[], _Table | None], left_out: LeftOut | None) -> _Table | None:
    """What `read` makes of a table; None if it makes no sense, as `left_out` is told then.

    Raises TiffError in place of that where there is no `left_out`.
    """
    try:
        return read()
    except TiffError as error:
        if left_out is not None:
            left_out.setdefault(name, str(error))
            return None
        if isinstance(error, _NoSense):
            raise TiffError(f"is damaged: the {name} {error}") from None
        raise


def read_calibrations(
    ifd: Ifd, order: Sequence[int] = (0, 1, 2), left_out: LeftOut | None = None
) -> tuple[Calibration, ...]:
    """The calibrations of a profile, in the file's order; none if it has no color matrix.

    order : the colour planes in which R, G and B are (CFAPlaneColor). A third counts only beside a first and a second.
    left_out : is told of tables that make no sense; without it they are refused.
    Raises TiffError for matrices that are not numbers or can't be inverted.
    """
    planes = list(order)
    found: list[Calibration] = []
    for i in range(3):
        color, forward = matrix(ifd, COLORS[i]), matrix(ifd, FORWARDS[i])
        if color is None:
            continue
        if i == 2 and len(found) < 2:
            break
        found.append(calibration_at(ifd, i, color[planes], None if forward is None else forward[:, planes], left_out))
    return tuple(found)


def calibration_at(
    ifd: Ifd,
    place: int,
    color: NDArray[np.float64],
    forward: NDArray[np.float64] | None,
    left_out: LeftOut | None = None,
) -> Calibration:
    """The calibration at place 0 to 2 of a profile, with matrices that were read from it."""
    light = ifd.integer(_LIGHTS[place], 0)
    shape = tags.PROFILE_HUE_SAT_MAP_DIMS, tags.PROFILE_HUE_SAT_MAP_ENCODING
    return Calibration(
        illuminant=light or D65,
        color_matrix=color,
        forward_matrix=forward,
        hue_sat_map=_table("hue/sat map", lambda: _hue_sat_map(ifd, _MAPS[place], *shape), left_out),
        white_xy=_white(ifd, _LIGHT_DATA[place]) if light == 255 else None,
        number=place + 1,
    )


def _white(ifd: Ifd, tag: int) -> tuple[float, float] | None:
    from fotohaus.raw.illuminant import read_white

    return read_white(bytes(ifd.raw(tag)), ifd.tiff.order)


def matrix(ifd: Ifd, tag: int) -> NDArray[np.float64] | None:
    """A (3, 3) matrix; None if absent. Raises TiffError for one of another size or that can't be inverted."""
    if tag not in ifd:
        return None
    values = ifd.floats(tag)
    if values is None or values.size != 9:
        raise TiffError("color matrices that are not 3 x 3 are not supported (the camera has other than 3 colours)")
    if not np.isfinite(values).all():
        raise TiffError(f"is damaged: the color matrix in tag {tag} has values that are not numbers")
    square = values.reshape(3, 3)
    if np.linalg.cond(square) > 1e6:
        raise TiffError(f"is damaged: the color matrix in tag {tag} can't be inverted")
    return square


def _hue_sat_map(ifd: Ifd, data: int, dims: int, encoding: int) -> HueSatMap | None:
    """A table over hue, saturation and value, by the tags that make it; None if absent."""
    if data not in ifd:
        return None
    shape = ifd.integers(dims) or []
    size = " x ".join(map(str, shape)) or "no"
    if len(shape) == 2:  # of which Adobe's SDK makes a table without divisions of value
        shape = [*shape, 1]
    if len(shape) != 3 or min(shape) < 1 or shape[1] < 2:
        raise _NoSense(f"has {size} divisions")
    hues, saturations, values = shape
    entry = ifd.entries[data]
    if entry.count != hues * saturations * values * 3:
        raise _NoSense(f"has {entry.count} numbers for {size} divisions")
    shifts = _finite(ifd, data).reshape(values, hues, saturations, 3)
    if abs(shifts).max() > 1e4 or (shifts[..., 1:] < 0).any():
        raise _NoSense("has absurd numbers")
    return HueSatMap(shifts, "sRGB" if ifd.integer(encoding, 0) == 1 else "linear")


def _finite(ifd: Ifd, tag: int) -> NDArray[np.float32]:
    values = ifd.floats(tag)
    if values is None or not np.isfinite(values).all() or abs(values).max() > 1e30:
        raise _NoSense("has values that are not numbers")
    return values.astype(np.float32)


def _tone_curve(ifd: Ifd) -> NDArray[np.float32] | None:
    entry = ifd.entries.get(tags.PROFILE_TONE_CURVE)
    if entry is None:
        return None
    if entry.count < 4 or entry.count % 2 or entry.count > 2 * MAX_POINTS:
        raise _NoSense(f"has {entry.count} numbers")
    curve = _finite(ifd, tags.PROFILE_TONE_CURVE).reshape(-1, 2)
    if not (np.diff(curve[:, 0]) > 0).all():
        raise _NoSense("does not ascend")
    if curve.min() < 0 or curve.max() > 1:
        raise _NoSense("leaves the range from 0 to 1")
    return curve


def _struct(data: bytes, at: int, layout: str) -> tuple[tuple[Any, ...], int]:
    packed = struct.Struct(layout)
    if at + packed.size > len(data):
        raise _NoSense("is cut short")
    return packed.unpack_from(data, at), at + packed.size


_PIXELS = ("u1", "u2", "f2", "f4")


def read_gain_table_map(ifd: Ifd, left_out: LeftOut | None = None) -> GainTableMap | None:
    """The gain table map of an IFD, the newer field before the older one; None if it has none."""
    for tag, extended in ((tags.PROFILE_GAIN_TABLE_MAP_2, True), (tags.PROFILE_GAIN_TABLE_MAP, False)):
        found = _table("gain table map", partial(_gain_table_map, ifd, tag, extended=extended), left_out)
        if found is not None:
            return found
    return None


def _gain_table_map(ifd: Ifd, tag: int, *, extended: bool) -> GainTableMap | None:
    data, order = bytes(ifd.raw(tag)), ifd.tiff.order
    if not data:
        return None
    values, at = _struct(data, 0, order + _GAIN_TABLE)
    down, across, spacing_v, spacing_h, origin_v, origin_h, entries, *weights = values
    kind, gamma, low, high = 3, 1.0, 0.0, 1.0
    if extended:
        (kind, gamma, low, high), at = _struct(data, at, order + "I3f")
    if kind > 3 or not (math.isfinite(gamma) and 0.25 <= gamma <= 4):
        raise _NoSense(f"is of kind {kind} with gamma {gamma:g}")
    dtype = np.dtype(order + _PIXELS[kind])
    count = down * across * entries
    if not count or at + count * dtype.itemsize > len(data):
        raise _NoSense(f"has {down} x {across} x {entries} gains in {len(data)} bytes")
    gains = np.frombuffer(data, dtype, count, at).reshape(down, across, entries).astype(np.float32)
    if kind < 2:
        gains = np.float32(low) + gains * np.float32((high - low) / (255 if kind == 0 else 65535))
    grid = (spacing_v, spacing_h, origin_v, origin_h)
    if not (np.isfinite(gains).all() and np.isfinite([*grid, *weights]).all()) or (gains < 0).any():
        raise _NoSense("has gains that are not numbers")
    if (down > 1 and spacing_v <= 0) or (across > 1 and spacing_h <= 0) or np.abs(grid).max() > 1e6:
        raise _NoSense("has no extent")
    return GainTableMap(gains, origin_v, origin_h, spacing_v, spacing_h, (*map(float, weights),), float(gamma))  # type: ignore[arg-type]


def _rgb_tables(ifd: Ifd) -> RgbTables | None:
    data, order = bytes(ifd.raw(tags.RGB_TABLES)), ifd.tiff.order
    if not data:
        return None
    (count, method), at = _struct(data, 0, order + "2I")
    if not 1 <= count <= MAX_TABLES or method > 1:
        raise _NoSense(f"has {count} tables, method {method}")
    tables = []
    for _ in range(count):
        (length,), at = _struct(data, at, order + "H")
        if at + length > len(data):
            raise _NoSense("is cut short")
        name = data[at : at + length].decode("latin-1").rstrip("\0")
        (divisions, pixel, gamma, primaries, extend), at = _struct(data, at + length, order + "5B")
        if not 2 <= divisions <= MAX_DIVISIONS or pixel > 2 or gamma > 4 or primaries > 4 or extend > 1:
            raise _NoSense(f"has a table of {divisions}, type {pixel}, gamma {gamma}")
        # The standard names no byte order for them; Adobe's SDK, which alone writes them, knows only this one.
        dtype = np.dtype("<" + ("u1", "u2", "f4")[pixel])
        size = divisions**3 * 3
        if at + size * dtype.itemsize > len(data):
            raise _NoSense("is cut short")
        table = np.frombuffer(data, dtype, size, at).reshape(divisions, divisions, divisions, 3).astype(np.float32)
        table /= (255, 65535, 1)[pixel]
        at += size * dtype.itemsize
        if not np.isfinite(table).all() or abs(table).max() > 1e4:
            raise _NoSense("has values that are not numbers")
        tables.append(RgbTable(name, table, _GAMMAS[gamma], _PRIMARIES[primaries], bool(extend)))  # type: ignore[arg-type]
    if sum(not t.mask for t in tables) > 1:
        raise _NoSense("has several for the background")
    return RgbTables(tuple(tables), ("weighted sum", "sequential")[method])


def profile_in(
    ifd: Ifd, order: Sequence[int] = (0, 1, 2), *, matrices: bool = True, left_out: LeftOut | None = None
) -> CameraProfile:
    """The profile whose fields an IFD has.

    matrices : False where they are of another size than 3 x 3. left_out : is told of tables that make no sense; without
    it they are refused. Raises TiffError for matrices that make no sense.
    """
    looks = tags.PROFILE_LOOK_TABLE_DATA, tags.PROFILE_LOOK_TABLE_DIMS, tags.PROFILE_LOOK_TABLE_ENCODING
    offset = ifd.number(tags.BASELINE_EXPOSURE_OFFSET)
    dynamic, peak = _dynamic_range(bytes(ifd.raw(tags.PROFILE_DYNAMIC_RANGE)), ifd.tiff.order)
    return CameraProfile(
        name=ifd.text(tags.PROFILE_NAME),
        group=ifd.text(tags.PROFILE_GROUP_NAME),
        copyright=ifd.text(tags.PROFILE_COPYRIGHT),
        camera=ifd.text(tags.UNIQUE_CAMERA_MODEL),
        embed_policy=ifd.integer(tags.PROFILE_EMBED_POLICY, 0),
        calibration_signature=ifd.text(tags.PROFILE_CALIBRATION_SIGNATURE),
        calibrations=read_calibrations(ifd, order, left_out) if matrices else (),
        look_table=_table("look table", lambda: _hue_sat_map(ifd, *looks), left_out),
        tone_curve=_table("tone curve", lambda: _tone_curve(ifd), left_out),
        baseline_exposure_offset=offset if offset is not None and abs(offset) <= 20 else 0.0,
        black_render="none" if ifd.integer(tags.DEFAULT_BLACK_RENDER, 0) == 1 else "auto",
        gain_table_map=read_gain_table_map(ifd, left_out),
        rgb_tables=_table("RGB tables", lambda: _rgb_tables(ifd), left_out),
        dynamic_range=dynamic,
        peak=peak,
    )


def _dynamic_range(data: bytes, order: str) -> tuple[Literal["SDR", "HDR"], float | None]:
    if len(data) != 8:
        return "SDR", None
    version, kind, peak = struct.unpack(order + "2Hf", data)
    if version != 1 or kind > 1:
        return "SDR", None
    return ("HDR" if kind else "SDR"), float(peak) if math.isfinite(peak) and peak > 0 else None


def extra_profiles(tiff: Tiff) -> list[Ifd]:
    """The IFDs of a DNG's ExtraCameraProfiles; damaged ones are left out."""
    found = []
    for offset in (tiff.ifd(tiff.first).integers(tags.EXTRA_CAMERA_PROFILES) or [])[:MAX_PROFILES]:
        try:
            inner = Tiff(Window(tiff.source, offset), magic=PROFILE_MAGIC)
            found.append(inner.ifd(inner.first))
        except TiffError:
            continue
    return found


def as_shot_profile(tiff: Tiff) -> Ifd:
    """The IFD of the profile that AsShotProfileName names, else the first IFD, which has the primary profile."""
    main = tiff.ifd(tiff.first)
    wanted = main.text(tags.AS_SHOT_PROFILE_NAME)
    if wanted is None or wanted == main.text(tags.PROFILE_NAME):
        return main
    return next((ifd for ifd in extra_profiles(tiff) if ifd.text(tags.PROFILE_NAME) == wanted), main)


def open_dcp(source: Source) -> CameraProfile:
    """The profile in a DCP file. Raises TiffError if it is none, or makes no sense."""
    tiff = Tiff(source, magic=PROFILE_MAGIC)
    profile = profile_in(tiff.ifd(tiff.first))
    if not profile.calibrations:
        raise TiffError("is a camera profile without a color matrix")
    return profile


def read_dcp(path: str | os.PathLike[str]) -> CameraProfile:
    """The camera profile in a DCP file (DNG 1.7.1, ExtraCameraProfiles: TIFF with the magic number 0x4352).

    Raises ReadError if the file is missing, damaged, or none.
    """
    from fotohaus.raw.reading import reading

    with reading(path), Source(path=path) as source:
        return open_dcp(source)

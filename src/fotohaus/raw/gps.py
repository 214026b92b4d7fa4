"""Where a photo was taken: the GPS fields of EXIF (EXIF 2.32, section 4.6.6), read and written."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from fotohaus.raw import tags
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff import Ifd, TiffError
from fotohaus.raw.tiff_write import Directory, Type

HIGHEST = 100_000.0
"""Altitude in m beyond which none is believed."""


def read_place(gps: Ifd) -> dict[str, Any]:
    """The fields of CaptureInfo that a GPS directory gives; none without a latitude and a longitude that can be."""
    latitude = _angle(gps, tags.GPS_LATITUDE, tags.GPS_LATITUDE_REF, 90.0)
    longitude = _angle(gps, tags.GPS_LONGITUDE, tags.GPS_LONGITUDE_REF, 180.0)
    if latitude is None or longitude is None:
        return {}
    altitude, direction = _number(gps, tags.GPS_ALTITUDE), _number(gps, tags.GPS_DIRECTION)
    if altitude is not None and abs(altitude) > HIGHEST:
        altitude = None
    if altitude is not None and _number(gps, tags.GPS_ALTITUDE_REF) in (1, 3):  # below sea level
        altitude = -abs(altitude)
    if direction is not None and not 0 <= direction <= 360:
        direction = None
    try:
        magnetic = (gps.text(tags.GPS_DIRECTION_REF) or "").upper() == "M"
    except TiffError:
        magnetic = False
    return {
        "position": (latitude, longitude),
        "altitude": altitude,
        "direction": direction,
        "magnetic": direction is not None and magnetic,
        "fix_time": _time(gps),
    }


def _number(gps: Ifd, tag: int) -> float | None:
    try:
        return gps.number(tag)
    except TiffError:
        return None


def _angle(gps: Ifd, tag: int, reference: int, limit: float) -> float | None:
    """Degrees, north and east positive."""
    try:
        parts, side = gps.floats(tag, 3), gps.text(reference)
    except TiffError:
        return None
    if parts is None or side is None or not math.isfinite(parts[0]):
        return None
    # Phones write whole degrees and minutes and leave seconds 0/0.
    degrees = sum(float(part) / unit for part, unit in zip(parts, (1, 60, 3600), strict=True) if math.isfinite(part))
    if not 0 <= degrees <= limit:
        return None
    return -degrees if side.upper()[0] in "SW" else degrees


def _time(gps: Ifd) -> datetime | None:
    try:
        day, clock = gps.text(tags.GPS_DATE_STAMP), gps.floats(tags.GPS_TIME_STAMP, 3)
        if day is None or clock is None:
            return None
        hours, minutes, seconds = (float(part) for part in clock)
        began = datetime.fromisoformat(day.replace(":", "-"))
        return began + timedelta(hours=hours, minutes=minutes, seconds=round(seconds, 3))
    except (TiffError, ValueError, OverflowError):
        return None


def place_directory(capture: CaptureInfo) -> Directory | None:
    """The GPS directory of a capture whose position is known; the datum is WGS 84, as receivers give it."""
    if not known_position(capture):
        return None
    assert capture.position is not None
    gps = Directory()
    gps.set(tags.GPS_VERSION, Type.BYTE, bytes([2, 3, 0, 0]))
    for side, tag, value, sides in (
        (tags.GPS_LATITUDE_REF, tags.GPS_LATITUDE, capture.position[0], "NS"),
        (tags.GPS_LONGITUDE_REF, tags.GPS_LONGITUDE, capture.position[1], "EW"),
    ):
        gps.text(side, sides[value < 0])
        degrees, rest = divmod(round(abs(value) * 3600 * 10_000), 3600 * 10_000)
        minutes, seconds = divmod(rest, 60 * 10_000)
        gps.set(tag, Type.RATIONAL, (Fraction(degrees), Fraction(minutes), Fraction(seconds, 10_000)))
    if capture.altitude is not None and abs(capture.altitude) <= HIGHEST:
        gps.set(tags.GPS_ALTITUDE_REF, Type.BYTE, bytes([capture.altitude < 0]))
        gps.set(tags.GPS_ALTITUDE, Type.RATIONAL, Fraction(round(abs(capture.altitude) * 100), 100))
    if capture.direction is not None and 0 <= capture.direction <= 360:
        gps.text(tags.GPS_DIRECTION_REF, "M" if capture.magnetic else "T")
        gps.set(tags.GPS_DIRECTION, Type.RATIONAL, Fraction(round(capture.direction * 100), 100))
    if (t := capture.fix_time) is not None:
        second = t.second + Fraction(t.microsecond // 1000, 1000)
        gps.set(tags.GPS_TIME_STAMP, Type.RATIONAL, (Fraction(t.hour), Fraction(t.minute), second))
        gps.text(tags.GPS_DATE_STAMP, f"{t.year:04}:{t.month:02}:{t.day:02}")
    gps.text(tags.GPS_MAP_DATUM, "WGS-84")
    return gps


def known_position(capture: CaptureInfo) -> bool:
    """Whether there is a position on earth."""
    return capture.position is not None and abs(capture.position[0]) <= 90 and abs(capture.position[1]) <= 180

"""Where a photo was taken, there and back; what can't be on earth is nowhere."""

from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.raw import tags
from fotohaus.raw.capture import read_capture
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff import Source, Tiff
from fotohaus.raw.tiff_write import Directory, Type, encode


def back(capture: CaptureInfo) -> CaptureInfo:
    return read_capture(Tiff(Source(encode_exif(capture, width=1, height=1, private=True))))


@given(
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    altitude=st.floats(-400, 9000) | st.none(),
    direction=st.floats(0, 360) | st.none(),
    magnetic=st.booleans(),
    time=st.datetimes(datetime(1980, 1, 6), datetime(2999, 1, 1)) | st.none(),
)
def test_there_and_back(
    latitude: float,
    longitude: float,
    altitude: float | None,
    direction: float | None,
    magnetic: bool,
    time: datetime | None,
) -> None:
    place: dict[str, Any] = {"altitude": altitude, "direction": direction, "magnetic": magnetic, "fix_time": time}
    found = back(CaptureInfo(position=(latitude, longitude), **place))
    assert found.position == pytest.approx((latitude, longitude), abs=2e-8)
    assert found.altitude == (None if altitude is None else pytest.approx(altitude, abs=0.0051))
    assert found.direction == (None if direction is None else pytest.approx(direction, abs=0.0051))
    assert found.magnetic == (magnetic and direction is not None)
    if time is None:
        assert found.fix_time is None
    else:
        assert found.fix_time is not None
        assert abs((found.fix_time - time).total_seconds()) < 0.0011


def place(**changes: Any) -> CaptureInfo:
    """What is read of a GPS directory, as phones write them, with other values for some of its tags."""
    values: dict[int, Any] = {
        tags.GPS_LATITUDE_REF: "S",
        tags.GPS_LATITUDE: [(33, 1), (51, 1), (0, 0)],
        tags.GPS_LONGITUDE_REF: "E",
        tags.GPS_LONGITUDE: [(1512, 10), (0, 1), (0, 1)],
        tags.GPS_ALTITUDE_REF: b"\1",
        tags.GPS_ALTITUDE: [(125, 10)],
        tags.GPS_TIME_STAMP: [(7, 1), (0, 1), (14_500, 1000)],
        tags.GPS_DATE_STAMP: "2022:07:04",
    }
    values |= {getattr(tags, name): value for name, value in changes.items()}
    root = Directory()
    gps = root.below(tags.GPS_IFD, Directory())
    for tag, value in values.items():
        if isinstance(value, str):
            gps.text(tag, value)
        elif isinstance(value, bytes):
            gps.set(tag, Type.BYTE, value)
        elif value is not None:
            gps.ratios(tag, value)
    return read_capture(Tiff(Source(b"".join(encode(root)))))


def test_as_phones_write_it() -> None:
    found = place()
    assert found.position == pytest.approx((-33.85, 151.2))
    assert found.altitude == -12.5
    assert found.fix_time == datetime(2022, 7, 4, 7, 0, 14, 500_000)


@pytest.mark.parametrize(
    "changes",
    [
        {"GPS_LATITUDE": [(91, 1), (0, 1), (0, 1)]},
        {"GPS_LATITUDE": [(0, 0), (0, 0), (0, 0)]},
        {"GPS_LATITUDE": [(33, 1)]},
        {"GPS_LONGITUDE_REF": None},
        {"GPS_LONGITUDE": None},
    ],
)
def test_no_place_on_earth(changes: dict[str, Any]) -> None:
    found = place(**changes)
    assert (found.position, found.altitude, found.fix_time) == (None, None, None)


def test_what_makes_no_sense_is_left_out() -> None:
    found = place(GPS_ALTITUDE=[(1, 0)], GPS_DATE_STAMP="yesterday", GPS_DIRECTION=[(400, 1)])
    assert (found.altitude, found.fix_time, found.direction) == (None, None, None)
    assert found.position is not None
    assert place(GPS_TIME_STAMP=[(10**9, 1), (0, 0), (0, 1)]).fix_time is None
    assert back(CaptureInfo(position=(100.0, 0.0))).position is None
    assert back(CaptureInfo(position=(float("nan"), 0.0))).position is None
    odd = CaptureInfo(position=(0.0, 0.0), altitude=float("inf"), direction=float("nan"))
    assert (back(odd).altitude, back(odd).direction) == (None, None)


def test_a_lens_specification_there_and_back() -> None:
    for known in ((24.0, 70.0, 2.8, 2.8), (8.7, 8.7, 1.9, None)):
        assert back(CaptureInfo(lens_specification=known)).lens_specification == known
    assert back(CaptureInfo(lens_specification=(None, None, 1.9, None))).lens_specification is None
    assert back(CaptureInfo(lens_specification=(float("nan"), 1.0, 1.0, 1.0))).lens_specification is None
    root = Directory()
    root.set(tags.LENS_INFO, Type.RATIONAL, [Fraction(18), Fraction(55), Fraction(7, 2), Fraction(28, 5)])
    found = read_capture(Tiff(Source(b"".join(encode(root)))))
    assert found.lens_specification == (18, 55, 3.5, 5.6)

"""XMP says what EXIF says, well formed, whatever a file claimed."""

import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.metadata import Metadata
from fotohaus.output import HOLDS, write
from fotohaus.output.xmp import packet
from fotohaus.output.xmp_facts import date_time, facts
from fotohaus.raw.image import CaptureInfo, Composite
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture

FULL = CaptureInfo(
    make="Barnes",
    model="Testcam <1>",
    taken=datetime(2022, 7, 4, 12, 30, 15),
    subsecond="25",
    utc_offset="+05:30",
    exposure_time=1 / 455,
    f_number=1.9,
    iso=1600,
    focal_length=8.7,
    focal_length_35mm=24.2,
    lens_make="Barnes",
    lens_model="8.7 mm",
    lens_specification=(8.7, 8.7, 1.9, None),
    artist="Jänë & Co",
    copyright="© 2022 Jänë",
    description="A wall",
    serial="S-1",
    lens_serial="L-2",
    owner="Jane O",
    position=(-33.856783, 151.215297),
    altitude=-12.5,
    direction=271.8,
    magnetic=True,
    fix_time=datetime(2022, 7, 4, 7, 0, 14),
    frames=3,
    composite=Composite(4, 3, (0.01,) * 4, 0.03, 0.01, 0.01, 1.25),
)
ALIKE = {  # EXIF's name and XMP's
    "EXIF:Make": "XMP:Make",
    "EXIF:Model": "XMP:Model",
    "EXIF:ExposureTime": "XMP:ExposureTime",
    "EXIF:FNumber": "XMP:FNumber",
    "EXIF:ISO": "XMP:PhotographicSensitivity",
    "EXIF:FocalLength": "XMP:FocalLength",
    "EXIF:FocalLengthIn35mmFormat": "XMP:FocalLengthIn35mmFormat",
    "EXIF:LensMake": "XMP:LensMake",
    "EXIF:LensModel": "XMP:LensModel",
    "EXIF:Artist": "XMP:Creator",
    "EXIF:Copyright": "XMP:Rights",
    "EXIF:ImageDescription": "XMP:Description",
    "EXIF:Software": "XMP:CreatorTool",
    "EXIF:CompositeImage": "XMP:CompositeImage",
    "EXIF:GPSAltitudeRef": "XMP:GPSAltitudeRef",
    "EXIF:GPSAltitude": "XMP:GPSAltitude",
    "EXIF:SerialNumber": "XMP:SerialNumber",
    "EXIF:LensSerialNumber": "XMP:LensSerialNumber",
    "EXIF:OwnerName": "XMP:OwnerName",
    "Composite:GPSLatitude": "XMP:GPSLatitude",
    "Composite:GPSLongitude": "XMP:GPSLongitude",
}


def exiftool(path: Path) -> dict[str, Any]:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    done = subprocess.run([program, "-j", "-a", "-G", "-n", path], capture_output=True, text=True, check=False)
    return dict(json.loads(done.stdout)[0])


@pytest.mark.parametrize("kind", [kind for kind, noun in HOLDS.items() if noun is Picture])
def test_xmp_and_exif_agree(tmp_path: Path, picture: Picture, kind: str) -> None:
    everything = Metadata(keep=("location", "serial", "owner"))
    told = exiftool(write(replace(picture, capture=FULL), tmp_path / f"p{kind}", metadata=everything))
    for exif, xmp in ALIKE.items():
        ours, theirs = told[xmp], told[exif]
        assert theirs == (pytest.approx(ours, rel=1e-6) if isinstance(ours, (int, float)) else ours), exif
    assert told["EXIF:DateTimeOriginal"] == "2022:07:04 12:30:15"
    assert told["EXIF:OffsetTimeOriginal"] == told["EXIF:OffsetTimeDigitized"] == "+05:30"
    assert told["XMP:CreateDate"] == told["XMP:DateCreated"] == "2022:07:04 12:30:15.25+05:30"
    assert told["XMP:CompositeImageCount"] == [4, 3]
    assert told["EXIF:CompositeImageCount"] == "4 3"
    assert told["EXIF:LensInfo"] == "8.7 8.7 1.9 undef"
    assert told["EXIF:GPSImgDirection"] == pytest.approx(271.8)
    assert (told["EXIF:GPSImgDirectionRef"], told["EXIF:GPSDateStamp"]) == ("M", "2022:07:04")
    assert told["Composite:GPSLatitude"] == pytest.approx(FULL.position[0], abs=1e-6)
    assert told["Composite:GPSLongitude"] == pytest.approx(FULL.position[1], abs=1e-6)
    assert told["Composite:GPSAltitude"] == pytest.approx(-12.5)


@pytest.mark.parametrize(
    ("dated", "named"),
    [
        ("original", {"xmp:CreateDate", "photoshop:DateCreated"}),
        ("digitized", {"xmp:CreateDate"}),
        ("changed", {"xmp:ModifyDate"}),
    ],
)
def test_a_time_is_called_what_it_is(dated: Any, named: set[str]) -> None:
    properties = {name: value for name, value, _ in facts(replace(FULL, dated=dated))}
    assert {name for name in properties if "Date" in name} == named


def test_private_facts_are_asked_for() -> None:
    public = packet(None, FULL)
    for secret in (b"S-1", b"L-2", b"Jane O", b"GPS", b"33,51", b"151,"):
        assert secret not in public
        assert secret in packet(None, FULL, private=True)


def test_a_bare_packet_says_nothing() -> None:
    found = ElementTree.fromstring(packet(Recipe(), FULL, private=True, bare=True).decode().split("?>", 1)[1])
    assert len(found) == 1
    assert len(found[0][0]) == 0
    assert found[0][0].attrib == {"{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about": ""}


def test_dates() -> None:
    assert date_time(CaptureInfo()) == ""
    assert date_time(CaptureInfo(taken=datetime(26, 1, 2))) == "0026-01-02T00:00:00"
    odd = CaptureInfo(taken=datetime(2026, 1, 2), subsecond="²", utc_offset="Z")
    assert date_time(odd) == "2026-01-02T00:00:00"


texts = st.text(max_size=3000) | st.none()
numbers = st.floats() | st.none()


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        CaptureInfo,
        **dict.fromkeys(
            ("make", "model", "lens_model", "artist", "copyright", "description", "owner", "serial"), texts
        ),
        **dict.fromkeys(("subsecond", "utc_offset"), texts),
        **dict.fromkeys(("exposure_time", "f_number", "focal_length", "focal_length_35mm", "altitude"), numbers),
        taken=st.datetimes() | st.none(),
        iso=st.integers() | st.none(),
        position=st.tuples(st.floats(-90, 90), st.floats(-180, 180)) | st.none(),
        sources=st.lists(st.text(max_size=50), max_size=3000).map(tuple),
    )
)
def test_whatever_a_file_claimed_the_packet_is_well_formed_and_fits_a_jpeg(capture: CaptureInfo) -> None:
    made = packet(Recipe(), capture, private=True)
    ElementTree.fromstring(made.decode().split("?>", 1)[1].rsplit("<?", 1)[0])
    assert len(made) < 65000


def test_an_altitude_out_of_this_world_is_left_out() -> None:
    for altitude, said in ((8848.0, True), (1.8e306, False), (float("inf"), False), (float("nan"), False)):
        made = packet(Recipe(), CaptureInfo(position=(1.0, 2.0), altitude=altitude), private=True)
        assert (b"GPSAltitude" in made) is said
        assert b"GPSLatitude" in made


def test_names_of_many_bytes_fit_a_jpeg() -> None:
    for character in ("&", "\U0001f600", '"'):
        assert len(packet(Recipe(), CaptureInfo(sources=(character * 200,) * 1000))) < 65000

"""The EXIF block: facts only, typed right, nothing private."""

import io
import json
import shutil
import subprocess
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dng_files import make_dng
from fotohaus.raw.capture import read_capture
from fotohaus.raw.exif import UNCALIBRATED, encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.tiff import Source, Tiff

FULL = CaptureInfo(
    make="GoPro",
    model="HERO6 Black",
    taken=datetime(2016, 1, 1, 23, 7, 27),
    subsecond="250",
    utc_offset="+08:00",
    exposure_time=1 / 455,
    f_number=2.8,
    iso=100,
    exposure_bias=-1 / 3,
    focal_length=2.96,
    focal_length_35mm=15.0,
    lens_make="Lensmaker",
    lens_model="Wide 2.96 mm",
    flash=32,
    metering=5,
    exposure_program=2,
    artist="Ärtist",
    copyright="Someone",
    description="A wall",
    serial="SERIAL-4711",
    owner="Jane Private",
    position=(48.858, -2.2945),
    sources=("GOPR0024.dng",),
    frames=8,
)


def read(block: bytes) -> tuple[Any, dict[int, Any]]:
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    return exif, exif.get_ifd(0x8769)


def jpeg(block: bytes, path: Path) -> Path:
    Image.fromarray(np.zeros((16, 24, 3), np.uint8)).save(path, exif=b"Exif\0\0" + block)
    return path


def exiftool(*arguments: object) -> Any:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    done = subprocess.run([program, "-j", *map(str, arguments)], capture_output=True, text=True, check=False)
    return json.loads(done.stdout)[0]


def test_the_facts_are_there() -> None:
    main, exif = read(encode_exif(FULL, width=24, height=16, orientation=6, color_space=UNCALIBRATED))
    assert (main[271], main[272], main[274]) == ("GoPro", "HERO6 Black", 6)
    assert main[305].startswith("fotohaus ")
    assert (exif[33434].numerator, exif[33434].denominator) == (1, 455)
    assert Fraction(exif[33437].numerator, exif[33437].denominator) == Fraction(14, 5)
    assert (exif[37380].numerator, exif[37380].denominator) == (-1, 3)
    assert exif[34855] == 100
    assert exif[36867] == exif[36868] == "2016:01:01 23:07:27"
    assert exif[36881] == "+08:00"
    assert exif[37521] == "250"
    assert float(exif[37386]) == pytest.approx(2.96)
    assert exif[41989] == 15
    assert (exif[42035], exif[42036]) == ("Lensmaker", "Wide 2.96 mm")
    assert (exif[37385], exif[37383], exif[34850]) == (32, 5, 2)
    assert exif[40961] == 0xFFFF
    assert (exif[40962], exif[40963]) == (24, 16)


@pytest.mark.parametrize(
    ("tags", "dated", "written"),
    [
        ({306: (2, "2001:02:03 04:05:06")}, "changed", {306}),
        ({36868: (2, "2001:02:03 04:05:06"), 306: (2, "2024:01:01 00:00:00")}, "digitized", {36868}),
        ({36867: (2, "2001:02:03 04:05:06"), 306: (2, "2024:01:01 00:00:00")}, "original", {36867, 36868}),
    ],
)
def test_a_time_is_written_as_what_it_was_read(tags: dict[int, Any], dated: str, written: set[int]) -> None:
    below = {tag: value for tag, value in tags.items() if tag != 306} | {36882: (2, "+01:00"), 37520: (2, "5")}
    data = make_dng(np.zeros((8, 8), np.uint16), main={t: v for t, v in tags.items() if t == 306}, exif=below)
    capture = read_capture(Tiff(Source(data)))
    assert (capture.taken, capture.dated, capture.subsecond) == (datetime(2001, 2, 3, 4, 5, 6), dated, "5")
    block = encode_exif(capture, width=1, height=1)
    main, exif = read(block)
    found = {tag: value for tag, value in {**main, **exif}.items() if tag in (306, 36867, 36868)}
    assert found == dict.fromkeys(written, "2001:02:03 04:05:06")
    again = read_capture(Tiff(Source(block)))
    assert (again.taken, again.dated, again.utc_offset) == (capture.taken, dated, "+01:00")
    assert again.subsecond == "5"


def test_a_merged_photo_says_so_and_a_single_one_does_not() -> None:
    assert read(encode_exif(FULL, width=1, height=1))[1][0xA460] == 3
    assert read(encode_exif(FULL, width=1, height=1))[1][0xA461] == (8, 8)
    assert 0xA460 not in read(encode_exif(CaptureInfo(), width=1, height=1))[1]


def test_what_is_not_known_leaves_no_tag() -> None:
    main, exif = read(encode_exif(CaptureInfo(exposure_time=0.0, f_number=float("nan"), iso=0), width=1, height=1))
    assert set(main) == {274, 282, 283, 296, 305, 531, 34665}
    assert set(exif) == {36864, 37121, 40960, 40961, 40962, 40963}


def test_private_facts_go_in_only_when_asked() -> None:
    public = encode_exif(FULL, width=1, height=1)
    for secret in (b"SERIAL-4711", b"Jane Private"):
        assert secret not in public
        assert secret in encode_exif(FULL, width=1, height=1, private=True)
    assert 34853 not in read(public)[0]
    gps = read(encode_exif(FULL, width=1, height=1, private=True))[0].get_ifd(34853)
    assert (gps[1], gps[3]) == ("N", "W")
    degrees, minutes, seconds = map(float, gps[4])
    assert degrees + minutes / 60 + seconds / 3600 == pytest.approx(2.2945, abs=1e-6)


def test_a_sensitivity_beyond_a_short() -> None:
    _, exif = read(encode_exif(CaptureInfo(iso=102400), width=1, height=1))
    assert (exif[34855], exif[34864], exif[34866]) == (65535, 2, 102400)


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("capture", [FULL, CaptureInfo()])
def test_exiftool_finds_nothing_wrong(tmp_path: Path, capture: CaptureInfo, private: bool) -> None:
    path = jpeg(encode_exif(capture, width=24, height=16, private=private), tmp_path / "x.jpg")
    told = exiftool("-validate", "-warning", "-error", "-a", path)
    assert told["Validate"] == "OK", told
    assert "Warning" not in told


def test_exiftool_reads_the_same_facts(tmp_path: Path) -> None:
    told = exiftool("-exif:all", jpeg(encode_exif(FULL, width=24, height=16), tmp_path / "x.jpg"))
    assert told["ExposureTime"] == "1/455"
    assert told["Artist"] == "Ärtist"
    assert told["CompositeImageCount"] == "8 8"
    assert told["ExposureCompensation"] == "-1/3"


numbers = st.floats() | st.none()
texts = st.text(max_size=5000) | st.none()


@settings(max_examples=150, deadline=None)
@given(
    st.builds(
        CaptureInfo,
        **dict.fromkeys(("make", "model", "software", "lens_model", "artist", "description", "subsecond"), texts),
        **dict.fromkeys(("utc_offset", "copyright", "lens_make"), texts),
        **dict.fromkeys(("exposure_time", "f_number", "exposure_bias", "focal_length", "focal_length_35mm"), numbers),
        **dict.fromkeys(("iso", "flash", "metering", "exposure_program"), st.integers() | st.none()),
        taken=st.datetimes() | st.none(),
        frames=st.integers(1, 10**9),
    )
)
def test_whatever_a_file_claimed_the_block_is_whole_and_fits_a_jpeg(capture: CaptureInfo) -> None:
    block = encode_exif(capture, width=100, height=100)
    assert len(block) < 65500
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "JPEG", exif=b"Exif\0\0" + block)
    assert read(block)[1][36864] == b"0232"

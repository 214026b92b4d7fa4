"""What a sibling of a raw file fills, what it leaves alone, and what is told."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from tests.private_photos import LOCATION, private_dng, private_jpeg

from fotohaus.errors import ReadError
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.sibling import filled, read_metadata
from fotohaus.report import Report

NOON = datetime(2022, 7, 4, 12, 0, 0)
RAW = CaptureInfo(make="Barnes", model="Testcam 1", taken=NOON, exposure_time=1 / 100, sources=("a.dng",))
JPEG = CaptureInfo(
    make="Barnes",
    model="testcam 1",
    taken=NOON,
    subsecond="5",
    utc_offset="+08:00",
    exposure_time=1 / 50,
    f_number=1.9,
    focal_length=8.7,
    focal_length_35mm=24,
    lens_model="Wide",
    lens_specification=(8.7, 8.7, 1.9, 1.9),
    position=(1.0, 2.0),
    altitude=30.0,
    software="Phone 1.0",
)


def fill(capture: CaptureInfo, other: CaptureInfo) -> tuple[CaptureInfo, Report]:
    report = Report()
    with report.stage("metadata"):
        return filled(capture, other, "folder/a.jpg", report), report


def test_what_lacks_is_filled_and_what_is_there_stands() -> None:
    found, report = fill(RAW, JPEG)
    assert found == replace(JPEG, model="Testcam 1", exposure_time=1 / 100, software=None, sources=("a.dng",))
    assert report.warnings == []
    (note,) = report.stages[0].notes
    assert note.startswith("from a.jpg: altitude, f number, focal length, focal length 35mm, lens model,")
    assert fill(found, JPEG)[0] == found
    assert fill(found, JPEG)[1].stages[0].notes == ["from a.jpg: nothing new"]


def test_another_camera_and_another_time_are_told() -> None:
    _, report = fill(RAW, replace(JPEG, model="Othercam", taken=datetime(2022, 7, 4, 20, 0, 0)))
    assert report.warnings == [
        "folder/a.jpg: taken by another camera (Barnes Othercam) than the raw image (Barnes Testcam 1)",
        "folder/a.jpg: its clock shows 8.0 hours more than the raw image's",
    ]


def test_a_phone_in_the_pocket_knows_place_and_zone_and_not_the_lens() -> None:
    found, report = fill(RAW, replace(JPEG, make="Pocket", model="Phone 7", artist="Jane", iso=50))
    assert (found.lens_model, found.focal_length, found.f_number, found.iso) == (None, None, None, None)
    assert (found.position, found.utc_offset, found.artist) == ((1.0, 2.0), "+08:00", "Jane")
    assert "taken by another camera" in report.warnings[0]


def test_a_zone_comes_from_a_clock_that_agrees() -> None:
    for seconds, zone, digits in ((0, "+08:00", "5"), (2, "+08:00", None), (-3600, None, None)):
        other = replace(JPEG, taken=datetime.fromtimestamp(NOON.timestamp() + seconds))
        found, _ = fill(RAW, other)
        assert (found.taken, found.utc_offset, found.subsecond) == (NOON, zone, digits)
    found, _ = fill(replace(RAW, taken=None), JPEG)
    assert (found.taken, found.utc_offset, found.subsecond) == (NOON, "+08:00", "5")
    assert fill(replace(RAW, utc_offset="+02:00"), JPEG)[0].utc_offset == "+02:00"


def test_a_lens_comes_whole_or_not_at_all() -> None:
    found, report = fill(replace(RAW, focal_length=2.9), JPEG)
    assert (found.focal_length, found.focal_length_35mm, found.lens_model) == (2.9, None, None)
    assert report.warnings == ["folder/a.jpg: its focal length is 8.7 mm, the raw image's 2.9 mm"]
    found, _ = fill(replace(RAW, lens_model="Other"), JPEG)
    assert (found.lens_model, found.lens_specification, found.focal_length_35mm) == ("Other", None, None)


def test_a_position_comes_with_its_height() -> None:
    found, _ = fill(replace(RAW, position=(5.0, 6.0)), JPEG)
    assert (found.position, found.altitude) == ((5.0, 6.0), None)


def test_files_of_all_kinds_are_read(tmp_path: Path) -> None:
    for path in (private_dng(tmp_path / "a.dng"), private_jpeg(tmp_path / "a.jpg")):
        capture = read_metadata(path)
        assert (capture.model, capture.artist, capture.sources) == ("Testcam 1", "Jo Public", ())
        assert capture.position == pytest.approx(LOCATION, abs=1e-6)


def test_files_that_say_nothing(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match=r"a\.png: says nothing about its capture"):
        read_metadata(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("no photo")
    for name, why in (("a.txt", "not a raw file"), ("b.jpg", "no such file")):
        with pytest.raises(ReadError, match=why):
            read_metadata(tmp_path / name)

"""A photo of a phone that says little of its lens carries what the camera catalogue knows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from fotohaus import develop, merge
from fotohaus.modes.photo import make_photo, merge_files
from fotohaus.output import write
from fotohaus.raw import read_raw
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.recipe import Recipe
from fotohaus.report import Report

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "fotohaus" / "sample"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw file as that phone writes them: aperture, but neither lens nor focal length."""
    raw = read_raw(sorted(SAMPLE.glob("*.dng"))[0])
    capture = CaptureInfo(make="Xiaomi", model="2203121C", f_number=1.9, iso=50)
    path = tmp_path_factory.mktemp("raw") / "bare.dng"
    return write(replace(raw, capture=capture), path)


def exif(path: Path) -> dict[int, object]:
    with Image.open(path) as photo:
        return dict(photo.getexif().get_ifd(ExifTags.IFD.Exif))


def test_lens_and_focal_length_are_filled(bare: Path, tmp_path: Path) -> None:
    report = Report()
    photo = make_photo([bare], tmp_path / "photo.jpg", Recipe(off={"all"}), report)
    tags = exif(photo)
    assert tags[ExifTags.Base.LensModel] == "Xiaomi 12S Ultra main camera"
    assert float(tags[ExifTags.Base.FocalLength]) == pytest.approx(8.7)  # type: ignore[arg-type]
    assert float(tags[ExifTags.Base.FNumber]) == pytest.approx(1.9)  # type: ignore[arg-type]
    # The sample is no size that this sensor has: what crop it would be is not known.
    assert ExifTags.Base.FocalLengthIn35mmFilm not in tags
    assert [stage.name for stage in report.stages].count("catalogue") == 1


def test_a_dng_of_it_has_them_too(bare: Path, tmp_path: Path) -> None:
    merged = make_photo([bare], tmp_path / "merged.dng", Recipe())
    assert read_raw(merged).capture.focal_length == pytest.approx(8.7)


def test_other_files_keep_theirs(tmp_path: Path) -> None:
    frame = sorted(SAMPLE.glob("*.dng"))[0]
    report = Report()
    tags = exif(make_photo([frame], tmp_path / "photo.jpg", Recipe(off={"all"}), report))
    assert float(tags[ExifTags.Base.FocalLength]) == pytest.approx(8.7)  # type: ignore[arg-type]
    assert tags[ExifTags.Base.FocalLengthIn35mmFilm] == 24
    assert ExifTags.Base.LensModel not in tags
    assert "catalogue" not in [stage.name for stage in report.stages]


def fusion(index: int = 0) -> RawImage:
    """A frame of a camera whose noise the catalogue knows; its own profile is kept."""
    small = read_raw(sorted(SAMPLE.glob("*.dng"))[index])
    crop = replace(small.crop, height=2 * small.crop.height, width=2 * small.crop.width)
    capture = CaptureInfo(make="GoPro", model="FUSION", iso=200)
    return replace(small, mosaic=np.tile(small.mosaic, (2, 2)), crop=crop, capture=capture)


def test_noise_that_the_file_lacks_is_the_camera_s(tmp_path: Path) -> None:
    raw, file = fusion(), tmp_path / "raw.dng"
    for noise, notes in ((None, 1), (raw.noise, 0)):
        write(replace(raw, noise=noise), file)
        read = merge_files([file], Recipe(), report := Report())
        assert [stage.name for stage in report.stages].count("catalogue") == notes
        assert read.noise is not None
        assert (read.noise.source == "catalogue") == (noise is None)


def test_from_python_it_is_known_too() -> None:
    frames = [replace(fusion(i), noise=None) for i in range(2)]
    develop(frames[0], report=(report := Report()))
    assert [stage.name for stage in report.stages].count("catalogue") == 1
    merge(frames, report=(report := Report()))
    assert any(note.startswith("noise (catalogue)") for stage in report.stages for note in stage.notes)

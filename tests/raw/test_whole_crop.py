"""A mosaic whose crop is all of it: others get it without two pixels, we all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fotohaus.raw import describe, read_raw
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.raw.whole_crop import PRIVATE_SIZE, padded, private_data, whole

CROP_ORIGIN, CROP_SIZE, PRIVATE = 50719, 50720, 50740


def mosaic(crop: Rectangle, height: int = 40, width: int = 60) -> RawImage:
    samples = np.random.default_rng(0).integers(64, 1023, (height, width)).astype(np.uint16)
    color = ColorCalibration(color_matrix_1=np.eye(3), illuminant_1=21, as_shot_neutral=(0.5, 1.0, 0.6))
    return RawImage(samples, "RGGB", np.full((2, 2), 64.0), np.full((2, 2), 1023.0), color, crop=crop)


def written(raw: RawImage, folder: Path) -> Path:
    path = folder / "a.dng"
    path.write_bytes(encode_dng(raw))
    return path


@pytest.mark.parametrize(
    ("crop", "shown"),
    [
        (Rectangle(0, 0, 40, 60), ((2, 2), (56, 36))),
        (Rectangle(0, 1, 40, 57), ((2, 2), (56, 36))),
        (Rectangle(1, 4, 30, 50), ((4, 2), (50, 29))),
        (Rectangle(2, 2, 36, 56), ((2, 2), (56, 36))),
    ],
)
def test_others_see_two_pixels_less_and_we_all(tmp_path: Path, crop: Rectangle, shown: tuple[object, ...]) -> None:
    path = written(mosaic(crop), tmp_path)
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        assert (tags[CROP_ORIGIN].value, tags[CROP_SIZE].value) == shown
        assert (PRIVATE in tags) == (padded(crop, 40, 60) != crop)
    again = read_raw(path)
    assert again.crop == crop
    assert again.mosaic.shape == (40, 60)
    assert describe(path)["raw"]["crop"] == f"{crop.width} x {crop.height} at {crop.left}, {crop.top}"


def test_a_crop_made_anew_by_others_counts(tmp_path: Path) -> None:
    path = written(mosaic(Rectangle(0, 0, 40, 60)), tmp_path)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[CROP_ORIGIN].overwrite((10, 8))
        file.pages[0].tags[CROP_SIZE].overwrite((20, 12))
    assert read_raw(path).crop == Rectangle(8, 10, 12, 20)


@pytest.mark.parametrize("kind", ["other program", "short", "huge", "outside", "empty"])
def test_private_data_that_say_something_else_say_nothing(kind: str) -> None:
    crop = Rectangle(2, 2, 36, 56)
    private = {
        "other program": b"Adobe\0" + bytes(24),
        "short": private_data(Rectangle(0, 0, 40, 60))[:-1],
        "huge": private_data(Rectangle(0, 0, 2**32 - 1, 2**32 - 1)),
        "outside": private_data(Rectangle(0, 0, 41, 60)),
        "empty": b"",
    }[kind]
    assert len(private) != PRIVATE_SIZE or kind in ("huge", "outside", "other program")
    assert whole(crop, private, 40, 60) == crop


def test_what_is_too_small_for_a_border_has_none(tmp_path: Path) -> None:
    crop = Rectangle(0, 0, 4, 60)
    raw = replace(mosaic(crop, height=4), crop=crop)
    assert read_raw(written(raw, tmp_path)).crop == crop
    assert padded(crop, 4, 60) == crop

"""Files without a calibration."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import develop
from fotohaus.develop.uncalibrated import says_nothing
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle

LEVELS = {"R": 2600, "G": 4000, "B": 3100}


def star_field(neutral: tuple[float, float, float] | None) -> RawImage:
    rng = np.random.default_rng(5)
    mosaic = np.zeros((64, 64))
    for position, name in enumerate("GRBG"):
        mosaic[position // 2 :: 2, position % 2 :: 2] = LEVELS[name]
    mosaic += rng.normal(0, 20, mosaic.shape)
    mosaic[20:22, 30:32] = 60000
    return RawImage(
        mosaic.astype(np.uint16),
        "GRBG",
        np.zeros((2, 2), np.float32),
        np.full((2, 2), 65535, np.float32),
        ColorCalibration(np.eye(3), as_shot_neutral=neutral),
        Rectangle(0, 0, 64, 64),
    )


@pytest.mark.parametrize("neutral", [None, (1.0, 1.0, 1.0)])
def test_the_sky_of_an_uncalibrated_star_field_is_grey(neutral: tuple[float, float, float] | None) -> None:
    scene = develop(star_field(neutral))
    sky = np.median(scene.pixels, axis=(0, 1))
    np.testing.assert_allclose(sky / sky.mean(), 1, atol=0.02)


def test_a_calibrated_file_keeps_its_colours() -> None:
    raw = star_field((0.6, 1.0, 0.8))
    assert not says_nothing(raw.color)
    assert not says_nothing(replace(raw.color, color_matrix_1=np.diag([0.9, 1.0, 1.1]), as_shot_neutral=None))

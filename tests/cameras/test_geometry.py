"""Formulas by values that textbooks print."""

import math

import pytest

from fotohaus.cameras import geometry


def test_full_frame() -> None:
    assert geometry.crop_factor(1) == pytest.approx(43.2666, abs=1e-4)
    assert geometry.crop_factor(math.hypot(36, 24)) == 1
    # APS-C of 23.6 x 15.7 mm is "1.5", Four Thirds of 17.3 x 13 mm "2", a 1-inch type of 13.2 x 8.8 mm "2.7".
    assert geometry.crop_factor(math.hypot(23.6, 15.7)) == pytest.approx(1.53, abs=0.01)
    assert geometry.crop_factor(math.hypot(17.3, 13)) == pytest.approx(2.0, abs=0.01)
    assert geometry.crop_factor(math.hypot(13.2, 8.8)) == pytest.approx(2.73, abs=0.01)


@pytest.mark.parametrize(
    ("focal_length", "f_number", "circle", "meters"),
    [(50, 8, 0.03, 10.47), (50, 2.8, 0.03, 29.81), (35, 11, 0.03, 3.75), (24, 16, 0.03, 1.22)],
)
def test_hyperfocal_distance(focal_length: float, f_number: float, circle: float, meters: float) -> None:
    assert geometry.hyperfocal_distance(focal_length, f_number, circle) / 1000 == pytest.approx(meters, abs=0.01)


@pytest.mark.parametrize(
    ("focal_length", "across"), [(24, 84.1), (28, 75.4), (35, 63.4), (50, 46.8), (85, 28.6), (135, 18.2)]
)
def test_field_of_view(focal_length: float, across: float) -> None:
    """The diagonal angles that lens makers print for full frame."""
    assert geometry.field_of_view(geometry.FULL_FRAME, focal_length) == pytest.approx(across, abs=0.1)


def test_circle_of_confusion() -> None:
    assert geometry.circle_of_confusion(geometry.FULL_FRAME) == pytest.approx(0.0288, abs=1e-4)


@pytest.mark.parametrize(
    ("inches", "pitch", "width", "height"),
    [(1, 1.6, 8192, 6144), (1 / 2, 0.8, 8000, 6000), (1 / 2.55, 1.4, 4032, 3024), (1 / 1.33, 0.8, 12000, 9000)],
)
def test_sizes_of_sensors(inches: float, pitch: float, width: int, height: int) -> None:
    """Three ways to a sensor's diagonal agree."""
    diagonal = math.hypot(width, height) * pitch * 1e-3
    assert geometry.sensor_diagonal(pitch, width * height / 1e6) == pytest.approx(diagonal, rel=1e-6)
    assert geometry.format_diagonal(inches) == pytest.approx(diagonal, rel=0.03)

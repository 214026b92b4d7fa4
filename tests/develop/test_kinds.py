"""Kinds of raw image beyond the common mosaic of integers."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import Report, develop
from fotohaus.develop.pipeline import prepare
from fotohaus.raw.image import ColorCalibration, GainMap, OtherOpcode, RawImage, Rectangle
from fotohaus.raw.opcode_types import MapPolynomial


def mosaic(seed: int = 3) -> RawImage:
    rng = np.random.default_rng(seed)
    samples = rng.integers(600, 3000, (40, 48)).astype(np.uint16)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(0.6, 1.0, 0.7))
    levels = (np.full((2, 2), level, np.float32) for level in (512, 4095))
    return RawImage(samples, "RGGB", *levels, calibration, Rectangle(0, 0, 40, 48))


def test_a_floating_point_mosaic_develops_as_its_integers_do() -> None:
    raw = mosaic()
    floats = replace(raw, mosaic=raw.mosaic.astype(np.float32))
    # Last bits of a sample may move an integer of the demosaic's by one.
    np.testing.assert_allclose(develop(floats).pixels, develop(raw).pixels, atol=6e-4)


def test_shadows_of_floating_point_linear_raw_come_without_steps() -> None:
    ramp = np.geomspace(2e-5, 2e-3, 200, dtype=np.float32).reshape(1, -1, 1) * np.array([0.6, 1, 0.7], np.float32)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(0.6, 1.0, 0.7), baseline_exposure=6.0)
    levels = (np.full((1, 3), level, np.float32) for level in (0, 1))
    raw = RawImage(ramp.repeat(40, 0), None, *levels, calibration, Rectangle(0, 0, 40, 200))
    made = develop(raw).pixels[20, :, 1]
    np.testing.assert_allclose(made, ramp[0, :, 1] * 64, rtol=1e-3)


def test_shadows_of_floating_point_mosaics_come_without_steps() -> None:
    """A merged mosaic's smooth ramp, far below 1/65535 of its white, with a gain map over it."""
    ramp = np.geomspace(1e-6, 1e-3, 200, dtype=np.float32) * np.ones((40, 1), np.float32)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(1.0, 1.0, 1.0), baseline_exposure=7.0)
    levels = (np.full((2, 2), level, np.float32) for level in (0, 1))
    places = {"area": Rectangle(0, 0, 40, 200), "plane": 0, "planes": 1, "row_pitch": 1, "col_pitch": 1}
    grid = {"origin_v": 0.0, "origin_h": 0.0, "spacing_v": 1.0, "spacing_h": 1.0}
    shading = GainMap(**places, **grid, gains=np.full((2, 2, 1), 2, np.float32))
    raw = RawImage(ramp, "RGGB", *levels, calibration, Rectangle(0, 0, 40, 200), opcodes_2=(shading,))
    made = develop(raw, denoise=0.0).pixels[20, 8:-8, 1]
    # The network's own floor, and a step of its integers, are below half a step of 16 bits, which are 1 / 256 here.
    np.testing.assert_allclose(made, ramp[0, 8:-8] * 256, atol=1.5e-3, rtol=0.01)


def test_opcodes_of_list_2_leave_no_steps_in_floats() -> None:
    ramp = np.geomspace(2e-5, 2e-3, 200, dtype=np.float32).reshape(1, -1, 1) * np.ones(3, np.float32)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(1.0, 1.0, 1.0), baseline_exposure=6.0)
    levels = (np.full((1, 3), level, np.float32) for level in (0, 1))
    area = Rectangle(0, 0, 40, 200)
    half = MapPolynomial(area=area, plane=0, planes=3, row_pitch=1, col_pitch=1, coefficients=(0.0, 0.5))
    raw = RawImage(ramp.repeat(40, 0), None, *levels, calibration, area, opcodes_2=(half,))
    made = develop(raw).pixels[20, :, 1]
    np.testing.assert_allclose(made, ramp[0, :, 1] * 32, rtol=3e-3)


@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
def test_oblong_pixels_are_stretched_upright_and_in_strips(orientation: int) -> None:
    """A ramp along the sensor's columns, whose pixels are half as wide as high: twice the rows."""
    columns = np.linspace(0.1, 0.7, 96, dtype=np.float32)
    samples = np.broadcast_to(columns[None, :, None], (60, 96, 3)).copy()
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(1.0, 1.0, 1.0))
    levels = (np.full((1, 3), level, np.float32) for level in (0, 1))
    crop = Rectangle(4, 10, 50, 80)
    raw = RawImage(samples, None, *levels, calibration, crop, orientation=orientation, scale=(2.0, 1.0))
    whole = prepare(raw, off=("denoise", "defringe")).scene().pixels
    assert whole.shape == ((100, 80, 3) if orientation < 5 else (80, 100, 3))
    line = whole[50, :, 1] if orientation < 5 else whole[:, 50, 1]
    expected = columns[10:90] if orientation in (1, 6) else columns[10:90][::-1]
    np.testing.assert_allclose(line, expected, atol=2e-3)
    parts = prepare(raw, off=("denoise", "defringe", "lens"))
    np.testing.assert_array_equal(np.concatenate([parts.rows(0, 33), parts.rows(33, whole.shape[0])]), whole)


def test_what_is_not_applied_is_said() -> None:
    report = Report()
    develop(replace(mosaic(), opcodes_3=(OtherOpcode(77, 0x01030000, 1, b""),)), report=report)
    assert any("not applied: opcode 77" in note for stage in report.stages for note in stage.notes)
    assert report.warnings == []
    develop(replace(mosaic(), opcodes_3=(OtherOpcode(77, 0x01030000, 0, b""),)), report=report)
    assert len(report.warnings) == 1

"""Kinds of raw image beyond the common mosaic of integers."""

from dataclasses import replace

import numpy as np

from fotohaus import Report, develop
from fotohaus.raw.image import ColorCalibration, OtherOpcode, RawImage, Rectangle


def mosaic(seed: int = 3) -> RawImage:
    rng = np.random.default_rng(seed)
    samples = rng.integers(600, 3000, (40, 48)).astype(np.uint16)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(0.6, 1.0, 0.7))
    levels = (np.full((2, 2), level, np.float32) for level in (512, 4095))
    return RawImage(samples, "RGGB", *levels, calibration, Rectangle(0, 0, 40, 48))


def test_a_floating_point_mosaic_develops_as_its_integers_do() -> None:
    raw = mosaic()
    floats = replace(raw, mosaic=raw.mosaic.astype(np.float32))
    np.testing.assert_allclose(develop(floats).pixels, develop(raw).pixels, atol=2e-4)


def test_shadows_of_floating_point_linear_raw_come_without_steps() -> None:
    ramp = np.geomspace(2e-5, 2e-3, 200, dtype=np.float32).reshape(1, -1, 1) * np.array([0.6, 1, 0.7], np.float32)
    calibration = ColorCalibration(np.diag([0.8, 0.9, 0.7]), as_shot_neutral=(0.6, 1.0, 0.7), baseline_exposure=6.0)
    levels = (np.full((1, 3), level, np.float32) for level in (0, 1))
    raw = RawImage(ramp.repeat(40, 0), None, *levels, calibration, Rectangle(0, 0, 40, 200))
    made = develop(raw).pixels[20, :, 1]
    np.testing.assert_allclose(made, ramp[0, :, 1] * 64, rtol=1e-3)


def test_what_is_not_applied_is_said() -> None:
    report = Report()
    develop(replace(mosaic(), opcodes_3=(OtherOpcode(77, 0x01030000, 1, b""),)), report=report)
    assert any("not applied: opcode 77" in note for stage in report.stages for note in stage.notes)
    assert report.warnings == []
    develop(replace(mosaic(), opcodes_3=(OtherOpcode(77, 0x01030000, 0, b""),)), report=report)
    assert len(report.warnings) == 1

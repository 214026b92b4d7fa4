"""Colour against the DNG specification's chapter 6, written out once more with colour-science."""

import warnings

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.color import REC2020_TO_XYZ, apply_matrix, camera_to_rec2020
from fotohaus.raw.image import ColorCalibration
from fotohaus.raw.temperature import D50, D65, adaptation, temperature_and_tint, xy_to_xyz, xyz_to_xy
from fotohaus.report import Report

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour

# The matrices in the GoPro files among the test data.
WARM = np.array([[1.8331, -0.8166, -0.2478], [0.1391, 0.8961, -0.0367], [0.0822, 0.0662, 0.2597]])
COOL = np.array([[1.0344, -0.4210, -0.0620], [-0.2315, 1.0625, 0.1948], [0.0093, 0.1058, 0.5541]])
GOPRO = ColorCalibration(WARM, 3, COOL, 23, as_shot_neutral=(0.522449, 1.0, 0.571429))
FORWARD = np.array([[0.55, 0.25, 0.15], [0.25, 0.75, 0.0], [0.02, 0.12, 0.70]])
FORWARD_1, FORWARD_2 = (m * (xy_to_xyz(D50) / m.sum(1))[:, None] for m in (FORWARD, FORWARD + 0.05))


@pytest.mark.parametrize("xy", [(0.4476, 0.4074), D50, (0.3127, 0.3290), (0.28, 0.29), (0.35, 0.33), (0.31, 0.36)])
def test_temperature_agrees_with_robertson(xy):
    cct, _ = colour.temperature.uv_to_CCT_Robertson1968(colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(xy))))
    assert temperature_and_tint(xy)[0] == pytest.approx(cct, rel=2e-3)


@pytest.mark.parametrize("xy", [(0.9, 0.05), (0.05, 0.9), (0.1, 0.02), (0.7, 0.29)])
def test_temperature_of_no_light_is_a_number(xy):
    assert temperature_and_tint(xy)[0] > 1500


def test_adaptation_is_linear_bradford():
    expected = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ((0.4476, 0.4074)), colour.xy_to_XYZ(D50), transform="Bradford"
    )
    np.testing.assert_allclose(adaptation((0.4476, 0.4074), D50), expected, atol=2e-4)


def test_working_space_is_rec2020():
    np.testing.assert_allclose(REC2020_TO_XYZ, colour.RGB_COLOURSPACES["ITU-R BT.2020"].matrix_RGB_to_XYZ, atol=2e-4)


def specification(color: ColorCalibration, white):
    """Chapter 6 in its own words, for a white that is known: white-balanced camera to linear Rec. 2020."""
    uv = colour.UCS_to_uv(colour.XYZ_to_UCS(colour.xy_to_XYZ(white)))
    cct = colour.temperature.uv_to_CCT_Robertson1968(uv)[0]
    t1, t2 = {3: 2850, 17: 2850, 21: 6500, 23: 5000}[color.illuminant_1], {23: 5000, 21: 6500}[color.illuminant_2]
    weight = np.clip((1 / cct - 1 / t2) / (1 / t1 - 1 / t2), 0, 1)
    mix = lambda a, b: weight * a + (1 - weight) * b  # noqa: E731
    analog = np.diag(color.analog_balance)
    calibration = mix(color.calibration_1, color.calibration_2)
    xyz_to_camera = analog @ calibration @ mix(color.color_matrix_1, color.color_matrix_2)
    white_xyz = colour.xy_to_XYZ(white)
    neutral = xyz_to_camera @ white_xyz
    neutral /= neutral.max()
    if color.forward_matrix_1 is None:
        bradford = colour.adaptation.matrix_chromatic_adaptation_VonKries(
            white_xyz, colour.xy_to_XYZ(D50), transform="Bradford"
        )
        to_d50 = bradford @ np.linalg.inv(xyz_to_camera)
    else:
        reference = np.linalg.inv(analog @ calibration)
        to_d50 = mix(color.forward_matrix_1, color.forward_matrix_2) @ np.diag(1 / (reference @ neutral)) @ reference
    space = colour.RGB_COLOURSPACES["ITU-R BT.2020"]
    to_d65 = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ(D50), colour.xy_to_XYZ(space.whitepoint), transform="Bradford"
    )
    matrix = space.matrix_XYZ_to_RGB @ to_d65 @ to_d50 @ np.diag(neutral)
    return neutral, matrix / matrix.sum(1, keepdims=True)


@pytest.mark.parametrize(
    "color",
    [
        GOPRO,
        ColorCalibration(WARM, 17, COOL, 21),
        ColorCalibration(WARM, 17, COOL, 21, FORWARD_1, FORWARD_2, np.diag([1.02, 1, 0.97]), np.diag([0.98, 1, 1])),
        ColorCalibration(WARM, 17, COOL, 21, analog_balance=(0.9, 1.0, 1.1)),
    ],
    ids=["gopro", "A-D65", "forward", "analog"],
)
@pytest.mark.parametrize("white", [(0.4476, 0.4074), (0.3457, 0.3585), (0.38, 0.375), (0.30, 0.31)])
def test_matrix_and_white_agree_with_the_specification(color, white):
    neutral, expected = specification(color, white)
    color = ColorCalibration(**{**color.__dict__, "as_shot_neutral": tuple(neutral)})
    result = camera_to_rec2020(color)
    np.testing.assert_allclose(result.white_xy, white, atol=2e-3)
    np.testing.assert_allclose(1 / result.multipliers, neutral, atol=3e-3)
    np.testing.assert_allclose(result.matrix, expected, atol=6e-3)


def test_as_shot_neutral_and_as_shot_white_say_the_same():
    by_neutral = camera_to_rec2020(GOPRO)
    by_white = camera_to_rec2020(ColorCalibration(WARM, 3, COOL, 23, as_shot_white_xy=by_neutral.white_xy))
    np.testing.assert_allclose(by_white.multipliers, by_neutral.multipliers, rtol=1e-5)
    np.testing.assert_allclose(by_white.matrix, by_neutral.matrix, atol=1e-5)


def test_the_neutral_becomes_neutral_and_its_first_channel_clips_at_one():
    result = camera_to_rec2020(GOPRO)
    neutral = np.array(GOPRO.as_shot_neutral)
    balanced = result.multipliers * neutral
    np.testing.assert_allclose(result.matrix @ balanced, 1.0, atol=1e-4)
    assert result.multipliers.min() == pytest.approx(1.0)


def test_scale_of_the_neutral_does_not_matter():
    scaled = ColorCalibration(**{**GOPRO.__dict__, "as_shot_neutral": tuple(2.477 * np.array(GOPRO.as_shot_neutral))})
    np.testing.assert_allclose(camera_to_rec2020(scaled).multipliers, camera_to_rec2020(GOPRO).multipliers)


def test_order_of_illuminants_does_not_matter():
    swapped = ColorCalibration(COOL, 23, WARM, 3, as_shot_neutral=GOPRO.as_shot_neutral)
    np.testing.assert_allclose(camera_to_rec2020(swapped).matrix, camera_to_rec2020(GOPRO).matrix, atol=1e-6)


@pytest.mark.parametrize("code", [1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24])
def test_every_exif_illuminant_counts(code):
    other = 21 if code in (3, 15, 16, 17, 24) else 17  # on the other side of the white
    both = camera_to_rec2020(ColorCalibration(COOL, code, WARM, other, as_shot_white_xy=(0.40, 0.39)))
    single = camera_to_rec2020(ColorCalibration(COOL, code, as_shot_white_xy=(0.40, 0.39)))
    assert np.abs(both.matrix - single.matrix).max() > 1e-3


def test_unknown_illuminant_leaves_the_first_calibration():
    one = camera_to_rec2020(ColorCalibration(COOL, 23, WARM, 255, as_shot_neutral=GOPRO.as_shot_neutral))
    other = camera_to_rec2020(ColorCalibration(COOL, 23, as_shot_neutral=GOPRO.as_shot_neutral))
    np.testing.assert_array_equal(one.matrix, other.matrix)


def test_identity_camera_is_xyz():
    result = camera_to_rec2020(ColorCalibration(np.eye(3), 21, as_shot_neutral=(1.0, 1.0, 1.0)))
    np.testing.assert_allclose(result.multipliers, 1.0)
    np.testing.assert_allclose(result.white_xy, 1 / 3, atol=1e-9)
    assert np.abs(result.matrix).max() < 2.5
    expected = np.linalg.inv(REC2020_TO_XYZ) @ adaptation((1 / 3, 1 / 3), D65)
    np.testing.assert_allclose(result.matrix, expected, atol=2e-3)


def test_without_as_shot_white_daylight_is_taken_and_reported():
    report = Report()
    with report.stage("color"):
        result = camera_to_rec2020(ColorCalibration(COOL, 23), report)
    assert 5400 < result.temperature < 5600
    assert any("D55" in note for note in report.stages[0].notes)


@pytest.mark.parametrize("neutral", [(0.0, 1.0, 1.0), (-1.0, 1.0, 1.0), (np.nan, 1.0, 1.0), (np.inf, 1.0, 1.0)])
def test_unusable_neutral_is_left_aside(neutral):
    assert np.isfinite(camera_to_rec2020(ColorCalibration(COOL, 23, as_shot_neutral=neutral)).matrix).all()


@pytest.mark.parametrize(
    "matrix", [np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones((3, 3)), -COOL, np.full((3, 3), np.inf), np.eye(4)]
)
def test_unusable_matrices_are_refused_with_a_reason(matrix):
    with pytest.raises(ValueError, match="its "):
        camera_to_rec2020(ColorCalibration(matrix, 21, as_shot_neutral=(0.5, 1.0, 0.6)))


def test_chromaticity_round_trip():
    np.testing.assert_allclose(xyz_to_xy(xy_to_xyz(D50) * 7), D50)


@pytest.mark.parametrize("size", [(1, 1), (7, 131), (40, 300)])
def test_a_matrix_is_applied_where_pixels_lie(size):
    pixels = kernels.planar(np.random.default_rng(1).normal(0.3, 0.3, (*size, 3)).astype(np.float32))
    wanted = pixels @ WARM.T
    assert apply_matrix(pixels, WARM) is pixels
    np.testing.assert_allclose(pixels, wanted, atol=1e-6)

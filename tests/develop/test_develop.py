from dataclasses import replace

import numpy as np
import pytest

from fotohaus.develop import develop
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020
from fotohaus.develop.geometry import orient
from fotohaus.develop.pipeline import luminance_noise
from fotohaus.errors import ReadError
from fotohaus.raw import read_raw
from fotohaus.raw.image import CFA_PATTERNS, GainMap, NoiseProfile, OtherOpcode, Rectangle
from fotohaus.report import Report


def truth_of(scenes, camera):
    """What the scene should be: camera values balanced and through the matrix."""
    color = camera_to_rec2020(scenes.CAMERA)
    return (camera * color.multipliers) @ color.matrix.T


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_phase_and_orientation_gives_the_same_picture(scenes, cfa, orientation):
    camera = scenes.smooth_scene(70, 98)
    # What a lens blurred is not in this truth.
    scene = develop(scenes.raw_of(camera, cfa, orientation), off=("capture-sharpen",))
    truth = truth_of(scenes, camera)
    assert scene.pixels.shape == truth.shape
    inner = np.s_[12:-12, 12:-12]
    error = scene.pixels[inner] - truth[inner]
    assert np.sqrt(np.mean(error**2)) < 0.006


@pytest.mark.parametrize("orientation", range(1, 9))
def test_borders_of_the_crop_come_from_real_samples(scenes, orientation):
    camera = scenes.smooth_scene(90, 110)
    stored = orient(camera, scenes.UNDO[orientation])
    crop = Rectangle(15, 13, stored.shape[0] - 30, stored.shape[1] - 28)
    raw = scenes.raw_of(camera, "GRBG", orientation)
    # What the sensor saw, cut as the crop says, and turned again.
    # Capture sharpening alone stops at the crop.
    whole = orient(
        orient(develop(raw, off=("capture-sharpen",)).pixels, scenes.UNDO[orientation])[crop.slices], orientation
    )
    cropped = develop(replace(raw, crop=crop), off=("capture-sharpen",)).pixels
    np.testing.assert_allclose(cropped, whole, atol=2e-5)


def test_a_neutral_that_just_clips_is_one(scenes):
    camera = np.broadcast_to(scenes.NEUTRAL, (40, 40, 3))
    scene = develop(scenes.raw_of(camera))
    np.testing.assert_allclose(scene.pixels, 1.0, atol=2e-3)
    np.testing.assert_allclose(scene.white_xy, (0.3127, 0.3290), atol=2e-3)


@pytest.mark.parametrize(("exposure", "factor"), [(1.0, 2.0), (-0.5, 2**-0.5), (np.inf, 1), (np.nan, 1), (300.0, 1)])
def test_baseline_exposure(scenes, exposure, factor):
    camera = 0.3 * np.broadcast_to(scenes.NEUTRAL, (40, 40, 3))
    color = replace(scenes.CAMERA, baseline_exposure=exposure)
    np.testing.assert_allclose(develop(scenes.raw_of(camera, color=color)).pixels, 0.3 * factor, rtol=3e-3)


def linear_raw(scenes, camera, orientation=1, **more):
    stored = orient(camera, scenes.UNDO[orientation])
    span = scenes.WHITE - scenes.BLACK
    raw = scenes.raw_of(np.zeros((*stored.shape[:2], 3)), **more)
    return replace(
        raw,
        mosaic=np.clip(np.round(stored * span + scenes.BLACK), 0, scenes.WHITE).astype(np.uint16),
        cfa=None,
        black=np.full((1, 3), scenes.BLACK, np.float32),
        white=np.full((1, 3), scenes.WHITE, np.float32),
        orientation=orientation,
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_linear_raw(scenes, orientation):
    camera = scenes.smooth_scene(50, 75)
    scene = develop(linear_raw(scenes, camera, orientation))
    np.testing.assert_allclose(scene.pixels, truth_of(scenes, camera), atol=2e-3)


def test_linear_raw_with_gain_map_and_clipping(scenes):
    camera = np.broadcast_to(scenes.NEUTRAL * np.linspace(0.1, 3, 80)[None, :, None], (30, 80, 3))
    gains = np.broadcast_to(np.float32([[1.0], [2.0]])[..., None], (2, 1, 3))
    half = GainMap(Rectangle(0, 0, 30, 80), 1, 1, 0, 3, 0.0, 0.0, 1.0, 1.0, gains)
    raw = replace(linear_raw(scenes, camera), opcodes_2=(half,))
    scene = develop(raw)
    ratio = scene.pixels[:, :20] / develop(raw, off=("opcodes",)).pixels[:, :20]
    np.testing.assert_allclose(ratio[..., 1], 1 + (np.arange(30)[:, None] + 0.5) / 30 + np.zeros(20), rtol=1e-3)
    assert np.isfinite(develop(raw, off=("highlights",)).pixels).all()
    # Neutral light stays neutral through every stage of clipping.
    assert np.abs(scene.pixels / scene.pixels.mean(-1, keepdims=True) - 1).max() < 0.06
    assert (np.diff(scene.pixels[..., 1], axis=1) > -0.02).all()


def test_stages_can_be_left_out(scenes):
    gains = np.full((2, 2, 1), 1.5, np.float32)
    double = GainMap(Rectangle(0, 0, 40, 40), 1, 1, 0, 1, 0.0, 0.0, 1.0, 1.0, gains)
    raw = scenes.raw_of(np.broadcast_to(0.4 * scenes.NEUTRAL, (40, 40, 3)), opcodes_2=(double,))
    np.testing.assert_allclose(develop(raw).pixels, 0.6, rtol=3e-3)
    np.testing.assert_allclose(develop(raw, off=("opcodes",)).pixels, 0.4, rtol=3e-3)
    clipped = scenes.raw_of(np.minimum(np.broadcast_to(3 * scenes.NEUTRAL, (40, 40, 3)), 1))
    # How bright it was nobody knows, but not darker than the channel that clips last, and white.
    found = develop(clipped).pixels
    assert found.min() > 2.0 * 0.997
    np.testing.assert_allclose(found, found[..., 1:2].repeat(3, axis=2), rtol=3e-3)
    off = develop(clipped, off=("highlights",)).pixels
    np.testing.assert_allclose(off, 1, rtol=2e-3)


def test_report_says_what_was_done(scenes):
    report = Report()
    opcode = OtherOpcode(1, 0x01030000, 0, b"")
    develop(scenes.raw_of(scenes.smooth_scene(40, 40), opcodes_3=(opcode,)), report=report)
    assert {"color", "shading", "scene"} <= {stage.name for stage in report.stages}
    parts = next(stage.parts for stage in report.stages if stage.name == "scene")
    assert {"linearize", "demosaic"} <= {part.name for part in parts}
    notes = " ".join(note for stage in report.stages for note in stage.notes)
    assert "white at 6503 K, tint +10, gains 2.000, 1.000, 1.613" in notes
    assert "not applied: opcode 1" in notes


@pytest.mark.parametrize("matrix", [np.full((3, 3), np.nan), np.zeros((3, 3)), np.ones((3, 3))])
def test_unusable_colour_is_a_read_error(scenes, matrix):
    raw = scenes.raw_of(np.zeros((8, 8, 3)), color=replace(scenes.CAMERA, color_matrix_1=matrix))
    with pytest.raises(ReadError, match=r"shot\.dng: its color matrix"):
        develop(replace(raw, path="shot.dng"))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_too_small_a_mosaic_is_a_read_error(scenes, size):
    with pytest.raises(ReadError, match="too small"):
        develop(scenes.raw_of(np.zeros((*size, 3))))


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (7, 2)])
def test_tiny_images_develop(scenes, size):
    scene = develop(scenes.raw_of(np.broadcast_to(0.5 * scenes.NEUTRAL, (*size, 3)), orientation=6))
    np.testing.assert_allclose(scene.pixels, 0.5, atol=3e-3)


def test_levels_without_range_give_numbers(scenes):
    raw = scenes.raw_of(scenes.smooth_scene(16, 16))
    flat = replace(raw, black=np.full((2, 2), 900, np.float32), white=np.full((2, 2), 900, np.float32))
    assert np.isfinite(develop(flat).pixels).all()


def test_noise_of_the_scene_is_that_of_its_luminance(scenes):
    """A flat grey with the noise that the profile states: its luminance varies as the scene says."""
    scale, offset = (2e-3, 1.5e-3, 2.5e-3), (2e-5, 1e-5, 3e-5)
    rng = np.random.default_rng(1)
    for level in (0.05, 0.2, 0.45):
        camera = np.broadcast_to(level * scenes.NEUTRAL, (300, 300, 3))
        noise = rng.normal(size=camera.shape) * np.sqrt(np.array(scale) * camera + np.array(offset))
        raw = scenes.raw_of(camera + noise, noise=NoiseProfile(scale, offset))
        scene = develop(raw)
        luminance = scene.pixels @ REC2020_TO_XYZ[1]
        predicted = scene.noise[0] * level + scene.noise[1]
        assert luminance.var() == pytest.approx(predicted, rel=0.1)
        linear = develop(linear_raw(scenes, camera + noise, noise=raw.noise))
        predicted = linear.noise[0] * level + linear.noise[1]
        assert (linear.pixels @ REC2020_TO_XYZ[1]).var() == pytest.approx(predicted, rel=0.1)


def test_noise_follows_gain_and_exposure():
    profile = NoiseProfile((1e-3,) * 3, (1e-5,) * 3)
    scale, offset = luminance_noise(profile, np.ones(3), np.eye(3), mosaic=False)
    share = REC2020_TO_XYZ[1]
    assert scale == pytest.approx(1e-3 * np.sum(share**2))
    assert offset == pytest.approx(1e-5 * np.sum(share**2))
    for mosaic in (False, True):
        scale, offset = luminance_noise(profile, np.ones(3), np.eye(3), mosaic)
        brighter = luminance_noise(profile, np.ones(3), 2 * np.eye(3), mosaic)
        assert brighter == pytest.approx((2 * scale, 4 * offset))
        gained = luminance_noise(profile, 2 * np.ones(3), np.eye(3), mosaic)
        assert gained == pytest.approx((2 * scale, 4 * offset))


def test_color_checker_of_a_real_camera(shared, scenes):
    """Mean delta E 2000 of 24 patches at the chart's own white, exposure normalised; see benchmarks/colorchecker.py."""
    raw = read_raw(shared / "raw" / "canon_colorchecker.dng")
    raw = replace(raw, color=replace(raw.color, as_shot_neutral=tuple(scenes.CHART["neutral"])))
    error, grey = scenes.chart_error(develop(raw))
    assert error < 5
    assert grey < 4.5


def test_identity_matrix_file(shared):
    scene = develop(read_raw(shared / "burst" / "m94" / "N000.dng"))
    assert scene.pixels.shape == (1920, 1080, 3)
    assert np.isfinite(scene.pixels).all()
    assert 0.005 < np.median(scene.pixels[..., 1]) < 0.05


def test_mirrored_frame_with_gain_maps(shared):
    """HERO6: the same as the unmirrored frame, mirrored; its corners as bright as a flat-field would have them."""
    raw = read_raw(shared / "raw" / "gopro_hero6_mural.dng")
    assert raw.orientation == 2
    # Denoising works in blocks, which begin on the other side; the demosaic's network knows left from right.
    scene = develop(raw, off=("denoise",))
    plain = develop(replace(raw, orientation=1), off=("denoise",))
    # Clipped light is filled in from an overview, whose cells begin on the other side.
    differ = np.abs(scene.pixels[700:900] - plain.pixels[700:900, ::-1])
    assert np.median(differ) < 1e-3
    assert (differ < 0.1 * np.maximum(plain.pixels[700:900, ::-1], 0.1)).mean() > 0.98
    without = develop(raw, off=("opcodes", "denoise"))
    corner, centre = np.s_[:150, :150], np.s_[1400:1600, 1900:2100]
    assert scene.pixels[corner].mean() / without.pixels[corner].mean() > 1.6
    assert scene.pixels[centre].mean() / without.pixels[centre].mean() < 1.1

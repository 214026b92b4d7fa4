"""The simulator keeps what it promises: every test downstream believes its truth."""

from pathlib import Path

import numpy as np
import pytest

from fotohaus.raw.image import CFA_PATTERNS, PLANES
from fotohaus.simulate import Motion, Mover, phone_noise, simulate_burst
from fotohaus.simulate.sensor import CAMERA_FROM_SRGB, NEUTRAL, gains_at
from fotohaus.simulate.world import interpolation

SIZE = (96, 128)


def smooth(x, y, seed=0):
    """Colour (..., 3) of a photo whose finest detail any interpolation keeps, at (x, y) in its px."""
    rng = np.random.default_rng(seed)
    waves = [np.sin(2 * np.pi * (u * x + v * y) / 100 + p) for u, v, p in rng.uniform(-3, 3, (12, 3))]
    return np.stack([0.5 + 0.1 * sum(waves[c::3]) for c in range(3)], -1)


def smooth_photo(h=320, w=400):
    return smooth(*np.mgrid[:h, :w][::-1])


def flat(value):
    return np.full((64, 64, 3), value)


def planes_of(burst, mosaic):
    """Yield (colour index, its samples) for each of the four positions of the CFA."""
    for position, letter in enumerate(burst.sensor.cfa):
        yield PLANES.index(letter), mosaic[position // 2 :: 2, position % 2 :: 2]


@pytest.mark.parametrize("iso", [100, 1600])
@pytest.mark.parametrize("bits", [10, 14])
def test_noise_has_the_variance_of_its_model(iso, bits):
    burst = simulate_burst(flat(0.6), size=(512, 512), iso=iso, bits=bits, exposure=0.5, frames=2)
    model = phone_noise(iso)
    assert burst.noise == model
    for index in range(2):
        frame = burst.frame(index)
        scale = float(frame.white[0, 0] - frame.black[0, 0])
        for c, samples in planes_of(burst, (frame.mosaic - frame.black[0, 0]) / scale):
            x = 0.3 * NEUTRAL[c]
            variance = model.scale[c] * x + model.offset[c] + 1 / 12 / scale**2
            assert samples.mean() == pytest.approx(x, abs=4 * np.sqrt(variance / samples.size))
            assert samples.var() == pytest.approx(variance, rel=0.03)  # 65536 samples: 0.55 % standard error


def test_frames_have_independent_noise():
    burst = simulate_burst(flat(0.6), size=(256, 256), frames=2)
    a, b = (frame.mosaic.astype(float) for frame in burst)
    residuals = [m - burst.clean(0) * (burst.sensor.white - burst.sensor.black) - burst.sensor.black for m in (a, b)]
    assert abs(np.corrcoef(residuals[0].ravel(), residuals[1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_truth_is_the_photo_in_camera_colours(cfa):
    colour = np.array([0.8, 0.4, 0.1])
    burst = simulate_burst(np.ones((64, 64, 3)) * colour, size=SIZE, cfa=cfa, exposure=0.5, frames=1)
    camera = CAMERA_FROM_SRGB @ colour * 0.5
    assert burst.frame(0).cfa == cfa
    for c, samples in planes_of(burst, burst.truth):
        np.testing.assert_allclose(samples, camera[c], rtol=1e-5)
    np.testing.assert_allclose(burst.truth_rgb, np.broadcast_to(colour * 0.5, (*SIZE, 3)), rtol=1e-4)


def test_unmoved_frame_is_the_average_of_the_world():
    photo = np.random.default_rng(3).uniform(0, 1, (400, 400, 3))
    burst = simulate_burst(photo, size=(64, 64), frames=1, exposure=1.0)
    crop = photo[136:264, 136:264]  # twice the sensor, centred
    average = crop.reshape(64, 2, 64, 2, 3).mean((1, 3))
    np.testing.assert_allclose(burst.truth_rgb, average, atol=2e-5)


def test_colour_calibration_makes_grey_grey():
    color = simulate_burst(flat(0.5), size=SIZE, frames=1).frame(0).color
    d65 = np.array([0.95047, 1.0, 1.08883])
    camera = color.color_matrix_1 @ d65
    np.testing.assert_allclose(camera / camera[1], color.as_shot_neutral, atol=1e-4)


def test_motions_lead_back_to_the_reference():
    """The photo, looked up where a frame's motion says, is that frame."""
    burst = simulate_burst(
        smooth_photo(), size=SIZE, frames=5, shake=5, rotation=1.0, rolling=3.0, exposure=1.0, reference=2
    )
    assert burst.motions[2] == Motion()
    assert burst.motions[1].dx != burst.motions[3].dx
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    plane = np.tile(burst.sensor.planes, (SIZE[0] // 2, SIZE[1] // 2))[..., None]
    for index, motion in enumerate(burst.motions):
        px, py = (motion.matrix(SIZE) @ np.stack([x, y, np.ones_like(x)]).reshape(3, -1)).reshape(2, *SIZE)
        # The sensor is the centre of the photo at half its resolution; a pixel covers 2 x 2 of the photo's.
        left, top = (400 - 2 * SIZE[1]) / 2, (320 - 2 * SIZE[0]) / 2
        rgb = np.mean([smooth(2 * px + left + i, 2 * py + top + j) for i in (0, 1) for j in (0, 1)], 0)
        expected = np.take_along_axis(rgb @ CAMERA_FROM_SRGB.T, plane, -1)[..., 0]
        # A thousandth of a pixel on the steepest slope.
        np.testing.assert_allclose(burst.clean(index), expected, atol=2e-4)


def test_frames_beyond_the_photo_are_mirrored_not_black():
    burst = simulate_burst(flat(0.5), size=(64, 64), frames=3, shake=30)
    for index in range(3):
        assert burst.clean(index).min() > 0.1


def test_same_seed_same_frames_in_any_order():
    options = {"size": SIZE, "frames": 3, "shading": 1.8, "hot": 1e-3, "blur": 2.0}
    one, two = (simulate_burst(smooth_photo(), seed=7, **options) for _ in range(2))
    forward = [frame.mosaic for frame in one]
    backward = [two.frame(i).mosaic for i in (2, 1, 0)][::-1]
    for a, b in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(a, b)
    other = simulate_burst(smooth_photo(), seed=8, **options)
    assert other.motions != one.motions
    assert (other.frame(0).mosaic != forward[0]).mean() > 0.5


@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_gain_maps_undo_the_shading(cfa):
    options = {"size": SIZE, "frames": 2, "cfa": cfa, "iso": 100}
    plain = simulate_burst(smooth_photo(), **options)
    shaded = simulate_burst(smooth_photo(), shading=2.0, **options)
    maps = shaded.frame(0).opcodes_2
    assert len(maps) == 4
    assert {(m.area.top, m.area.left) for m in maps} == {(0, 0), (0, 1), (1, 0), (1, 1)}
    restored = shaded.clean(1)
    corner = restored[0, 0] / plain.clean(1)[0, 0]
    for gain_map in maps:
        restored[gain_map.area.top :: 2, gain_map.area.left :: 2] *= gains_at(gain_map, SIZE)
    np.testing.assert_allclose(restored, plain.clean(1), rtol=1e-5)
    assert corner == pytest.approx(0.5, abs=0.03)
    assert not plain.frame(0).opcodes_2


def test_hot_pixels_stay_where_they_are():
    burst = simulate_burst(flat(0.2), size=SIZE, frames=3, hot=1e-3, iso=100)
    scale = burst.sensor.white - burst.sensor.black
    spots = [set(np.flatnonzero(f.mosaic - 64.0 - burst.clean(i) * scale > 0.1 * scale)) for i, f in enumerate(burst)]
    assert spots[0] == spots[1] == spots[2]
    assert len(spots[0]) == round(1e-3 * SIZE[0] * SIZE[1])


def test_mover_walks_and_occludes():
    mover = Mover(flat(0.0), (20, 24), velocity=(0, 14), position=(40, 10))
    burst = simulate_burst(flat(0.8), size=SIZE, frames=4, shake=0, rotation=0, movers=[mover])
    for index in range(4):
        dark = burst.clean(index) < 1e-4
        expected = np.zeros(SIZE, bool)
        expected[40:60, 10 + 14 * index : 34 + 14 * index] = True
        assert (dark ^ expected).sum() <= 2 * (20 + 24)  # its outline at most
    moved = burst.moved()
    assert moved[40:60, 10:76].all()
    assert moved.mean() < 0.15


def test_near_subject_shifts_more():
    mover = Mover(flat(0.0), (24, 24), velocity=(0, 0), parallax=3.0)
    burst = simulate_burst(flat(0.8), size=SIZE, frames=3, shake=4, rotation=0, movers=[mover])
    for index, motion in enumerate(burst.motions):
        y, x = np.nonzero(burst.clean(index) < 1e-3)
        assert x.mean() == pytest.approx((SIZE[1] - 1) / 2 - 3 * motion.dx, abs=1)
        assert y.mean() == pytest.approx((SIZE[0] - 1) / 2 - 3 * motion.dy, abs=1)


def test_blur_smears_along_its_path():
    photo = np.zeros((400, 400, 3))
    photo[:, 200:] = 1
    burst = simulate_burst(photo, size=(64, 64), frames=6, shake=0, rotation=0, blur=8, exposure=1.0, seed=3)
    for index, motion in enumerate(burst.motions):
        edge = burst.clean(index)[32, 1::2]  # greens
        ramp = ((edge > 0.05) & (edge < 0.95)).sum() * 2
        assert abs(ramp - abs(motion.blur[0]) * 0.9) <= 3


def test_a_bracket_scales_light_and_says_so():
    options = {"size": SIZE, "frames": 5, "iso": 100, "exposure": 0.5, "blur": 2.0}
    plain = simulate_burst(smooth_photo(), **options)
    bracket = simulate_burst(smooth_photo(), bracket=(0, -2, 1), reference=1, **options)
    assert bracket.steps == (1, 0, -2, 1, 0)
    same = simulate_burst(smooth_photo(), reference=1, **options)
    for index, step in enumerate(bracket.steps):
        frame = bracket.frame(index)
        assert frame.capture.exposure_time == 0.02 * 2.0**step
        assert frame.capture.exposure_bias == step
        # A longer exposure blurs more.
        assert bracket.motions[index].blur == tuple(b * 2.0**step for b in same.motions[index].blur)
    np.testing.assert_allclose(bracket.truth, same.truth)
    still = simulate_burst(smooth_photo(), size=SIZE, frames=2, shake=0, rotation=0, bracket=(0, 2))
    np.testing.assert_allclose(still.clean(1), np.minimum(still.clean(0) * 4, 1), rtol=1e-5)
    assert (still.clean(1) == 1).any()
    # The noise follows the light that each frame has.
    flat_bracket = simulate_burst(flat(0.2), size=(256, 256), frames=2, bracket=(0, 2))
    for index in range(2):
        clean = flat_bracket.clean(index)
        scale = flat_bracket.sensor.white - flat_bracket.sensor.black
        error = (flat_bracket.frame(index).mosaic - 64.0) / scale - clean
        model = phone_noise(1600).scale[0] * clean.mean() + phone_noise(1600).offset[0]
        assert error.var() == pytest.approx(model, rel=0.05)
    assert plain.frame(0).capture.exposure_bias is None


def test_the_command_line_makes_every_kind_of_burst(tmp_path: Path):
    import subprocess
    import sys

    from PIL import Image

    from fotohaus.raw import read_raw

    photo = tmp_path / "photo.png"
    Image.fromarray((smooth_photo() * 255).clip(0, 255).astype(np.uint8)).save(photo)
    options = "--frames 3 --size 64x96 --iso 400 --bits 12 --cfa GBRG --shake 2 --rotation 0.5 --rolling 1 --blur 1"
    options += " --shading 1.5 --hot 0.001 --step 3 --parallax 2 --bracket 0,-2,1 --reference 1 --inset 4 --seed 5"
    command = [sys.executable, "-m", "fotohaus.simulate", photo, tmp_path / "out", "--mover", photo, *options.split()]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    frames = [read_raw(path) for path in sorted((tmp_path / "out").glob("*.dng"))]
    assert [round(f.capture.exposure_time, 4) for f in frames] == [0.04, 0.02, 0.005]
    assert all(f.cfa == "GBRG" and f.white.max() == 4095 and len(f.opcodes_2) == 4 for f in frames)
    with np.load(tmp_path / "out" / "truth.npz") as truth:
        assert truth["steps"].tolist() == [1, 0, -2]
        assert truth["moved"].any()
        assert (truth["motions"][1] == 0).all()
        assert (truth["motions"][0, :7] != 0).all()
    bad = subprocess.run([*map(str, command), "--bracket", "0,x"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2


def test_crop_leaves_a_margin():
    crop = simulate_burst(flat(0.5), size=SIZE, frames=1, inset=8).frame(0).crop
    assert (crop.top, crop.left, crop.height, crop.width) == (8, 8, SIZE[0] - 16, SIZE[1] - 16)


def test_clipped_light_stays_at_the_white_level():
    frame = simulate_burst(flat(1.0), size=SIZE, frames=1, exposure=4.0).frame(0)
    assert (frame.mosaic == 1023).all()


@pytest.mark.parametrize("oversample", [1, 2])
def test_interpolation_is_true_to_place_and_detail(oversample):
    weights = interpolation(oversample).astype(float)
    assert weights.shape == (1025, 8)
    taps, phase = np.arange(-3, 5), np.arange(1025) / 1024
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(weights @ taps, phase, atol=1e-6)
    for frequency in (0.1, 0.25):  # 0.25 is the Nyquist frequency of a sensor at half the world's resolution
        response = weights @ np.exp(2j * np.pi * frequency * taps)
        covered = phase[:, None] + np.arange(oversample) - (oversample - 1) / 2
        wanted = np.exp(2j * np.pi * frequency * covered).mean(1)
        assert np.abs(response - wanted).max() < 0.006
    unmoved = {1: (0, [0, 0, 0, 1, 0, 0, 0, 0]), 2: (512, [0, 0, 0, 0.5, 0.5, 0, 0, 0])}[oversample]
    np.testing.assert_allclose(weights[unmoved[0]], unmoved[1], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": (95, 128)},
        {"size": (8, 8)},
        {"frames": 0},
        {"reference": 8},
        {"bits": 16},
        {"cfa": "RGBG"},
        {"oversample": 3},
        {"shading": 0.5},
        {"inset": 48},
        {"bracket": (0, 11)},
        {"bracket": (0, float("nan"))},
        {"photo": np.zeros((64, 64))},
    ],
)
def test_impossible_cameras_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be|need"):
        simulate_burst(**{"photo": flat(0.5), "size": SIZE, **wrong})


def test_a_photo_is_read_as_srgb(tmp_path: Path):
    from PIL import Image

    path = tmp_path / "grey.png"
    Image.new("RGB", (300, 300), (188, 188, 188)).save(path)
    burst = simulate_burst(path, size=(64, 64), frames=1, exposure=1.0)
    np.testing.assert_allclose(burst.truth_rgb, ((188 / 255 + 0.055) / 1.055) ** 2.4, rtol=1e-4)
    small = simulate_burst(path, size=(256, 256), frames=1, exposure=1.0)  # enlarged
    np.testing.assert_allclose(small.truth_rgb, burst.truth_rgb[0, 0, 0], rtol=1e-3)

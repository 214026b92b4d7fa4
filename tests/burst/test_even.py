"""The noise where something moved becomes that of where nothing did."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.burst import merge
from fotohaus.denoising.denoiser import prepare_denoise
from fotohaus.denoising.shrink import denoise
from fotohaus.denoising.uneven import UnevenNoise
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.simulate import Mover, phone_noise, simulate_burst

SIZE = (512, 640)
CORNER, SUBJECT, WALK = (200, 160), (160, 200), 14
FRAMES = 6


@pytest.fixture(scope="module")
def walk(measure):
    """A bright subject walks to the right before grey."""
    scene = measure.make_scene(700, 1000, seed=3)
    scene[270:510] = 0.15
    subject = np.clip(2 * measure.make_scene(600, 600, seed=7), 0.3, 1)
    mover = Mover(subject, size=SUBJECT, velocity=(0, WALK), position=CORNER)
    burst = simulate_burst(scene, size=SIZE, iso=1600, frames=FRAMES, movers=[mover])
    return list(burst), burst.truth


def beside(image, truth):
    """Deviations of the noise where the subject goes, of all and of coarse noise; and the same where it doesn't."""
    noise = phone_noise(1600)
    error = (image - truth) / np.sqrt(noise.scale[0] * truth + noise.offset[0])
    rows = slice(CORNER[0] + 32, CORNER[0] + SUBJECT[0] - 32)
    right = CORNER[1] + SUBJECT[1]
    for columns in (slice(right + 2, right + 50), slice(right + 120, right + 240)):
        part = error[rows, columns]
        mean = part.reshape(part.shape[0] // 8, 4, 2, part.shape[1] // 8, 4, 2).mean((1, 4))
        yield part.std(), 4 * mean.std()


def test_noise_beside_a_subject_is_that_of_the_rest(walk, measure):
    frames, truth = walk
    (before, coarse_before), (rest, coarse_rest) = beside(measure.light(merge(frames, reference=1, even=False)), truth)
    (after, coarse), (same, _) = beside(measure.light(merge(frames, reference=1)), truth)
    assert before > 1.6 * rest
    assert coarse_before > 2 * coarse_rest
    assert 0.85 * rest < after < 1.2 * rest
    assert coarse < 0.65 * coarse_before
    assert same == pytest.approx(rest, rel=1e-3)


def test_noise_of_a_reconstruction_is_evened_out_too(walk, measure):
    frames, truth = walk
    found = [measure.light(merge(frames, reference=1, method="max", even=on)) for on in (False, True)]
    (_, coarse_before), _ = beside(found[0], truth)
    (after, coarse), (rest, coarse_rest) = beside(found[1], truth)
    assert coarse_before > 1.7 * coarse_rest
    assert coarse < 0.75 * coarse_before
    assert after < 1.2 * rest
    assert measure.tile_gains(found[1], found[0], truth).min() > -0.3


def pixels(seed, walked, *, alike):
    """A linear raw of grey, before which a bright square walks; its noise is the colours' own, or `alike`."""
    rng = np.random.default_rng(seed)
    light = np.full((192, 320, 3), 0.06, np.float32)
    light[:48] = light[144:] = 0.3 * np.random.default_rng(9).uniform(0.1, 1, (24, 160, 1)).repeat(2, 0).repeat(2, 1)
    light[64:128, 64 + walked : 144 + walked] = 0.5
    noise = phone_noise(1600)
    deviates = rng.standard_normal((*light.shape[:2], 1 if alike else 3))
    samples = light + deviates * np.sqrt(noise.scale[0] * light + noise.offset[0])
    mosaic = np.clip(samples * 50000 + 10000, 0, 65535).astype(np.uint16)
    if alike:
        mosaic = np.broadcast_to(mosaic[..., :1].copy(), mosaic.shape)
    black, white = (np.full((1, 3), v, np.float32) for v in (10000, 60000))
    color, crop = ColorCalibration(np.eye(3)), Rectangle(0, 0, *light.shape[:2])
    return RawImage(mosaic, None, black, white, color, crop, noise=noise, monochrome=alike, path=f"{seed}")


@pytest.mark.parametrize("alike", [False, True])
def test_noise_of_pixels_is_evened_out_too(alike):
    frames = [pixels(i, 14 * i, alike=alike) for i in range(8)]
    deviations = []
    for on in (False, True):
        merged = merge(frames, reference=1, even=on)
        assert merged.capture.frames == 8
        light = (merged.mosaic[68:124] - merged.black[0]) / (merged.white[0] - merged.black[0])
        for columns in (slice(150, 206), slice(256, 312)):
            part = light[:, columns]
            coarse = part.reshape(14, 4, 14, 4, 3).mean((1, 3))
            deviations.append((part.std(), coarse.std()))
    (_, coarse_before), _, (after, coarse), (rest, coarse_rest) = deviations
    assert coarse_before > 1.7 * coarse_rest
    assert coarse < 0.7 * coarse_before
    assert after < 1.3 * rest


def test_no_tile_is_worse_for_it(walk, measure):
    frames, truth = walk
    light = [measure.light(merge(frames, reference=1, even=even)) for even in (False, True)]
    gains = measure.tile_gains(light[1], light[0], truth)
    assert gains.min() > -0.3
    assert measure.tile_gains(light[1], measure.light(frames[0]), truth).min() > -0.2


def test_a_still_burst_is_left_alone(scene):
    frames = list(simulate_burst(scene, size=SIZE, iso=1600, exposure=0.25, frames=FRAMES))
    plain, even = (merge(frames, reference=1, even=on).mosaic for on in (False, True))
    inside = np.s_[32:-32, 32:-32]
    assert (plain[inside] == even[inside]).mean() > 0.999


@pytest.mark.parametrize(("shake", "depth", "least"), [(30, 12, 2), (4, 3, 1.5)])
def test_a_margin_that_few_frames_show_is_evened_out(scene, measure, shake, depth, least):
    burst = simulate_burst(scene, size=(256, 384), iso=1600, exposure=0.25, frames=6, shake=shake)
    frames = list(burst)
    error = [np.square(measure.light(merge(frames, reference=1, even=on)) - burst.truth) for on in (False, True)]
    margin = np.ones(burst.truth.shape, bool)
    margin[depth:-depth, depth:-depth] = False
    gain = [10 * np.log10(error[0][part].mean() / error[1][part].mean()) for part in (margin, ~margin)]
    assert gain[0] > least
    assert gain[1] > -0.05


def test_noise_that_nobody_sees_is_left_alone(measure):
    scene, subject = (measure.make_scene(600, 800, seed=n) for n in (3, 7))
    mover = Mover(subject, size=SUBJECT, velocity=(0, WALK), position=CORNER)
    frames = list(simulate_burst(scene, size=SIZE, iso=50, frames=3, movers=[mover]))
    assert np.array_equal(*(merge(frames, reference=1, even=on).mosaic for on in (False, True)))


def test_the_same_bytes_on_any_number_of_threads(walk):
    results = []
    try:
        for count in (1, 3):
            kernels.set_threads(count)
            results.append(merge(walk[0][:3], reference=1).mosaic)
    finally:
        kernels.set_threads(0)
    assert np.array_equal(*results)


def test_any_part_of_uneven_noise_comes_out_as_of_the_whole():
    random = np.random.default_rng(1)
    noise = phone_noise(1600)
    mosaic = (0.3 + 0.05 * random.standard_normal((256, 320))).astype(np.float32)
    variance = random.uniform(0.1, 1, (18, 22, 8, 8)).astype(np.float32)
    uneven = UnevenNoise(variance=variance, kept=np.sqrt(0.1 / variance), top=0, left=-4)
    denoiser = prepare_denoise("RGGB", noise, passes=2)
    whole = denoise(mosaic, denoiser, uneven=uneven)
    crop = Rectangle(64, 96, 70, 130)
    assert np.allclose(denoise(mosaic, denoiser, crop=crop, uneven=uneven), whole[64:134, 96:226], atol=1e-6)
    part = denoise(mosaic[32:, 64:], denoiser, crop=Rectangle(32, 32, 70, 130), origin=(32, 64), uneven=uneven)
    assert np.allclose(part, whole[64:134, 96:226], atol=1e-6)


def test_where_there_is_no_more_noise_than_elsewhere_nothing_changes():
    mosaic = np.random.default_rng(2).uniform(0.1, 0.5, (128, 128)).astype(np.float32)
    still = np.ones((9, 9, 8, 8), np.float32)
    out = denoise(mosaic, prepare_denoise("GBRG", phone_noise(800)), uneven=UnevenNoise(0.1 * still, still, 0, 0))
    assert np.allclose(out, mosaic, atol=0.003)

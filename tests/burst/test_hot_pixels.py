"""Hot pixels of simulated sensors, and stars that are none."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import merge
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.simulate import phone_noise, simulate_burst

SIZE = (384, 512)


def spoiled(measure, burst, merged):
    """How many of the sensor's hot pixels still show: (of all, in how many samples)."""
    places = burst.sensor.hot_pixels[0]
    error = np.abs(measure.light(merged) - burst.truth).ravel()
    sigma = np.sqrt(burst.noise.scale[0] * burst.truth.ravel() + burst.noise.offset[0])
    return int((error[places] > 4 * sigma[places] + 0.05).sum()), places.size


@pytest.mark.parametrize("frames", [2, 6])
@pytest.mark.parametrize("iso", [100, 1600])
def test_hot_pixels_are_gone(scene, measure, frames, iso):
    burst = simulate_burst(scene, size=SIZE, iso=iso, exposure=0.25, frames=frames, hot=5e-4)
    left, count = spoiled(measure, burst, merge(burst, reference=1))
    assert count > 90
    # Two frames do not tell the faint ones from noise.
    assert left <= (0.05 if iso == 100 or frames > 2 else 0.2) * count
    assert spoiled(measure, burst, burst.frame(0))[0] > 0.8 * count  # the measure sees them


def test_a_hot_pixel_leaves_nothing_of_itself_elsewhere(scene, measure):
    plain = simulate_burst(scene, size=SIZE, iso=400, exposure=0.25, frames=6)
    hot = simulate_burst(scene, size=SIZE, iso=400, exposure=0.25, frames=6, hot=5e-4)
    clean, merged = (measure.psnr(measure.light(merge(b, reference=1)), plain.truth) for b in (plain, hot))
    assert merged > clean - 0.3


@pytest.mark.parametrize("iso", [100, 400])
def test_detail_is_not_taken_for_hot_pixels(measure, iso):
    # Pixel-fine texture of full contrast.
    texture = np.repeat(np.random.default_rng(3).uniform(0.02, 1, (900, 1100, 1)), 3, axis=2).astype(np.float32)
    burst = simulate_burst(texture, size=SIZE, iso=iso, exposure=0.5, frames=4)
    gains = measure.tile_gains(
        measure.light(merge(burst, reference=1)), measure.light(burst.frame(0)), burst.truth, size=16
    )
    assert gains.min() > -1


def starry(shift, rng, fwhm, hot=(), size=(192, 256)):
    """A dark frame with stars whose pixels hold what falls on them, and samples that are always bright."""
    places = np.random.default_rng(5).uniform(10, 180, (60, 2))
    colors = np.random.default_rng(6).uniform(0.4, 1, (60, 3))
    flux = np.random.default_rng(7).uniform(0.1, 1.5, 60)
    y, x = np.mgrid[: size[0], : size[1]]
    plane = np.array([[0, 1], [1, 2]])[y & 1, x & 1]
    light = np.full(size, 0.004)
    across = np.linspace(-0.5, 0.5, 9)
    for (cy, cx), color, f in zip(places + shift, colors, flux, strict=True):
        s = fwhm / 2.355
        rows = np.exp(-((y[:, :1] + across - cy) ** 2) / (2 * s * s)).mean(1)
        columns = np.exp(-((x[0][:, None] + across - cx) ** 2) / (2 * s * s)).mean(1)
        light += f * np.outer(rows, columns) / (2 * np.pi * s * s) * color[plane]
    for i, j in hot:
        light[i, j] += 0.6
    noise = phone_noise(100)
    light = light + rng.standard_normal(size) * np.sqrt(noise.scale[0] * light + noise.offset[0])
    level = np.ones((2, 2), np.float32)
    samples = np.clip(np.rint(light * 16000 + 383), 0, 16383).astype(np.uint16)
    calibration = ColorCalibration(np.eye(3), as_shot_neutral=(1.0, 1.0, 1.0))
    return RawImage(samples, "RGGB", 383 * level, 16383 * level, calibration, Rectangle(0, 0, *size), noise=noise)


@pytest.mark.parametrize("fwhm", [0.8, 1.2, 2.5])
@pytest.mark.parametrize("shift", [(0, 0), (3.3, 5.6)])
def test_stars_stay(measure, fwhm, shift):
    rng = np.random.default_rng(1)
    frames = [starry(np.array(shift) * i, rng, fwhm) for i in range(4)]
    first, merged = measure.light(frames[0]), measure.light(merge(frames, reference=1))
    bright = first > 0.05
    assert bright.sum() > 50
    assert (merged[bright] > 0.6 * first[bright]).all()


def test_a_single_sample_that_is_far_too_bright_goes_from_a_tripod_burst_too(measure):
    rng = np.random.default_rng(1)
    hot = [(60, 201), (101, 220), (140, 230), (33, 200)]
    merged = measure.light(merge([starry(np.zeros(2), rng, 1.2, hot) for _ in range(4)], reference=1))
    assert all(merged[place] < 0.03 for place in hot)


def test_every_phase_and_the_border(measure, scene):
    for cfa in ("RGGB", "GBRG"):
        burst = simulate_burst(scene, size=(128, 192), iso=100, exposure=0.25, frames=4, cfa=cfa)
        hot = [(0, 0), (1, 60), (127, 191), (64, 0), (90, 91)]
        frames = []
        for raw in burst:
            mosaic = raw.mosaic.copy()
            for place in hot:
                mosaic[place] = 900
            frames.append(replace(raw, mosaic=mosaic))
        merged = measure.light(merge(frames, reference=1))
        assert all(abs(merged[place] - burst.truth[place]) < 0.1 for place in hot)


def test_glints_that_meet_at_one_sample_are_none(scene):
    # Pairs of points as far apart as the hand moves: the second frame shows one where the first shows its like.
    rng = np.random.default_rng(4)
    step, (h, w) = 6, SIZE
    light = 0.3 * scene[400 : 400 + h, 300 : 300 + w + step, 1]
    y, x = 2 * rng.integers(10, h // 2 - 10, 40), 2 * rng.integers(10, w // 2 - 10, 40)
    light[y, x] = light[y, x + step] = 0.8
    mosaic = np.rint(1000 * light + 60).astype(np.uint16)
    noise, level = phone_noise(100), np.ones((2, 2), np.float32)
    color, crop = ColorCalibration(np.eye(3)), Rectangle(0, 0, h, w)
    frames = [
        RawImage(np.ascontiguousarray(part), "RGGB", 60 * level, 1060 * level, color, crop, noise=noise, path=name)
        for name, part in (("0", mosaic[:, :w]), ("1", mosaic[:, step:]))
    ]
    merged = merge(frames, reference=1)
    assert merged.capture.frames == 2
    shown = (merged.mosaic[y, x] - merged.black[0, 0]) / (merged.white[0, 0] - merged.black[0, 0])
    assert np.abs(shown - 0.8).max() < 0.1

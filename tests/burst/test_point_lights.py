"""Stars through changing air, and lamps that move."""

import numpy as np
import pytest

from fotohaus.burst import merge, point_lights
from fotohaus.burst.merger import Merger
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.report import Report
from fotohaus.simulate import phone_noise, simulate_burst

SIZE = (320, 384)
STARS = [(30.3 + 52 * i, 40.7 + 57 * j + 9 * (i % 2)) for i in range(6) for j in range(6)]
DRIFT = np.array([1.1, 1.7])


def sky(spots, rng, level=0.01):
    """A dark frame with spots (y, x, flux, (yy, xx, yx) covariance), seen through the colour filters, with noise."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(float)
    color = np.array([0.7, 1, 0.8])[np.array([[0, 1], [1, 2]])[y.astype(int) & 1, x.astype(int) & 1]]
    light = np.full(SIZE, level)
    for cy, cx, flux, (yy, xx, yx) in spots:
        part = (slice(max(int(cy) - 14, 0), int(cy) + 15), slice(max(int(cx) - 14, 0), int(cx) + 15))
        v, u = y[part] - cy, x[part] - cx
        determinant = yy * xx - yx * yx
        shape = np.exp(-0.5 * (xx * v * v + yy * u * u - 2 * yx * v * u) / determinant)
        light[part] += flux * shape / (2 * np.pi * np.sqrt(determinant)) * color[part]
    noise = phone_noise(100)
    light = light + rng.standard_normal(SIZE) * np.sqrt(noise.scale[0] * light + noise.offset[0])
    one = np.ones((2, 2), np.float32)
    samples = np.clip(np.rint(light * 16000 + 383), 0, 16383).astype(np.uint16)
    neutral = ColorCalibration(np.eye(3), as_shot_neutral=(1.0, 1.0, 1.0))
    return RawImage(samples, "RGGB", 383 * one, 16383 * one, neutral, Rectangle(0, 0, *SIZE), noise=noise)


def through_air(seed, frames=8):
    """Frames of one starry sky that drifts, with another seeing in each, and more or less light through the air."""
    rng = np.random.default_rng(seed)
    burst = []
    for i in range(frames):
        fwhm, stretch, turn = rng.uniform(2.6, 3.5), rng.uniform(0, 0.25), rng.uniform(0, 2 * np.pi)
        s = (fwhm / 2.355) ** 2
        spread = (s * (1 + stretch * np.cos(turn)), s * (1 - stretch * np.cos(turn)), s * stretch * np.sin(turn))
        fluxes = 2.0 * (1 + 0.02 * rng.standard_normal(len(STARS)))
        where = np.array(STARS) + DRIFT * i + 0.05 * rng.standard_normal((len(STARS), 2))
        burst.append(sky([(*p, f, spread) for p, f in zip(where, fluxes, strict=True)], rng))
    return burst


def around(image, place, radius=13):
    y, x = (round(float(n)) for n in place)
    v, u = np.mgrid[y - radius : y + radius + 1, x - radius : x + radius + 1] - np.reshape(place, (2, 1, 1))
    return image[y - radius : y + radius + 1, x - radius : x + radius + 1], v, u


def flux(image, place):
    part, v, u = around(image, place)
    distance = np.hypot(v, u)
    return float((part - np.mean(part[distance > 11]))[distance < 8].sum())


def elongation(image, place):
    part, v, u = around(image, place)
    light = (part - np.median(part)) * np.exp(-(v * v + u * u) / 8)
    moments = np.array([[(light * a * b).sum() for a in (v, u)] for b in (v, u)]) / light.sum()
    least, most = np.sqrt(np.linalg.eigvalsh(moments))
    return 1 - least / most


@pytest.fixture(scope="module")
def nights():
    return [through_air(seed) for seed in (1, 2)]


def test_stars_have_the_flux_of_all_frames_and_their_roundness(nights, measure):
    errors = []
    for frames in nights:
        images = [measure.light(frame) for frame in frames]
        merged = measure.light(merge(frames, reference=1))
        for star in STARS:
            mean = np.mean([flux(image, star + DRIFT * i) for i, image in enumerate(images)])
            errors.append(flux(merged, star) / mean - 1)
        mean = measure.light(merge(frames, reference=1, method="mean"))
        long, mean_long = ([elongation(image, star) for star in STARS] for image in (merged, mean))
        assert np.mean(long) == pytest.approx(np.mean(mean_long), abs=0.04)
    assert np.abs(errors).max() < 0.01


def test_the_flux_would_be_the_references(nights, measure, monkeypatch):
    monkeypatch.setattr(point_lights, "SEEING", 0.0)
    frames = nights[0]
    images = [measure.light(frame) for frame in frames]
    merged = measure.light(merge(frames, reference=1))
    errors = [
        flux(merged, star) / np.mean([flux(image, star + DRIFT * i) for i, image in enumerate(images)]) - 1
        for star in STARS
    ]
    assert np.abs(errors).max() > 0.02


def test_a_lamp_that_moves_leaves_no_trace(measure):
    rng = np.random.default_rng(4)
    still = [(*p, 2.0, (1.5, 1.5, 0.0)) for p in STARS]
    # It passes within a few px of stars.
    frames = [sky([*still, (88.0, 30 + 9.0 * i, 2.0, (1.5, 1.5, 0.0))], rng) for i in range(6)]
    plain = measure.light(sky(still, np.random.default_rng(9)))
    merged = measure.light(merge(frames, reference=1))
    path = np.s_[76:101, 42:110]
    empty = plain[path] < 0.02
    noise = np.sqrt(phone_noise(100).scale[0] * 0.01 + phone_noise(100).offset[0])
    assert (merged[path] - plain[path])[empty].max() < 6 * noise
    # And stands where the reference has it.
    assert flux(merged, (88.0, 30.0)) == pytest.approx(flux(measure.light(frames[0]), (88.0, 30.0)), rel=0.02)


def test_only_points_are_allowed_to_differ(measure, scene):
    def slack(raw):
        return Merger(raw, "robust", Report(), lambda *_: None).slack

    starry = sky([(160.3, 192.7, 2.0, (1.5, 1.5, 0.0))], np.random.default_rng(1))
    tiles = slack(starry)
    assert tiles[10, 12] > 10  # quads 72 ... 88, 88 ... 104
    tiles[9:12, 11:14] = 0
    assert tiles.max() < 0.3
    hot = sky([], np.random.default_rng(2))
    hot.mosaic[100, 100] = 16383
    assert slack(hot).max() < 0.3
    texture = simulate_burst(scene, size=SIZE, iso=400, exposure=0.25, frames=1).frame(0)
    assert np.mean(slack(texture) > 0.3) < 0.01

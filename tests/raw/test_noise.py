from importlib.resources import as_file, files

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.raw import read_raw
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.raw.noise import estimate_noise

BLACK, WHITE = 512, 16383


def frame(scale, offset, seed=1, shape=(768, 1024), black=BLACK, hot=0):
    """A mosaic of gradients, edges and fine texture in a third of it, with known noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = 0.02 + 0.6 * x / shape[1] + 0.2 * ((x // 97 + y // 83) % 2)
    light += 0.05 * np.sin(1.9 * x) * np.sin(1.3 * y) * (y < shape[0] // 3)
    light = np.maximum(light, 0) * np.array([[0.6, 1], [1, 0.7]])[y & 1, x & 1]
    seen = light + rng.normal(0, 1, shape) * np.sqrt(scale * light + offset)
    places = rng.integers(0, seen.size, hot)
    seen.ravel()[places] += 0.3
    mosaic = np.clip(np.rint(seen * (WHITE - black) + black), 0, WHITE).astype(np.uint16)
    levels = (np.full((2, 2), level, np.float32) for level in (black, WHITE))
    return RawImage(mosaic, "RGGB", *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, *shape))


@settings(max_examples=15, deadline=None)
@given(st.floats(3e-5, 3e-3), st.floats(1e-7, 3e-5), st.integers(0, 1000))
def test_known_noise_is_found(scale, offset, seed):
    found = estimate_noise(frame(scale, offset, seed))
    assert found.source == "estimated"
    for level in (0.05, 0.2, 0.5):
        variance = found.scale[1] * level + found.offset[1]
        assert variance == pytest.approx(scale * level + offset, rel=0.15)


def test_hot_pixels_and_a_black_of_0_do_not_mislead():
    for raw in (frame(3e-4, 1e-5, hot=800), frame(3e-4, 1e-5, black=0)):
        found = estimate_noise(raw)
        assert found.scale[1] * 0.2 + found.offset[1] == pytest.approx(7e-5, rel=0.15)


@pytest.mark.parametrize("deviation", [0.02, 0.04, 0.08])
def test_noise_that_the_file_cuts_off_is_told_by_what_is_left(deviation):
    raw = frame(1e-4, deviation**2)
    light = np.broadcast_to(0.15 * np.linspace(0, 1, raw.mosaic.shape[1]) ** 4, raw.mosaic.shape)
    noise = np.random.default_rng(1).normal(0, 1, light.shape) * np.sqrt(1e-4 * light + deviation**2)
    # Black is 0.031 of white above the file's zero.
    stored = np.clip(np.rint((light + noise) * (WHITE - BLACK) + BLACK), 0, WHITE)
    found = estimate_noise(raw.with_mosaic(stored.astype(np.uint16)))
    for level in (0.02, 0.3):
        variance = found.scale[1] * level + found.offset[1]
        assert variance == pytest.approx(1e-4 * level + deviation**2, rel=0.2)


def test_linear_raw_has_its_noise_by_channel():
    planes = [frame(3e-4, 1e-5 * (i + 1), seed=i).mosaic for i in range(3)]
    raw = frame(3e-4, 1e-5)
    levels = (np.full((1, 3), level, np.float32) for level in (BLACK, WHITE))
    linear = RawImage(np.stack(planes, -1), None, *levels, raw.color, raw.crop)
    found = estimate_noise(linear)
    for i in range(3):
        # Such planes hold the pattern's own checks as texture: the estimate may be high, not low.
        assert found.scale[i] * 0.2 + found.offset[i] > 0.85 * (6e-5 + 1e-5 * (i + 1))


@pytest.mark.parametrize("shape", [(2, 2), (14, 40), (33, 35)])
def test_too_small_to_say(shape):
    found = estimate_noise(frame(3e-4, 1e-5, shape=shape))
    assert min(found.scale) > 0
    assert min(found.offset) > 0


def test_a_picture_without_noise():
    raw = frame(0, 0)
    flat = raw.with_mosaic(np.full_like(raw.mosaic, 5000))
    found = estimate_noise(flat)
    assert found.scale[0] * 0.3 + found.offset[0] < 1e-8


def test_the_bundled_burst_agrees_with_what_it_states():
    with as_file(files("fotohaus") / "sample") as sample:
        raw = read_raw(sample / "frame_000.dng")
    found = estimate_noise(raw)
    for level in (0.02, 0.1, 0.3):
        stated = raw.noise.scale[1] * level + raw.noise.offset[1]
        assert found.scale[1] * level + found.offset[1] == pytest.approx(stated, rel=0.15)

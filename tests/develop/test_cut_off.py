"""Dark light of frames whose noise the file cut off at its 0."""

import numpy as np
import pytest

from fotohaus.develop.cut_off import MARGIN, prepare_cut_off
from fotohaus.develop.pipeline import prepare
from fotohaus.raw.image import NoiseProfile
from fotohaus.shading import Shading
from fotohaus.simulate.sensor import phone_noise

GAINS = np.array([2.0, 1.0, 1.6])
BY_SITE = GAINS[[[0, 1], [1, 2]]]


def stored(light, noise, floor, size=256):
    """A white-balanced RGGB mosaic of grey light, cut off at `floor` before white balance."""
    gains = np.tile(BY_SITE, (size // 2, size // 2))
    seen = light / gains
    seen = seen + np.random.default_rng(4).normal(size=gains.shape) * np.sqrt(noise.scale[0] * seen + noise.offset[0])
    return (np.maximum(seen, floor) * gains).astype(np.float32)


@pytest.mark.parametrize("light", [0.0, 0.01, 0.1])
@pytest.mark.parametrize("floor", [0.0, -0.02])
def test_dark_light_is_as_dark_as_it_was(light, floor):
    noise = phone_noise(3200)
    mosaic = stored(light, noise, floor)
    cut = prepare_cut_off("RGGB", noise, GAINS, floor * BY_SITE)
    made = cut.undo(mosaic, Shading(), 0)
    before, after = (np.array([m[i::2, j::2].mean() for i in (0, 1) for j in (0, 1)]) - light for m in (mosaic, made))
    assert np.abs(after).max() < max(0.15 * np.abs(before).max(), 3e-3)
    # Its noise is what it was.
    np.testing.assert_allclose(made[1::2, ::2].std(), mosaic[1::2, ::2].std(), rtol=0.1)


def test_lens_shading_is_known():
    """Twice the gain: twice the noise, and twice what was added."""
    noise = phone_noise(1600)
    mosaic = stored(0.01, noise, 0.0)
    cut = prepare_cut_off("RGGB", noise, GAINS, 0 * BY_SITE)
    plain = cut.undo(mosaic, Shading(), 0)
    for grid in (np.full((1, 1, 4), 2), np.full((3, 3, 4), 2)):
        shading = Shading(grid.astype(np.float32), (0.0, 0.0), (0.01, 0.01))
        np.testing.assert_allclose(cut.undo(2 * mosaic, shading, 0), 2 * plain, atol=1e-4)


def test_strips_are_as_the_whole():
    noise = phone_noise(1600)
    mosaic = stored(0.01, noise, 0.0)
    shading = Shading(np.random.default_rng(1).uniform(1, 2, (4, 4, 4)).astype(np.float32), (0.0, 0.0), (0.01, 0.012))
    cut = prepare_cut_off("RGGB", noise, GAINS, 0 * BY_SITE)
    whole = cut.undo(mosaic, shading, 0)
    for top, bottom in ((0, 100), (102, 180), (180, 256)):
        first, last = max(0, top - MARGIN), min(256, bottom + MARGIN)
        part = cut.undo(mosaic[first:last], shading.below(first), first)
        np.testing.assert_array_equal(part[top - first : bottom - first], whole[top:bottom])


def test_noise_that_was_not_cut_is_left_alone():
    assert prepare_cut_off("RGGB", phone_noise(400), GAINS, -0.067 * BY_SITE) is None
    assert prepare_cut_off("RGGB", NoiseProfile((np.nan,) * 3, (1.0,) * 3), GAINS, 0 * BY_SITE) is None


def test_the_developer_keeps_shadows_dark(scenes):
    """Without denoising, at a noise that black has no room for: grey as dark as it is, and grey."""
    noise = NoiseProfile((5e-3,) * 3, (3e-3,) * 3)
    camera = np.full((400, 400, 3), 0.01) * scenes.NEUTRAL
    noisy = np.random.default_rng(5).normal(camera, np.sqrt(5e-3 * camera + 3e-3))
    development = prepare(scenes.raw_of(noisy, noise=noise), off=("denoise", "ca", "capture-sharpen", "defringe"))
    assert development.source.cut is not None
    pixels = development.source.rows(0, 400, np.eye(3))
    np.testing.assert_allclose(pixels.mean((0, 1)), 0.01, atol=0.003)
    np.testing.assert_array_equal(development.source.rows(130, 190, np.eye(3)), pixels[130:190])

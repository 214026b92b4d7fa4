from dataclasses import replace

import numpy as np
import pytest

from fotohaus.denoising.coarse import look_from_afar
from fotohaus.denoising.denoiser import prepare_denoise, prepare_denoise_linear
from fotohaus.denoising.shrink import denoise, denoise_linear
from fotohaus.raw.image import Rectangle
from fotohaus.shading import Shading
from fotohaus.simulate.sensor import phone_noise

GAINS = np.array([2.0, 1.0, 1.6])
SITES = np.array([[0, 1], [1, 2]])


def noisy(light, iso, seed=1):
    """A white-balanced mosaic of (H, W, 3) light, with noise that is not cut off."""
    height, width = light.shape[:2]
    site = np.tile(SITES, (-(-height // 2), -(-width // 2)))[:height, :width]
    noise = phone_noise(iso)
    seen = np.take_along_axis(light / GAINS, site[..., None], 2)[..., 0]
    deviation = np.sqrt(noise.scale[0] * seen + noise.offset[0])
    seen = seen + np.random.default_rng(seed).normal(size=seen.shape) * deviation
    return (seen * GAINS[site]).astype(np.float32)


def by_color(mosaic):
    """Half-size RGB."""
    return np.stack([mosaic[::2, ::2], (mosaic[::2, 1::2] + mosaic[1::2, ::2]) / 2, mosaic[1::2, 1::2]], -1)


def blotches(rgb, cell=16):
    """Deviation of the mean colour of cells of 32 x 32 samples, the border left out."""
    rgb = rgb[2 * cell : -2 * cell, 2 * cell : -2 * cell]
    height, width = (n // cell * cell for n in rgb.shape[:2])
    cells = rgb[:height, :width].reshape(height // cell, cell, width // cell, cell, 3).mean((1, 3))
    return np.array([(cells[..., 0] - cells[..., 1]).std(), (cells[..., 2] - cells[..., 1]).std()])


@pytest.mark.parametrize("iso", [1600, 12800])
def test_blotches_of_color_are_gone(iso):
    light = np.full((512, 512, 3), 0.05)
    mosaic = noisy(light, iso)
    plan = prepare_denoise("RGGB", phone_noise(iso), GAINS, strength=0.85)
    coarse = look_from_afar(plan, mosaic.shape, lambda first, last: mosaic[first:last])
    before, after = (by_color(denoise(mosaic, p)) for p in (plan, coarse))
    assert (blotches(after) < 0.5 * blotches(before)).all()
    np.testing.assert_allclose(after.mean((0, 1)), 0.05, rtol=0.05)


def test_edges_of_color_and_small_lights_stay():
    """Two halves that differ in colour alone, and a red lamp: as they are without the coarse look, or nearer."""
    light = np.full((384, 512, 3), (0.2, 0.2, 0.2))
    light[:, 256:] = (0.3, 0.16, 0.14)
    light[100:112, 100:112] = (0.9, 0.1, 0.05)
    mosaic = noisy(light, 1600)
    plan = prepare_denoise("RGGB", phone_noise(1600), GAINS, strength=0.85)
    coarse = look_from_afar(plan, mosaic.shape, lambda first, last: mosaic[first:last])
    truth = by_color(np.take_along_axis(light, np.tile(SITES, (192, 256))[..., None], 2)[..., 0])
    errors = [by_color(denoise(mosaic, p)) - truth for p in (plan, coarse)]
    for part in (np.s_[:, 116:140], np.s_[44:62, 44:62]):
        before, after = (np.sqrt((error[part] ** 2).mean()) for error in errors)
        assert after < 1.08 * before
    assert abs(errors[1][51:55, 51:55].mean((0, 1))).max() < 0.05


def test_a_part_comes_out_as_it_does_of_the_whole():
    rng = np.random.default_rng(3)
    mosaic = noisy(np.broadcast_to(np.linspace(0.01, 0.4, 335)[:, None, None], (335, 301, 3)), 3200)
    shading = Shading((1 + rng.random((5, 7, 4))).astype(np.float32), (0.2, 0.1), (6 / 301, 4 / 335))
    plan = prepare_denoise("RGGB", phone_noise(3200), GAINS, strength=0.9)
    plan = look_from_afar(plan, mosaic.shape, lambda first, last: mosaic[first:last], shading)
    assert plan.coarse
    whole = denoise(mosaic, plan, shading)
    for top, left, height, width in ((0, 0, 64, 301), (66, 34, 50, 100), (300, 200, 35, 101)):
        y, x = max(0, top - plan.margin), max(0, left - plan.margin)
        part = mosaic[y : top + height + plan.margin, x : left + width + plan.margin]
        crop = Rectangle(top - y, left - x, height, width)
        made = denoise(part, plan, shading.below(y).after(x), crop=crop, origin=(y, x))
        expected = whole[top : top + height, left : left + width]
        # Gains of a part are rounded elsewhere across.
        np.testing.assert_allclose(
            made, expected, **({"rtol": 0, "atol": 0} if x == 0 else {"rtol": 1e-4, "atol": 1e-5})
        )


def test_linear_raw_has_no_blotches_either():
    noise, light = phone_noise(6400), np.full((256, 320, 3), 0.05)
    deviation = np.sqrt(np.array(noise.scale) * GAINS * light + np.array(noise.offset) * GAINS**2)
    seen = (light + np.random.default_rng(2).normal(size=light.shape) * deviation).astype(np.float32)
    plan = prepare_denoise_linear(noise, GAINS, strength=0.85)
    coarse = look_from_afar(plan, seen.shape[:2], lambda first, last: seen[first:last])
    before, after = (denoise_linear(seen, p) for p in (plan, coarse))
    assert (blotches(after) < 0.75 * blotches(before)).all()


def test_what_is_no_noise_is_left_alone():
    """Light without noise, and pictures too small to be looked at from afar."""
    light = np.full((256, 256, 3), 0.2)
    light[:, 100:] = (0.6, 0.2, 0.1)
    clean = np.take_along_axis(light, np.tile(SITES, (128, 128))[..., None], 2)[..., 0].astype(np.float32)
    plan = prepare_denoise("RGGB", phone_noise(800), GAINS, passes=2)
    coarse = look_from_afar(plan, clean.shape, lambda first, last: clean[first:last])
    np.testing.assert_allclose(denoise(clean, coarse), denoise(clean, replace(coarse, shift=plan.shift)), atol=4e-3)
    assert not look_from_afar(plan, (63, 500), lambda first, last: clean[first:last]).coarse

"""What a picture is decided on: the scene in small, blurs, tables looked up."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, render
from fotohaus.render.blur import blurred
from fotohaus.render.effects import BAND, in_small, spacing
from fotohaus.render.exposure import _quantiles, auto_exposure
from fotohaus.render.local_tone import DARKEST, FINER, LEVELS, STEP, between
from fotohaus.render.tone import at_levels, levels


@pytest.mark.parametrize(("shape", "about"), [((3 * BAND + 7, 211), 2500), ((40, 60), 10**6), ((5, 900), 200)])
def test_the_scene_in_small_is_the_mean_of_square_blocks(shape, about):
    light = np.random.default_rng(0).uniform(0, 4, (*shape, 3)).astype(np.float32)
    small = in_small(kernels.planar(light), about)
    block = -(-shape[0] // small.shape[0])
    assert small.shape == (*(-(-n // block) for n in shape), 3)
    parts = [
        [light[i : i + block, j : j + block] for j in range(0, shape[1], block)] for i in range(0, shape[0], block)
    ]
    wanted = np.array([[part.mean(axis=(0, 1)) for part in row] for row in parts])
    assert np.allclose(small, wanted, rtol=1e-5)
    assert np.array_equal(small, in_small(light, about)), "wherever its channels lie in memory"


def test_broken_pixels_count_as_black_in_small_and_lamps_as_finite():
    light = np.ones((4, 4, 3), np.float32)
    light[0, 0], light[0, 1], light[0, 2] = np.nan, -np.inf, np.inf
    small = in_small(light, 10**6)
    assert small[0, 0].tolist() == small[0, 1].tolist() == [0, 0, 0]
    assert np.isfinite(small).all()
    assert small[0, 2].min() >= 2.0**20


@pytest.mark.parametrize("deviation", [0.8, 1.3, 5.0])
def test_a_blur_is_a_gaussian_of_its_deviation(deviation):
    point = np.zeros((3, 61, 71))
    point[:, 30, 35] = 1
    seen = blurred(point, deviation, (1, 2))
    assert np.allclose(seen.sum(axis=(1, 2)), 1)
    for axis, middle in ((1, 30), (2, 35)):
        line = seen[0].sum(axis=2 - axis)
        variance = (line * (np.arange(line.size) - middle) ** 2).sum()
        assert variance == pytest.approx(deviation**2, rel=0.04)
    flat = np.full((20, 30), 0.7, np.float32)
    assert np.allclose(blurred(flat, deviation, (0, 1)), flat, rtol=1e-6)
    assert np.array_equal(blurred(flat, 0, (0, 1)), flat)


def test_tables_are_looked_up_as_by_interpolation():
    at = np.float32(levels())
    table = np.random.default_rng(1).uniform(0, 1, at.size).astype(np.float32)
    light = np.concatenate([np.geomspace(1e-6, 1e4, 5000), [0, at[0], at[7], at[-2]]]).astype(np.float32)
    assert np.allclose(at_levels(table, light), np.interp(light, at, table), atol=2e-5)
    change = np.random.default_rng(2).uniform(-3, 3, FINER * LEVELS)
    base = DARKEST + STEP / FINER * np.arange(change.size)
    level = np.linspace(DARKEST - 3, DARKEST + STEP * LEVELS + 3, 9999)
    assert np.allclose(between(change, level), np.interp(level, base, change), atol=1e-3)


def test_quantiles_are_counted_to_half_a_thousandth_of_an_ev():
    rng = np.random.default_rng(3)
    values = rng.normal(-2, 3, 20001).astype(np.float32)
    points = (0.1, 0.5, 0.9, 0.97, 0.998)
    seen = _quantiles(values, np.ones_like(values), points)
    assert np.allclose(seen, np.quantile(values, points, method="inverted_cdf"), atol=0.00052)


def test_one_broken_channel_does_not_turn_the_meter():
    light = np.random.default_rng(4).uniform(0, 1, (90, 120, 3)).astype(np.float32)
    whole = auto_exposure(light)
    for broken in (np.nan, np.inf, -np.inf, np.float32(3e38)):
        some = light.copy()
        some[::30, ::40, 1] = broken
        assert auto_exposure(some).ev == pytest.approx(whole.ev, abs=0.01)
    assert auto_exposure(kernels.planar(light)) == whole


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize(("y", "x"), [(425, 565), (760, 1040)])
def test_a_lamp_is_in_the_middle_of_its_glow(y, x, reduced):
    """Wherever it is, though cells of the maps do not divide the picture evenly."""
    light = np.full((850, 1130, 3), 0.02, np.float32)
    light[y - 8 : y + 8, x - 8 : x + 8] = 60
    overview = in_small(light) if reduced else None
    scene = Scene(kernels.planar(light), overview=overview)
    off = ("vignette", "texture", "local-tone")
    shown, plain = (
        color.decode_srgb(render(scene, look="authentic", auto_exposure=False, off=left_out).pixels[..., 0] / 65535)
        for left_out in (off, (*off, "halation"))
    )
    glow = (shown - plain)[y - 60 : y + 60, x - 60 : x + 60]
    glow[50:70, 50:70] = 0
    assert glow.max() > 0.001
    at = np.arange(120) - 59.5
    assert abs((glow.sum(axis=1) * at).sum() / glow.sum()) < 2
    assert abs((glow.sum(axis=0) * at).sum() / glow.sum()) < 2


@pytest.mark.parametrize(("size", "step"), [(3000, 14), (4000, 14), (850, 4), (7, 7), (5, 1)])
def test_samples_of_a_grid_are_as_far_apart_as_they_were_taken(size, step):
    assert spacing(-(-size // step), size) == step
    assert spacing(2 * size, size) == 0.5

"""Local tone: no halo, no seam, nothing where there is nothing to do."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.recipe import Recipe
from fotohaus.render import render
from fotohaus.render.local_tone import DARKEST, LEVELS, STEP, LocalTone, local_tone, log_level
from fotohaus.render.tone import MID_GREY

SHAPE = 240, 360


def grey(ev):
    """Neutral light of so many EV over mid-grey."""
    light = (MID_GREY * 2.0 ** np.asarray(ev, float)).astype(np.float32)
    return kernels.planar(np.repeat(light[..., None], 3, axis=2))


def ev_of(pixels):
    return np.log2(np.asarray(pixels, float)[..., 1] / MID_GREY)


def decide(pixels, strength=1.0, **more) -> LocalTone:
    tone = local_tone(pixels, pixels.shape[:2], strength=strength, exposure=1.0, **more)
    assert tone is not None
    return tone


def step(low, high, shape=SHAPE, angle=0.3):
    """An edge across the picture."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    return np.where(u - shape[1] / 2 + angle * (v - shape[0] / 2) < 0, float(low), float(high))


def outdoors(shape=SHAPE, seed=0):
    """A bright, graded sky with the sun over dark, textured land, and branches against the sky: (H, W, 3)."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[: shape[0], : shape[1]] / shape[0]
    sky = 2 + 1.5 * np.exp(-((u - 0.9) ** 2 + (v - 0.4) ** 2) / 0.1)
    sky[np.hypot(u - 0.9, v - 0.35) < 0.02] = 9
    land = -4 + 0.7 * rng.standard_normal(shape)
    ev = np.where((v > 0.55) | (np.abs(np.sin(40 * u + 5 * v)) < 0.05), land, sky)
    tint = np.where((v > 0.55)[..., None], [1.1, 1.0, 0.6], [0.7, 1.0, 1.5])
    return kernels.planar((MID_GREY * 2.0 ** ev[..., None] * tint).astype(np.float32))


def reference(tone: LocalTone, pixels, top=0):
    """The gain in EV, interpolated in double precision."""
    level = log_level(pixels, tone.exposure, tone.floor)
    rows, columns, _ = tone.grid.shape
    height, width = level.shape
    places = (
        ((np.arange(top, top + height) + 0.5) * (rows - 1) / tone.shape[0])[:, None],
        ((np.arange(width) + 0.5) * (columns - 1) / tone.shape[1])[None],
        np.clip((level - DARKEST) / STEP, 0, LEVELS - 1),
    )
    first = [np.minimum(p.astype(int), n - 2) for p, n in zip(places, tone.grid.shape, strict=True)]
    gain = np.zeros(level.shape)
    for corner in np.ndindex(2, 2, 2):
        share = [p - f if c else 1 - (p - f) for p, f, c in zip(places, first, corner, strict=True)]
        gain += share[0] * share[1] * share[2] * tone.grid[*(f + c for f, c in zip(first, corner, strict=True))]
    return gain


def test_kernel_agrees_with_the_formulas():
    pixels = outdoors()
    tone = decide(pixels)
    wanted = pixels * 2.0 ** reference(tone, pixels)[..., None]
    assert np.abs(tone.apply(pixels) / wanted - 1).max() < 2e-5


def test_lights_come_down_and_shadows_up():
    pixels = outdoors()
    gain = np.log2(decide(pixels).apply(pixels)[..., 1] / pixels[..., 1])
    assert gain[:80].mean() < -0.7
    assert gain[180:].mean() > 0.7


def test_strength_zero_is_nothing():
    pixels = outdoors()
    assert local_tone(pixels, SHAPE, strength=0, exposure=1.0) is None
    plain = render(Scene(pixels), look="neutral")
    np.testing.assert_array_equal(render(Scene(pixels), look="neutral", local_tone=0).pixels, plain.pixels)
    np.testing.assert_array_equal(
        render(Scene(pixels), look="neutral", local_tone=1, off="local-tone").pixels, plain.pixels
    )
    assert (render(Scene(pixels), look="neutral", local_tone=1).pixels != plain.pixels).any()


def test_strength_is_continuous():
    pixels = outdoors()
    encoded = [
        render(Scene(pixels), look="neutral", local_tone=s).pixels.astype(float) / 65535
        for s in (0, 0.01, 0.49, 0.5, 0.99, 1)
    ]
    for a, b in ((0, 1), (2, 3), (4, 5)):
        assert 0 < np.abs(encoded[a] - encoded[b]).max() < 0.02


def test_a_scene_within_the_displays_range_is_left_alone():
    v, u = np.mgrid[:200, :300] / 200
    pixels = grey(-0.4 + 0.7 * np.sin(7 * u) * np.cos(9 * v))
    tone = decide(pixels)
    assert np.abs(np.log2(tone.apply(pixels)[..., 1] / pixels[..., 1])).max() < 0.01
    np.testing.assert_allclose(tone.white(1.5), 1.5, rtol=0.01)


@pytest.mark.parametrize(("low", "high", "share"), [(-4, 2, 0.01), (-3, 3, 0.01), (-6, 3, 0.01), (-2, 1, 0.05)])
def test_no_halo_beside_a_step(low, high, share):
    made = step(low, high)
    pixels = grey(made)
    out = ev_of(decide(pixels).apply(pixels))
    for side in (low, high):
        part = out[made == side]
        assert part.max() - part.min() < share * (high - low)
    assert out[made == low].max() < out[made == high].min()


@pytest.mark.parametrize("strength", [0.3, 1])
def test_no_edge_turns(strength):
    # Any light next to any other, anywhere: each place's curve rises.
    tone = decide(outdoors(), strength)
    ev = DARKEST + STEP * np.arange(LEVELS) + tone.grid.astype(float)
    slopes = np.diff(ev, axis=-1) / STEP
    assert slopes.min() > 0.15
    assert slopes.max() < 1.5


def test_texture_stays():
    rng = np.random.default_rng(1)
    made = step(-4, 2.5)
    texture = 0.2 * rng.standard_normal(SHAPE)
    pixels = grey(made + texture)
    out = ev_of(decide(pixels).apply(pixels))
    for side in (-4, 2.5):
        assert out[made == side].std() / texture[made == side].std() > 0.9
    taken = 1 - (out[made == 2.5].mean() - out[made == -4].mean()) / 6.5
    assert taken > 0.3


def test_a_smooth_sky_stays_smooth():
    shape = 600, 900
    v, u = np.mgrid[: shape[0], : shape[1]] / shape[0]
    sky = 3.5 - 2 * np.hypot(v - 0.6, u - 0.7)
    ev = np.where(v > 0.7 + 0.1 * np.sin(9 * u), -4.0, sky)
    pixels = grey(ev)
    gain = ev_of(decide(pixels).apply(pixels)) - ev
    above = gain[:300]
    for axis in (0, 1):
        # A kink of 0.01 EV a pixel would be a visible line.
        assert np.abs(np.diff(above, 2, axis=axis)).max() < 0.002


def test_a_ramp_rises_without_steps():
    pixels = grey(np.tile(np.linspace(-7, 6, 1500), (200, 1)))
    out = ev_of(decide(pixels).apply(pixels))
    rise = np.diff(out, axis=1) / (13 / 1499)
    assert rise.min() > 0.2
    assert rise.max() < 1.1
    assert np.abs(np.diff(rise, axis=1)).max() < 0.05


@pytest.mark.parametrize("shape", [(240, 360), (301, 203), (97, 1)])
def test_strips_are_the_whole_and_give_no_seam(shape):
    pixels = outdoors(shape)
    tone = decide(pixels)
    whole = tone.apply(pixels)
    for top, bottom in ((0, 1), (3, 40), (shape[0] // 2, shape[0])):
        np.testing.assert_array_equal(tone.apply(pixels[top:bottom], top), whole[top:bottom])


def test_any_number_of_threads_makes_the_same():
    pixels = outdoors((700, 300))
    try:
        found = []
        for count in (1, 3):
            kernels.set_threads(count)
            found.append(render(Scene(pixels), look="neutral", local_tone=0.8).pixels)
    finally:
        kernels.set_threads(0)
    np.testing.assert_array_equal(*found)


def test_one_gain_for_a_pixels_channels():
    pixels = outdoors()
    ratio = decide(pixels).apply(pixels) / pixels
    np.testing.assert_allclose(ratio[..., 0], ratio[..., 1], rtol=1e-6)
    np.testing.assert_allclose(ratio[..., 2], ratio[..., 1], rtol=1e-6)
    made = grey(step(-5, 3))
    picture = render(Scene(made), look="neutral", local_tone=1).pixels
    assert (picture == picture[..., :1]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 3e38])
def test_broken_pixels_keep_to_themselves(value):
    pixels = outdoors()
    good = decide(pixels).apply(pixels)
    broken = kernels.planar(pixels.copy())
    broken[100:103, 50:53] = value
    with np.errstate(all="raise"):
        made = decide(broken).apply(broken)
    mask = np.ones(SHAPE, bool)
    mask[100:103, 50:53] = False
    np.testing.assert_allclose(made[mask], good[mask], rtol=0.05)
    render(Scene(broken), local_tone=1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (2, 2), (3, 700), (33, 5)])
def test_tiny_pictures(shape):
    rng = np.random.default_rng(2)
    pixels = grey(rng.uniform(-8, 6, shape))
    made = decide(pixels).apply(pixels)
    assert made.shape == pixels.shape
    assert np.isfinite(made).all()
    assert render(Scene(pixels), look="neutral", local_tone=1).pixels.shape == pixels.shape


def test_black_scenes_have_nothing_to_do():
    assert local_tone(grey(np.full(SHAPE, -30.0)), SHAPE, strength=1, exposure=1.0) is None
    assert not render(Scene(kernels.planar(np.zeros((9, 9, 3), np.float32))), local_tone=1).pixels.any()


def test_a_black_surround_does_not_count():
    pixels = outdoors()
    around = kernels.planar(np.pad(pixels, ((100, 100), (100, 100), (0, 0))))
    alone = np.log2(decide(pixels).apply(pixels)[..., 1] / pixels[..., 1])
    inner = np.log2(decide(around).apply(around)[100:-100, 100:-100, 1] / pixels[..., 1])
    assert np.abs(inner - alone).mean() < 0.1


def test_shadows_are_not_lifted_below_their_noise():
    made = step(-6, 2)
    lifts = []
    for noise in (None, (1e-5, 1e-8), (1.5e-4, 1e-6), (4e-3, 1e-4)):
        pixels = grey(made)
        out = ev_of(decide(pixels, noise=noise).apply(pixels))
        lifts.append(out[made == -6].mean() + 6 - (out[made == 2].mean() - 2))
    assert lifts[0] == pytest.approx(lifts[1], abs=0.1)
    assert lifts[1] > lifts[2] + 0.2 > lifts[3] + 0.4


def test_night_stays_night():
    rng = np.random.default_rng(3)
    ev = -4 + rng.standard_normal(SHAPE)
    ev[100:104, 50:60] = 8
    pixels = grey(ev)
    change = ev_of(decide(pixels).apply(pixels)) - ev
    assert abs(np.median(change)) < 0.3
    backlit = ev + 2
    backlit[:120] = 2
    pixels = grey(backlit)
    lift = ev_of(decide(pixels).apply(pixels)) - backlit
    assert np.median(lift[150:]) > np.median(change) + 0.3


def test_exposure_is_counted():
    pixels = outdoors()
    tone = local_tone(pixels, SHAPE, strength=1, exposure=4.0)
    same = local_tone(4 * pixels, SHAPE, strength=1, exposure=1.0)
    assert tone is not None
    assert same is not None
    np.testing.assert_allclose(tone.grid, same.grid, atol=0.05)


def test_another_width_is_refused():
    pixels = outdoors()
    with pytest.raises(ValueError, match="360"):
        decide(pixels).apply(pixels[:, :100])


def test_recipe_checks_the_strength():
    assert Recipe().local_tone is None
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="local_tone"):
            Recipe(local_tone=wrong)

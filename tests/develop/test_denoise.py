from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus import kernels
from fotohaus.denoising.coarse import look_from_afar
from fotohaus.denoising.denoiser import (
    DENOISE_MARGIN,
    NOWHERE_DARK,
    THRESHOLDS,
    prepare_denoise,
    prepare_denoise_linear,
    visible_noise,
)
from fotohaus.denoising.shrink import denoise, denoise_linear
from fotohaus.develop.demosaic import demosaic
from fotohaus.develop.denoise import decide_strength, remaining_noise
from fotohaus.develop.shading import Shading
from fotohaus.raw.image import CFA_PATTERNS, NoiseProfile, Rectangle
from fotohaus.simulate.sensor import phone_noise

GAINS = np.array([2.0, 1.0, 1.6])


def gains_at_sites(shape, cfa="RGGB"):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return GAINS[np.array(["RGB".index(c) for c in cfa])[2 * (y & 1) + (x & 1)]]


def noisy(light, noise, cfa="RGGB", seed=1, floor=None):
    """A white-balanced mosaic of neutral light, and the same without noise."""
    gains = gains_at_sites(light.shape, cfa)
    seen = light / gains
    deviation = np.sqrt(noise.scale[1] * seen + noise.offset[1])
    seen = seen + np.random.default_rng(seed).normal(0, 1, light.shape) * deviation
    if floor is not None:
        seen = np.maximum(seen, floor)
    return (seen * gains).astype(np.float32)


def scene(height=96, width=128):
    """Light with an edge, a texture and a gradient."""
    y, x = np.mgrid[:height, :width]
    light = 0.05 + 0.2 * x / width + 0.3 * (x + y / 2 > 80) + 0.1 * np.sin(0.9 * y) * (y > height // 2)
    return np.maximum(light, 0.01)


def reference(mosaic, plan, noise):
    """The method in NumPy, block by block, one pass from the mosaic's corner, without smoothing of colours."""
    pad, (height, width) = 32, mosaic.shape
    wide = np.pad(mosaic.astype(np.float64), pad, mode="reflect")
    slope, intercept = (np.tile(a.astype(np.float64), np.array(wide.shape) // 2) for a in (plan.slope, plan.intercept))
    stable = np.sqrt(np.maximum(wide * slope + intercept, 0))
    planes = np.tensordot(plan.basis, np.stack([stable[i::2, j::2] for i in (0, 1) for j in (0, 1)]), 1)
    k = np.arange(8)
    dct = np.cos(np.pi * (2 * k + 1) * k[:, None] / 16) * 0.5
    dct[0] /= np.sqrt(2)
    frequency = np.hypot(k[:, None], k) / 8
    summed, weights = np.zeros_like(planes), np.zeros(planes.shape[1:])
    for top in range(0, planes.shape[1] - 7, 2):
        for left in range(0, planes.shape[2] - 7, 2):
            c = dct @ planes[:, top : top + 8, left : left + 8] @ dct.T
            energy = np.stack([(c * c).sum(0)] * 3 + [c[3] ** 2])
            trust = np.clip(0.1 + 2 * (c[0, 0, 0] - plan.dark) / 16, 0.3, 1)
            energy *= np.where(np.add.outer(np.arange(8), np.arange(8)) < 3, 1, trust)
            threshold = np.exp(0.36 * (frequency - 0.5)) * np.array(THRESHOLDS)[[0, 1, 1, 2], None, None]
            keep = plan.keep[[0, 1, 1, 2], None, None]
            factor = keep + (1 - keep) * ((energy / threshold - 1) / 0.8 + 0.5)
            factor = np.clip(factor, keep, 1)
            factor[:3, 0, 0] = 1
            w = 1 / (factor**2).sum()
            summed[:, top : top + 8, left : left + 8] += w * (dct.T @ (c * factor) @ dct)
            weights[top : top + 8, left : left + 8] += w
    out = np.empty_like(wide)
    for p, u in enumerate(np.tensordot(plan.basis.T, summed / weights, 1)):
        i, j = divmod(p, 2)
        entries = plan.correction.shape[1]
        bias = np.interp((u - plan.first[p]) * (entries - 1) / 16, np.arange(entries), plan.correction[p])
        out[i::2, j::2] = (u * u - intercept[i::2, j::2]) / slope[i::2, j::2] + bias
    return out[pad : pad + height, pad : pad + width]


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_kernel_agrees_with_numpy(strength):
    noise = phone_noise(800)
    mosaic = noisy(scene(), noise)
    plan = prepare_denoise("RGGB", noise, GAINS, strength=strength, passes=1)
    np.testing.assert_allclose(denoise(mosaic, plan), reference(mosaic, plan, noise), rtol=2e-3, atol=2e-4)


def test_kernel_agrees_with_numpy_in_the_dark():
    noise = phone_noise(6400)
    mosaic = noisy(0.3 * scene(), noise)
    plan = prepare_denoise("RGGB", noise, GAINS, passes=1)
    np.testing.assert_allclose(denoise(mosaic, plan), reference(mosaic, plan, noise), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("floor", [None, -0.06])
def test_where_there_is_hardly_light_little_is_taken_for_structure(floor):
    noise = phone_noise(3200)
    floors = None if floor is None else floor * GAINS[np.array([[0, 1], [1, 2]])]
    plan = prepare_denoise("RGGB", noise, GAINS, floor=floors, passes=1)
    rest = []
    for light in (0.005, 0.5):
        before = noisy(np.full((256, 256), light), noise, floor=floor)
        made = [denoise(before, p) for p in (replace(plan, dark=NOWHERE_DARK), plan)]
        deviations = [(m[2:] - m[:-2]).std() for m in made]
        rest.append(deviations[1] / deviations[0])
    assert rest[0] < 0.8
    assert rest[1] == 1


@pytest.mark.parametrize(("passes", "coarse"), [(1, False), (2, False), (2, True)])
@pytest.mark.parametrize("strength", [0.25, 0.5, 0.75, 1.0])
def test_flat_light_keeps_its_mean_and_the_stated_noise(strength, passes, coarse):
    noise = phone_noise(400)
    before = noisy(np.full((256, 256), 0.2), noise)
    plan = prepare_denoise("RGGB", noise, GAINS, strength=strength, passes=passes)
    if coarse:
        plan = look_from_afar(plan, before.shape, lambda first, last: before[first:last])
    after = denoise(before, plan)
    luminance = [(demosaic(m, "RGGB") @ [0.26, 0.68, 0.06])[16:-16, 16:-16] for m in (before, np.array(after))]
    assert luminance[1].mean() == pytest.approx(0.2, rel=2e-3)
    left = remaining_noise((1.0, 1.0), plan)[0]
    # The demosaic takes a share of strong noise too, which is not there any more after denoising.
    assert 0.75 * left < luminance[1].var() / luminance[0].var() < 1.6 * left


def test_strength_0_changes_nothing():
    mosaic = noisy(scene(), phone_noise(400))
    plan = prepare_denoise("RGGB", phone_noise(400), GAINS, strength=0)
    np.testing.assert_allclose(denoise(mosaic, plan), mosaic, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_noise_goes_and_structure_stays(cfa):
    noise, light = phone_noise(400), scene(192, 256)
    mosaic = noisy(light, noise, cfa)
    after = denoise(mosaic, prepare_denoise(cfa, noise, GAINS))
    relative = [np.square((m - light) / np.sqrt(light + 0.02)).mean() for m in (mosaic, after)]
    assert relative[1] < relative[0] / 10
    texture, kept = (v[120:180:, 100:] - v[120:180, 100:].mean(0) for v in (light, after))
    assert (texture * kept).sum() / (texture**2).sum() == pytest.approx(1, abs=0.05)


def test_light_that_noise_was_cut_from_comes_out_as_it_was():
    """A sensor whose file holds nothing below black: the mean of what was stored is too high, what comes out is not."""
    noise = NoiseProfile((2e-4,) * 3, (1e-5,) * 3)
    light = np.full((256, 256), 0.003)
    stored = noisy(light, noise, floor=0.0)
    assert stored.mean() > 1.05 * 0.003
    after = denoise(stored, prepare_denoise("RGGB", noise, GAINS, floor=np.zeros((2, 2))))
    assert after.mean() == pytest.approx(0.003, rel=0.02)


def test_greens_that_differ_are_made_one():
    noise = phone_noise(400)
    mosaic = noisy(np.full((128, 128), 0.2), noise)
    mosaic[0::2, 1::2] *= 1.006
    mosaic[1::2, 0::2] /= 1.006
    after = denoise(mosaic, prepare_denoise("RGGB", noise, GAINS))
    assert after[0::2, 1::2].mean() == pytest.approx(after[1::2, 0::2].mean(), rel=3e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 50), st.integers(1, 90), st.integers(1, 90), st.sampled_from([1, 2]))
def test_a_part_comes_out_as_it_does_of_the_whole(top, left, height, width, passes):
    rng = np.random.default_rng(3)
    noise, (rows, columns) = phone_noise(1600), (170, 190)
    mosaic = noisy(scene(rows, columns), noise)
    shading = Shading((1 + rng.random((5, 7, 4))).astype(np.float32), (0.2, 0.1), (6 / columns, 4 / rows))
    plan = prepare_denoise("RGGB", noise, GAINS, strength=0.9, passes=passes)
    whole = denoise(mosaic, plan, shading)
    top, left = 2 * top, 2 * left
    height, width = min(height, rows - top), min(width, columns - left)
    y, x = max(0, top - plan.margin), max(0, left - plan.margin)
    part = mosaic[y : top + height + plan.margin, x : left + width + plan.margin]
    moved = Shading(shading.grid, (0.2 + x * 6 / columns, 0.1 + y * 4 / rows), shading.step)
    got = denoise(part, plan, moved, crop=Rectangle(top - y, left - x, height, width), origin=(y, x))
    np.testing.assert_allclose(got, whole[top : top + height, left : left + width], rtol=1e-4, atol=1e-5)
    assert plan.margin <= DENOISE_MARGIN


def test_turned_it_comes_out_turned():
    mosaic = noisy(scene(128, 96), phone_noise(400), "GRBG")
    plain = denoise(mosaic, prepare_denoise("GRBG", phone_noise(400), GAINS))
    turned = denoise(mosaic.T, prepare_denoise("GBRG", phone_noise(400), GAINS))
    np.testing.assert_allclose(turned.T, plain, rtol=2e-3, atol=2e-4)


def test_shading_gains_are_no_light():
    """A corner four times brighter by gain has four times the noise, and is denoised as if it had neither."""
    mosaic = noisy(scene(), phone_noise(400))
    plan = prepare_denoise("RGGB", phone_noise(400), GAINS)
    gained = denoise(mosaic * 4, plan, Shading(np.full((1, 1, 4), 4, np.float32)))
    np.testing.assert_allclose(gained, 4 * denoise(mosaic, plan), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 2), (3, 9), (17, 40), (41, 43)])
def test_any_size(shape):
    mosaic = noisy(np.full(shape, 0.3), phone_noise(100))
    after = denoise(mosaic, prepare_denoise("RGGB", phone_noise(100), GAINS, passes=2))
    assert after.shape == shape
    assert np.abs(after - 0.3).max() < 0.05


def test_threads_do_not_matter():
    mosaic = noisy(scene(300, 600), phone_noise(1600))
    plan = prepare_denoise("RGGB", phone_noise(1600), GAINS)
    several = denoise(mosaic, plan).copy()
    kernels.set_threads(1)
    try:
        np.testing.assert_array_equal(denoise(mosaic, plan), several)
    finally:
        kernels.set_threads(0)


@pytest.mark.parametrize("noise", [NoiseProfile((0.0,) * 3, (1e-5,) * 3), NoiseProfile((1e-9,) * 3, (1e-4,) * 3)])
def test_noise_that_does_not_grow_with_light(noise):
    light = np.full((128, 128), 0.3)
    after = denoise(noisy(light, noise), prepare_denoise("RGGB", noise, GAINS))
    assert after.mean() == pytest.approx(0.3, rel=2e-3)
    assert after.std() < 0.3 * np.sqrt(noise.offset[0])


def test_default_strength_follows_visible_noise():
    levels = [(s * 1e-4, s * s * 1e-6) for s in (0.01, 0.3, 1, 4, 16, 64, 256)]
    strengths = [decide_strength(level) for level in levels]
    assert strengths == sorted(strengths)
    assert strengths[0] == 0
    assert 0.95 <= strengths[-1] < 1
    # However strong the noise, the grain that stays is about that of 10 L*.
    for level in levels[4:]:
        assert 1.0 < (1 - decide_strength(level)) * visible_noise(level) < 2.2
    assert decide_strength(None) == decide_strength((float("nan"), 0.0)) == 0
    assert visible_noise((0.0, 0.0)) == 0


def test_what_the_camera_has_done_is_not_done_again():
    noise = (1e-3, 1e-6)
    assert decide_strength(noise, 1.0) == 0
    assert decide_strength(noise, 0.4) == pytest.approx(0.6 * decide_strength(noise), abs=2e-3)


def test_bad_arguments():
    noise, mosaic = phone_noise(100), np.zeros((8, 8), np.float32)
    with pytest.raises(ValueError, match="strength"):
        prepare_denoise("RGGB", noise, strength=1.5)
    with pytest.raises(ValueError, match="cfa"):
        prepare_denoise("RGBG", noise)
    with pytest.raises(ValueError, match="noise"):
        prepare_denoise("RGGB", NoiseProfile((-1.0,) * 3, (0.0,) * 3))
    plan = prepare_denoise("RGGB", noise)
    with pytest.raises(ValueError, match="2 x 2"):
        denoise(mosaic[:1], plan)
    with pytest.raises(ValueError, match="not within"):
        denoise(mosaic, plan, crop=Rectangle(0, 0, 9, 8))
    with pytest.raises(ValueError, match="even"):
        denoise(mosaic, plan, crop=Rectangle(1, 0, 4, 4))


def linear(seed=1, noise=None, height=96, width=128):
    """White-balanced RGB of a coloured scene, with noise and without."""
    light = scene(height, width)[..., None] * (0.9, 1.0, 0.7)
    noise = noise or phone_noise(1600)
    seen = light / GAINS
    deviation = np.sqrt(noise.scale[1] * seen + noise.offset[1])
    return ((seen + np.random.default_rng(seed).normal(0, 1, seen.shape) * deviation) * GAINS).astype(np.float32), light


@pytest.mark.parametrize("passes", [1, 2])
def test_linear_noise_goes_and_structure_stays(passes):
    pixels, light = linear()
    plan = prepare_denoise_linear(phone_noise(1600), GAINS, passes=passes)
    errors = [np.square((v - light) / np.sqrt(light + 0.02)).mean() for v in (pixels, denoise_linear(pixels, plan))]
    assert errors[1] < errors[0] / 8


@pytest.mark.parametrize("strength", [0.25, 0.6, 1.0])
def test_linear_flat_light_keeps_its_mean_and_the_stated_noise(strength):
    noise = phone_noise(400)
    flat = np.full((256, 256, 3), 0.2)
    deviation = np.sqrt(noise.scale[1] * flat / GAINS + noise.offset[1]) * GAINS
    pixels = (flat + np.random.default_rng(3).normal(0, 1, flat.shape) * deviation).astype(np.float32)
    plan = prepare_denoise_linear(noise, GAINS, strength=strength)
    after = denoise_linear(pixels, plan)
    np.testing.assert_allclose(after.mean((0, 1)), 0.2, rtol=2e-3)
    before, left = ((v @ [0.2627, 0.6780, 0.0593]).var() for v in (pixels, after))
    assert left / before == pytest.approx(remaining_noise((1.0, 1.0), plan)[0], rel=0.15)


def test_linear_strength_0_changes_nothing():
    pixels, _ = linear()
    plan = prepare_denoise_linear(phone_noise(1600), GAINS, strength=0)
    np.testing.assert_allclose(denoise_linear(pixels, plan), pixels, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("passes", [1, 2])
def test_linear_parts_are_the_whole(passes):
    pixels, _ = linear(height=120, width=100)
    plan = prepare_denoise_linear(phone_noise(1600), GAINS, passes=passes)
    grid = np.linspace(1, 2, 4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)
    shading = Shading(grid, (0.1, 0.2), (0.04, 0.025))
    whole = denoise_linear(pixels, plan, shading)
    around = plan.margin // 2
    for top, height in ((45, 17), (60, 20)):
        first = top - around
        part = denoise_linear(
            pixels[first : top + height + around],
            plan,
            shading.below(first),
            crop=Rectangle(around, 0, height, 100),
            origin=(first, 0),
        )
        np.testing.assert_array_equal(part, whole[top : top + height])


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (7, 3), (19, 41)])
def test_small_linear_pictures(size):
    pixels = np.random.default_rng(2).random((*size, 3)).astype(np.float32)
    plan = prepare_denoise_linear(phone_noise(1600), GAINS)
    made = denoise_linear(pixels, plan)
    assert made.shape == pixels.shape
    assert np.isfinite(made).all()
    assert np.abs(made.mean((0, 1)) - pixels.mean((0, 1))).max() < 0.1


def test_linear_border_is_as_clean_as_the_rest():
    """Mirrored pixel by pixel: a corner's noise goes as much as the middle's."""
    flat = np.full((64, 64, 3), 0.2) + np.random.default_rng(4).normal(0, 0.05, (64, 64, 3))
    plan = prepare_denoise_linear(NoiseProfile((1e-6,) * 3, (0.05**2,) * 3), passes=1)
    made = denoise_linear(flat.astype(np.float32), plan)
    assert made[:2].std() < 0.02
    assert made[:, -2:].std() < 0.02


def test_linear_crop_outside_is_refused():
    plan = prepare_denoise_linear(phone_noise(1600), GAINS)
    with pytest.raises(ValueError, match="crop"):
        denoise_linear(np.zeros((40, 40, 3), np.float32), plan, crop=Rectangle(0, 1, 40, 40))

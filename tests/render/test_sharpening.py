"""Sharpening: what it must do at edges and must not do elsewhere."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, render, sharpening
from fotohaus.render.sharpening import sharpen

CAMERA = {"look": "neutral", "auto_exposure": False, "gamut": "srgb"}


def scene(pixels, noise=(1e-5, 1e-7)):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)), noise=noise)


def grey(values):
    return np.repeat(np.asarray(values)[..., None], 3, axis=2)


def lightness(picture):
    return color.to_oklab(color.decode_srgb(picture.pixels / 65535), "srgb")[..., 0]


def soft_edge(low, high, width=64, height=32, blur=0.8):
    x = np.arange(width) - width / 2 + 0.5
    ramp = 0.5 * (1 + np.tanh(x / blur))
    return grey(np.tile(low + (high - low) * ramp, (height, 1)))


def test_zero_and_off_change_nothing():
    pixels = np.random.default_rng(0).random((40, 50, 3)) * 0.5
    plain = render(scene(pixels), sharpen=0, **CAMERA).pixels
    assert np.array_equal(plain, render(scene(pixels), sharpen=1, off="sharpen", **CAMERA).pixels)
    assert not np.array_equal(plain, render(scene(pixels), sharpen=0.5, **CAMERA).pixels)


def test_strength_is_smooth_from_zero():
    pixels = soft_edge(0.1, 0.3)
    plain = render(scene(pixels), sharpen=0, **CAMERA).pixels.astype(int)
    change = [
        np.abs(render(scene(pixels), sharpen=s, **CAMERA).pixels - plain).max() for s in (0.001, 0.1, 0.2, 0.4, 0.8)
    ]
    assert change[0] < 60
    assert (np.diff(change) > 0).all()


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.3), (0.01, 0.64), (0.02, 0.03)])
def test_edges_get_steeper_within_the_limit(low, high):
    pixels = soft_edge(low, high)
    plain = lightness(render(scene(pixels), sharpen=0, **CAMERA))[16]
    sharp = lightness(render(scene(pixels), sharpen=1, **CAMERA))[16]
    assert np.diff(sharp).max() > 1.15 * np.diff(plain).max()
    swing = plain.max() - plain.min()
    assert sharp.max() <= plain.max() + sharpening.OVERSHOOT * swing + 1e-4
    assert sharp.min() >= plain.min() - sharpening.OVERSHOOT * swing - 1e-4


def test_kernel_agrees_with_the_formulas():
    rng = np.random.default_rng(2)
    pixels = grey(2.0 ** (np.cumsum(rng.normal(0, 0.25, (40, 60)), axis=1) - 3).clip(-9, 0))
    plain = lightness(render(scene(pixels, noise=None), sharpen=0, **CAMERA))
    sharp = lightness(render(scene(pixels, noise=None), sharpen=0.7, **CAMERA))
    wanted = sharpen(plain, 0.7)
    assert sharp == pytest.approx(np.minimum(wanted, 1), abs=4e-4)


@pytest.mark.parametrize("level", [0.02, 0.18, 0.5])
def test_flat_noise_is_hardly_amplified(level):
    rng = np.random.default_rng(1)
    noise = (4e-4, 2e-6)
    deviation = np.sqrt(noise[0] * level + noise[1])
    pixels = grey(level + deviation * rng.normal(size=(200, 200)))
    plain = lightness(render(scene(pixels, noise), sharpen=0, **CAMERA)).std()
    told = lightness(render(scene(pixels, noise), sharpen=0.5, **CAMERA)).std()
    untold = lightness(render(scene(pixels, (1e-8, 1e-12)), sharpen=0.5, **CAMERA)).std()
    assert told < 1.17 * plain
    assert untold > 1.35 * plain


def test_less_noise_lets_more_detail_be_sharpened():
    """A merged burst says that it has less noise, and gets crisper."""
    rng = np.random.default_rng(5)
    pixels = grey(0.18 + 0.006 * rng.normal(size=(100, 100)))
    contrast = [lightness(render(scene(pixels, (s, s / 100)), sharpen=0.5, **CAMERA)).std() for s in (8e-4, 1e-4, 1e-5)]
    assert contrast[0] < contrast[1] < contrast[2]


def test_only_lightness_changes():
    edge = soft_edge(0.1, 0.3) * [1.2, 0.9, 0.6]
    plain, sharp = (
        color.to_oklab(color.decode_srgb(render(scene(edge), sharpen=s, **CAMERA).pixels / 65535), "srgb")
        for s in (0, 1)
    )
    assert sharp[..., 1:] == pytest.approx(plain[..., 1:], abs=5e-4)
    assert np.abs(sharp[..., 0] - plain[..., 0]).max() > 0.02


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (8, 3), (3, 8), (5, 9)])
def test_small_images_and_borders(shape):
    flat = render(scene(np.full((*shape, 3), 0.2)), sharpen=1, **CAMERA).pixels
    assert (flat == flat[0, 0]).all()
    assert sharpen(np.full(shape, 0.4), 1) == pytest.approx(0.4)


@pytest.mark.parametrize("noise", [(np.nan, 0), (np.inf, 1), (-1, -1), (1e30, 1e30), (0, 0)])
def test_absurd_noise_does_no_harm(noise):
    pixels = soft_edge(0.1, 0.3)
    plain = lightness(render(scene(pixels, noise), sharpen=0, **CAMERA))
    sharp = lightness(render(scene(pixels, noise), sharpen=1, **CAMERA))
    assert np.abs(sharp - plain).max() < 0.1

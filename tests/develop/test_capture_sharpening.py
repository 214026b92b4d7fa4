"""Deconvolution of linear luminance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop import capture_sharpening
from fotohaus.develop.capture_sharpening import MARGIN, OVERSHOOT, CaptureSharpening, edge_blur, inverse_filter, sharpen
from fotohaus.develop.color import apply_matrix
from fotohaus.raw.image import CfaPattern, Rectangle

SOME = CaptureSharpening(0.6, 0.72)


def blurred(image: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    frequency = [np.fft.fftfreq(n) * 2 * np.pi for n in image.shape[:2]]
    response = np.exp(-0.5 * deviation**2 * (frequency[0][:, None] ** 2 + frequency[1] ** 2))
    return np.fft.ifft2(np.fft.fft2(image) * response).real


def blocks(
    height: int = 192, width: int = 256, low: float = 0.05, high: float = 0.45, seed: int = 3
) -> NDArray[np.float64]:
    """Slanted bars with sharp edges, seen by pixels with a square aperture."""
    y, x = np.mgrid[: 4 * height, : 4 * width] / 4
    bars = (np.floor((x + 0.21 * y) / 23) + np.floor((y - 0.13 * x) / 29)) % 2
    return (low + (high - low) * bars).reshape(height, 4, width, 4).mean((1, 3))


def grey(luminance: NDArray[np.floating]) -> NDArray[np.float32]:
    out = kernels.empty((*luminance.shape, 3))
    out[...] = luminance[..., None]
    return out


def test_the_filter_undoes_the_blur_at_low_and_middle_frequencies() -> None:
    weights = inverse_filter(0.6).astype(np.float64)
    for frequency in (0.1, 0.2, 0.3):
        w = 2 * np.pi * frequency
        waves = (
            2 * np.cos(w) + 2,
            4 * np.cos(w),
            2 * np.cos(2 * w) + 2,
            4 * np.cos(w) + 4 * np.cos(2 * w),
            4 * np.cos(2 * w),
        )
        response = 1 + sum(k * (c - n) for k, c, n in zip(weights, waves, (4, 4, 4, 8, 4), strict=True))
        assert response * np.exp(-0.5 * 0.36 * w**2) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("deviation", [0.5, 0.7, 0.9])
def test_a_blurred_picture_comes_nearer_to_what_it_was(deviation: float) -> None:
    truth = blurred(blocks(), 0.3)
    seen = blurred(truth, deviation)
    sharp = sharpen(grey(seen), CaptureSharpening(deviation, 1.0), noise=(0.0, 1e-9))[..., 0]
    inner = np.s_[8:-8, 8:-8]
    assert np.std(sharp[inner] - truth[inner]) < 0.6 * np.std(seen[inner] - truth[inner])


def test_an_edge_overshoots_no_more_than_allowed() -> None:
    seen = blurred(blocks(), 0.5)
    sharp = sharpen(grey(seen), CaptureSharpening(0.85, 1.0), noise=(0.0, 1e-9))[8:-8, 8:-8, 0]
    assert sharp.max() <= seen.max() + OVERSHOOT * np.ptp(seen) + 1e-6
    assert sharp.min() >= seen.min() * (1 - OVERSHOOT) - 1e-6
    assert sharp.max() > seen.max() + 0.01  # it was given more blur to undo than there is


def test_flat_noise_is_hardly_amplified_and_colours_keep_their_ratios() -> None:
    rng = np.random.default_rng(1)
    pixels = kernels.empty((200, 200, 3))
    pixels[...] = np.array([0.1, 0.2, 0.3]) * (1 + 0.02 * rng.standard_normal((200, 200, 1)))
    y = float(np.array([0.2627, 0.6780, 0.0593]) @ [0.1, 0.2, 0.3])
    sharp = sharpen(pixels, SOME, noise=(0.0, (0.02 * y) ** 2))
    assert sharp.std(axis=(0, 1)) == pytest.approx(pixels.std(axis=(0, 1)), rel=0.12)
    np.testing.assert_allclose(sharp / sharp[..., :1], np.broadcast_to([1, 2, 3], sharp.shape), rtol=1e-5)
    careless = sharpen(pixels, SOME, noise=(0.0, 0.0))
    assert (careless.std(axis=(0, 1)) > 1.5 * pixels.std(axis=(0, 1))).all()


def test_saturated_areas_and_their_surroundings_stay() -> None:
    y, x = np.mgrid[:64, :64]
    lamp = np.minimum(blurred(np.where(np.hypot(y - 32, x - 32) < 8, 8.0, 0.05), 0.8), 1.0)
    sharp = sharpen(grey(lamp), SOME, noise=(0.0, 0.0))[..., 0]
    near = np.hypot(y - 32, x - 32) < 11
    np.testing.assert_allclose(sharp[near], lamp[near], rtol=3e-7)


def test_what_is_flat_black_or_not_finite_in_places_stays() -> None:
    for value in (0.0, -0.01, 0.3, 5.0):
        pixels = grey(np.full((20, 24), value))
        np.testing.assert_array_equal(sharpen(pixels, SOME), pixels)


def test_strips_make_the_same_pixels(scenes) -> None:
    pixels = kernels.planar(scenes.smooth_scene(90, 120).astype(np.float32))
    pixels += np.random.default_rng(1).normal(0, 0.02, pixels.shape).astype(np.float32)
    whole = sharpen(pixels, SOME)
    for top, height in ((0, 20), (20, 33), (53, 37)):
        above, below = min(MARGIN, top), min(MARGIN, 90 - top - height)
        strip = pixels[top - above : top + height + below]
        part = sharpen(strip, SOME, crop=Rectangle(above, 0, height, 120))
        np.testing.assert_array_equal(part, whole[top : top + height])


def test_a_cameras_colours_pass_their_matrix_first(scenes) -> None:
    pixels = kernels.planar(scenes.smooth_scene(90, 120).astype(np.float32))
    pixels += np.random.default_rng(2).normal(0, 0.02, pixels.shape).astype(np.float32)
    matrix = np.array([[0.87, 0.33, -0.2], [-0.17, 1.47, -0.3], [-0.03, -0.32, 1.35]])
    wanted = sharpen(apply_matrix(pixels.copy("K"), matrix), SOME, noise=(0.001, 1e-6), white=0.8)
    got = sharpen(pixels, SOME, noise=(0.001, 1e-6), white=0.8, matrix=matrix)
    np.testing.assert_allclose(got, wanted, atol=2e-6)
    assert np.abs(got - sharpen(pixels, SOME, noise=(0.001, 1e-6), white=0.8)).max() > 0.05


@pytest.mark.parametrize("cfa", ["RGGB", "BGGR", "GRBG", "GBRG"])
@pytest.mark.parametrize("deviation", [0.5, 0.7, 0.9])
def test_the_blur_of_edges_is_measured(scenes, cfa: CfaPattern, deviation: float) -> None:
    seen = blurred(blocks(400, 500), deviation)
    seen += np.random.default_rng(1).standard_normal(seen.shape) * np.sqrt(1e-5 * seen + 1e-7)
    mosaic = scenes.mosaic_of(seen[..., None] * np.array([0.6, 1.0, 0.7]), cfa)
    square = deviation**2 + 1 / 12  # the pixels' aperture
    assert edge_blur(mosaic, cfa, (1e-5, 1e-7)) == pytest.approx(square**0.5, abs=0.1)


def test_where_no_edge_is_clear_nothing_is_decided(scenes) -> None:
    noise = np.random.default_rng(1).normal(0.2, 0.01, (300, 300)).astype(np.float32)
    assert edge_blur(noise, "RGGB", (0.0, 1e-4)) is None
    assert capture_sharpening.prepare(np.full((4, 4), 0.1, np.float32), "RGGB") is None


def test_sharp_edges_are_left_alone(scenes) -> None:
    mosaic = scenes.mosaic_of(np.repeat(blocks(400, 500)[..., None], 3, 2), "RGGB")
    assert capture_sharpening.prepare(mosaic, "RGGB", (1e-6, 1e-8)) is None
    soft = scenes.mosaic_of(np.repeat(blurred(blocks(400, 500), 0.7)[..., None], 3, 2), "RGGB")
    decided = capture_sharpening.prepare(soft, "RGGB", (1e-6, 1e-8))
    assert decided is not None
    assert 0.5 < decided.blur < 0.75


def test_a_crop_outside_is_refused() -> None:
    with pytest.raises(ValueError, match="not within"):
        sharpen(grey(np.zeros((8, 8))), SOME, crop=Rectangle(0, 0, 9, 8))

"""16 bits to 8: exact without dither, true on average with it, and without banding."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.output.jpeg import quantize


def ramp(height: int, width: int, low: float, high: float) -> np.ndarray:
    line = np.round(np.linspace(low, high, width) * 257)
    return np.broadcast_to(line[None, :, None], (height, width, 3)).astype(np.uint16)


def test_without_dither_every_value_is_rounded() -> None:
    values = np.arange(65536).astype(np.uint16)
    pixels = np.stack([values, values, values], axis=-1).reshape(256, 256, 3)
    assert np.array_equal(quantize(pixels, dither=False), ((pixels.astype(int) + 128) // 257).astype(np.uint8))


def test_black_and_white_stay_clean() -> None:
    for value in (0, 65535):
        assert np.all(quantize(np.full((64, 64, 3), value, np.uint16)) == value // 257)


def test_the_error_is_at_most_one_and_a_half_steps() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (200, 300, 3)).astype(np.uint16)
    assert np.abs(quantize(pixels) - pixels / 257).max() <= 1.5


@pytest.mark.parametrize("level", [20.0, 20.25, 20.5, 100.9])
def test_error_and_its_variance_do_not_depend_on_the_level(level: float) -> None:
    pixels = np.full((512, 512, 3), round(level * 257), np.uint16)
    error = quantize(pixels) - pixels / 257
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.005
    assert np.abs(error.std(axis=(0, 1)) - 0.5).max() < 0.01


def test_a_gradient_does_not_band() -> None:
    # 4 steps over 1000 pixels. The mean of a block should be the gradient's.
    pixels = ramp(512, 1024, 24.3, 28.3)

    def banding(eight: np.ndarray) -> float:
        blocks = (eight - pixels / 257).reshape(16, 32, 32, 32, 3).mean(axis=(1, 3))
        return float(np.sqrt((blocks**2).mean()))

    assert banding(quantize(pixels, dither=False)) > 0.2
    assert banding(quantize(pixels)) < 0.02


@pytest.mark.parametrize("own", [0.1, 0.3, 0.6, 1.5])
def test_a_gradient_with_noise_of_its_own_does_not_band(own: float) -> None:
    """Whether or not the noise is enough for the dither to leave places out."""
    noise = np.random.default_rng(1).normal(0, own * 257, (512, 1024, 3))
    pixels = np.rint(ramp(512, 1024, 24.3, 28.3) + noise).astype(np.uint16)
    blocks = (quantize(pixels) - pixels / 257).reshape(16, 32, 32, 32, 3).mean(axis=(1, 3))
    assert np.sqrt((blocks**2).mean()) < 0.02


def test_a_busy_place_is_only_rounded() -> None:
    """So it is nearer to the 16 bits than with noise, in the last column, too, which has no next pixel."""
    pixels = np.random.default_rng(0).integers(0, 65536, (64, 300, 3)).astype(np.uint16)
    pixels[:, 1::2] = pixels[:, ::2] ^ 32768
    off = quantize(pixels)[:, :-1].astype(int) - quantize(pixels, dither=False)[:, :-1]
    still = np.abs(np.diff(pixels.astype(int), axis=1)) > 257
    assert still.mean() > 0.9
    assert not off[still].any()
    quiet = np.full((64, 300, 3), 20 * 257 + 100, np.uint16)
    assert np.unique(quantize(quiet)[:, -1]).size > 1


def test_the_noise_is_white_and_the_channels_are_independent() -> None:
    noise = quantize(np.full((512, 512, 3), 100 * 257, np.uint16)).astype(float) - 100
    flat = noise.reshape(-1, 3)
    assert np.abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.01
    spectrum = np.abs(np.fft.fft2(noise[..., 0])) ** 2
    blocks = spectrum.reshape(8, 64, 8, 64).mean(axis=(1, 3))
    assert blocks.max() < 1.15 * blocks.min()
    for dy, dx in ((0, 1), (1, 0), (1, 1), (0, 64), (32, 0)):
        shifted = np.roll(noise[..., 0], (dy, dx), (0, 1))
        assert abs((noise[..., 0] * shifted).mean() / noise[..., 0].var()) < 0.01


def test_threads_do_not_show() -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (300, 200, 3)).astype(np.uint16)
    many = quantize(pixels)
    kernels.set_threads(1)
    try:
        assert np.array_equal(quantize(pixels), many)
    finally:
        kernels.set_threads(0)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 17, 3), (33, 15, 3), (100, 16, 3)])
def test_every_size_works(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    assert np.abs(quantize(pixels) - pixels / 257).max() <= 1.5

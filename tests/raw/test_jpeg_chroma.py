"""Lossy JPEGs with subsampled chroma: enlarged in the DCT, as Adobe's libjpeg does."""

from contextlib import suppress

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from fotohaus.raw.jpeg_chroma import decode_subsampled
from fotohaus.raw.tiff import TiffError

HALVES = {"440": (2, 1), "422": (1, 2), "420": (2, 2)}


def picture(height: int, width: int) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width]
    planes = (np.sin(x / 9 + y / 17), np.cos(y / 7 - x / 23), np.sin(x / 5) * np.cos(y / 11))
    return np.stack([128 + 90 * p for p in planes], -1).astype(np.uint8)


def encode(rgb: NDArray[np.uint8], sampling: str, level: int = 95) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(rgb, level=level, subsampling=sampling))


@pytest.mark.parametrize("sampling", HALVES)
@pytest.mark.parametrize("size", [(64, 96), (61, 83), (16, 7), (1, 1)])
def test_smooth_pictures_come_out_as_other_decoders_have_them(sampling: str, size: tuple[int, int]) -> None:
    data = encode(picture(*size), sampling)
    found = decode_subsampled(data)
    assert found is not None
    assert found.shape == (*size, 3)
    assert abs(found.astype(int) - imagecodecs.jpeg8_decode(data)).mean() < 4


@pytest.mark.parametrize("sampling", HALVES)
def test_blocks_are_enlarged_in_the_dct(sampling: str) -> None:
    """Chroma that is one wave of the enlarged block comes back as that wave, which interpolation would flatten."""
    down, across = HALVES[sampling]
    lines, columns = 8 * down, 8 * across
    y = np.cos(np.pi * (2 * np.arange(lines) + 1) * 5 / (2 * lines)) if down == 2 else np.ones(lines)
    x = np.cos(np.pi * (2 * np.arange(columns) + 1) * 5 / (2 * columns)) if across == 2 else np.ones(columns)
    wave = np.tile(30 * y[:, None] * x, (3, 4))
    ycc = np.stack([np.full(wave.shape, 128), 128 + wave, np.full(wave.shape, 128)], -1)
    rgb = np.rint(128 + (ycc - 128) @ np.array([[1, 1, 1], [0, -0.344136, 1.772], [1.402, -0.714136, 0]]))
    data = encode(rgb.clip(0, 255).astype(np.uint8), sampling, 100)
    found = decode_subsampled(data)
    assert found is not None
    # Averaging pairs before they were encoded took a little of it: cos(5 pi / 32) along each axis.
    kept = np.cos(np.pi * 5 / 32) ** (down + across - 2)
    blue = (found[..., 2].astype(float) - 128) / 1.772
    assert abs(blue - kept * wave).mean() < 1.5
    assert abs((imagecodecs.jpeg8_decode(data)[..., 2] - 128.0) / 1.772 - kept * wave).mean() > 2.5


def test_others_are_left_to_the_decoder() -> None:
    assert decode_subsampled(encode(picture(32, 32), "444")) is None
    assert decode_subsampled(bytes(imagecodecs.jpeg8_encode(picture(32, 32)[..., 0].copy(), level=90))) is None
    assert decode_subsampled(b"\xff\xd8\xff\xda") is None
    assert decode_subsampled(b"") is None


def test_damage_gives_an_image_or_a_reason() -> None:
    data, rng = encode(picture(48, 40), "420", 80), np.random.default_rng(2)
    for _ in range(300):
        broken = bytearray(data)
        for at in rng.integers(2, len(data), 3):
            broken[at] = rng.integers(0, 256)
        with suppress(TiffError):
            found = decode_subsampled(bytes(broken[: rng.integers(20, len(broken) + 1)]))
            assert found is None or found.dtype == np.uint8

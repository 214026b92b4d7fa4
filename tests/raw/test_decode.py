"""Strips and tiles of every kind that is read, and clear words for those that are not."""

from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.raw import codecs, decode, layout
from fotohaus.raw.dng_read import raw_ifd
from fotohaus.raw.tiff import Source, Tiff, TiffError

Maker = Callable[..., Any]


def decoded(data: bytes) -> np.ndarray:
    ifd = raw_ifd(Tiff(Source(data)))
    return decode.decode(ifd, layout.read_layout(ifd))


def refused(data: bytes) -> str:
    with pytest.raises(TiffError) as error:
        decoded(data)
    return str(error.value)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", range(8, 17))
@pytest.mark.parametrize("placing", [{}, {"rows_per_strip": 7}, {"tile": (16, 16)}])
@pytest.mark.parametrize("shape", [(38, 50), (21, 17, 3)])
def test_uncompressed(
    dng: Maker, samples: Maker, order: str, bits: int, placing: dict[str, Any], shape: tuple[int, ...]
) -> None:
    image = samples(shape, bits)
    out = decoded(dng(image, bits=bits, order=order, **placing))
    assert out.dtype == np.uint16
    np.testing.assert_array_equal(out, image)


@pytest.mark.parametrize("frame", ["pairs", "rows", "double"])
@pytest.mark.parametrize("placing", [{}, {"rows_per_strip": 8}, {"tile": (16, 32)}])
@pytest.mark.parametrize("order", ["<", ">"])
def test_lossless_jpeg_mosaic(dng: Maker, samples: Maker, frame: str, placing: dict[str, Any], order: str) -> None:
    image = samples((44, 70), 14)
    data = dng(image, bits=14, compression=7, frame=frame, order=order, **placing)
    np.testing.assert_array_equal(decoded(data), image)


@pytest.mark.parametrize("placing", [{}, {"rows_per_strip": 5}, {"tile": (16, 16)}])
def test_lossless_jpeg_linear(dng: Maker, samples: Maker, placing: dict[str, Any]) -> None:
    image = samples((30, 41, 3), 16)
    np.testing.assert_array_equal(decoded(dng(image, compression=7, frame="rgb", **placing)), image)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_lossless_jpeg_of_any_predictor_and_either_coder(samples: Maker, predictor: int) -> None:
    image = samples((24, 36), 12)
    for data in (
        imagecodecs.jpeg8_encode(image, lossless=True, predictor=predictor, bitspersample=12),
        imagecodecs.ljpeg_encode(image, bitspersample=12),
    ):
        np.testing.assert_array_equal(codecs.decode_lossless_jpeg(bytes(data), (24, 36, 1))[..., 0], image)


def test_lossless_jpeg_of_8_bits(dng: Maker, samples: Maker) -> None:
    image = samples((24, 36), 8).astype(np.uint8)
    data = bytes(imagecodecs.jpeg8_encode(image, lossless=True, predictor=1))
    place = np.zeros((24, 36, 1), np.uint16)
    np.testing.assert_array_equal(codecs.decode_lossless_jpeg(data, (24, 36, 1), place)[..., 0], image)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("shape", [(38, 50), (21, 17, 3)])
def test_deflate(dng: Maker, samples: Maker, bits: int, predictor: int, order: str, shape: tuple[int, ...]) -> None:
    image = samples(shape, bits)
    data = dng(image, bits=bits, order=order, compression=8, predictor=predictor, tile=(16, 16))
    np.testing.assert_array_equal(decoded(data), image)


def test_threads_do_not_change_the_result(dng: Maker, samples: Maker) -> None:
    data = dng(samples((90, 130)), compression=7, tile=(16, 16))
    try:
        kernels.set_threads(1)
        one = decoded(data)
        kernels.set_threads(5)
        five = decoded(data)
    finally:
        kernels.set_threads(0)
    np.testing.assert_array_equal(one, five)


def test_byte_counts_of_uncompressed_strips_may_be_wrong(dng: Maker, samples: Maker) -> None:
    image = samples((20, 30))
    for raw in ({279: (4, 1)}, {279: None}):
        np.testing.assert_array_equal(decoded(dng(image, raw=raw)), image)


def test_a_single_jpeg_strip_needs_no_byte_count(dng: Maker, samples: Maker) -> None:
    # The IFD follows the samples; a JPEG says itself where it ends.
    image = samples((20, 30))
    np.testing.assert_array_equal(decoded(dng(image, compression=7, raw={279: None})), image)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({259: (3, 12345)}, "compression 12345 is not supported yet"),
        ({339: (3, 2)}, "signed"),
        ({339: (3, 3), 258: (3, 12)}, "12 bits per floating-point sample"),
        ({258: (3, 33)}, "33 bits per sample"),
        ({258: (3, 12), 259: (3, 34892)}, "lossy JPEG of 12-bit integer"),
        ({258: (3, 24), 259: (3, 52546)}, "JPEG XL of 24-bit integer"),
        ({258: (3, 12), 259: (3, 8)}, "deflate of 12-bit integer"),
        ({259: (3, 8), 317: (3, 3)}, "with predictor 3"),
        ({339: (3, 3), 259: (3, 8), 317: (3, 2)}, "with predictor 2"),
        ({339: (3, 3), 259: (3, 7)}, "lossless JPEG of 16-bit floating-point"),
        ({258: (3, 4)}, "4 bits per sample"),
        ({266: (3, 2)}, "reversed bit order"),
        ({50975: (4, 21)}, "20 rows or columns in 21 fields"),
        ({52547: (4, 31)}, "30 rows or columns in 31 fields"),
        ({50974: (3, [3, 2])}, "blocks of 2 x 3"),
        ({50974: (4, [1 << 30, 2])}, "in blocks of"),
        ({256: (4, 0)}, "0 x 20"),
        ({257: None}, "30 x 0"),
        ({256: (4, 10**9), 257: (4, 10**9)}, "claims 1000000000 x 1000000000"),
        ({257: (4, 10**6), 278: (4, 10**6)}, "cut short"),
        ({256: (4, 300)}, "cut short"),
        ({273: None}, "does not say where"),
        ({273: (4, 0xFFFFFFF0)}, "needs bytes up to"),
        ({278: (4, 1)}, "20 strips or tiles, 1 places"),
    ],
)
def test_what_is_not_read_is_refused(dng: Maker, samples: Maker, raw: dict[int, Any], reason: str) -> None:
    assert reason in refused(dng(samples((20, 30)), raw=raw))


@pytest.mark.parametrize("side", [0, 1 << 31])
def test_absurd_tiles_are_refused(dng: Maker, samples: Maker, side: int) -> None:
    assert "tiles are" in refused(dng(samples((20, 30)), tile=(16, 16), raw={322: (4, side)}))


def test_many_strips_on_the_same_bytes_are_refused(dng: Maker, samples: Maker) -> None:
    data = dng(samples((2, 2000)), raw={257: (4, 500), 278: (4, 2), 273: (4, [8] * 250), 279: (4, [8000] * 250)})
    assert "cut short" in refused(data)


def test_a_jpeg_of_other_size_than_its_tile_is_refused(dng: Maker, samples: Maker) -> None:
    bomb = bytearray(decode_bomb(samples))
    # A frame header that claims 65500 x 65500.
    at = bomb.index(b"\xff\xc3")
    bomb[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    with pytest.raises(TiffError, match="65500 x 65500"):
        codecs.decode_lossless_jpeg(bytes(bomb), (24, 36, 1))


def decode_bomb(samples: Maker) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(samples((24, 36), 12), lossless=True, predictor=1, bitspersample=12))


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc3", b"\xff\xd8" + b"\xff" * 50, bytes(100)])
def test_what_is_no_lossless_jpeg_is_refused(data: bytes) -> None:
    with pytest.raises(TiffError, match="not a lossless JPEG"):
        codecs.decode_lossless_jpeg(data, (8, 8, 1))


def test_lossy_jpeg_is_refused() -> None:
    data = imagecodecs.jpeg8_encode(np.zeros((8, 8), np.uint8))
    with pytest.raises(TiffError, match="lossy JPEG"):
        codecs.decode_lossless_jpeg(bytes(data), (8, 8, 1))


def test_too_few_bytes_for_a_compressed_tile_are_refused(dng: Maker) -> None:
    # 4 million samples can't be in a JPEG of a few hundred bytes, nor 400 million in a deflate strip of a megabyte.
    data = dng(np.zeros((20, 30), np.uint16), compression=7, raw={256: (4, 2000), 257: (4, 2000), 278: (4, 2000)})
    assert "can't hold" in refused(data)
    data = dng(np.zeros((20, 30), np.uint16), compression=8, raw={256: (4, 20000), 257: (4, 19999), 278: (4, 19999)})
    assert "can't hold" in refused(data)


def test_damaged_deflate_is_refused(dng: Maker, samples: Maker) -> None:
    data = bytearray(dng(samples((20, 30)), compression=8))
    data[8:12] = b"\0\0\0\0"
    assert "damaged" in refused(bytes(data))
    assert "damaged" in refused(dng(samples((20, 30)), compression=8, raw={257: (4, 21)}))

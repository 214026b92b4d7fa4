"""Every sample type and compression of DNG 1.7.1, against an independent writer, tifffile and Adobe's SDK."""

import io
import itertools
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from fotohaus.raw import codecs, decode, layout
from fotohaus.raw.dng_read import raw_ifd, read_dng
from fotohaus.raw.image import RawImage
from fotohaus.raw.jpeg_frame import jxl_frame
from fotohaus.raw.tiff import Source, Tiff, TiffError

Maker = Callable[..., Any]
JPEG_XL, LOSSY_JPEG = 52546, 34892
SDK = "import sys, dngpy, numpy as np; np.save(sys.argv[2], dngpy.Dng(sys.argv[1]).raw_pixels)"


def decoded(data: bytes) -> np.ndarray:
    ifd = raw_ifd(Tiff(Source(data)))
    return decode.decode(ifd, layout.read_layout(ifd))


def refused(data: bytes) -> str:
    with pytest.raises(TiffError) as error:
        decoded(data)
    return str(error.value)


def by_adobe(data: bytes, folder: Path) -> np.ndarray:
    """Stage 1 samples as Adobe's SDK reads them."""
    pytest.importorskip("dngpy")
    (folder / "a.dng").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", SDK, folder / "a.dng", folder / "a.npy"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "*** Error" not in done.stdout + done.stderr
    return np.load(folder / "a.npy").squeeze()


def unit(samples: Maker, shape: tuple[int, ...], bits: int) -> np.ndarray:
    """Floats that a format of so many bits holds exactly, some of them 0, some above 1."""
    values = samples(shape).astype(np.float32) / 40000
    values.flat[:3] = 0, 1, 2**-10
    if bits == 16:
        return values.astype(np.float16).astype(np.float32)
    return (values.view(np.uint32) & 0xFFFFFF80).view(np.float32) if bits == 24 else values


PLACINGS: list[dict[str, Any]] = [{}, {"rows_per_strip": 7}, {"tile": (16, 32)}]
SHAPES = [(38, 50), (21, 17, 3), (21, 18, 1)]


@pytest.mark.parametrize("bits", [16, 24, 32])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("placing", PLACINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_floats(
    dng: Maker, samples: Maker, bits: int, order: str, placing: dict[str, Any], shape: tuple[int, ...]
) -> None:
    image = unit(samples, shape, bits)
    for predictor, compression in [(1, 1), *((p, 8) for p in (1, 3, 34894, 34895))]:
        data = dng(image, bits=bits, order=order, compression=compression, predictor=predictor, **placing)
        out = decoded(data)
        assert out.dtype == np.float32
        np.testing.assert_array_equal(out, image.squeeze())


def test_small_and_special_floats_of_24_bits() -> None:
    codes = np.array([0, 1, 0xFFFF, 0x10000, 0x800001, 0x3F0000, 0x7EFFFF, 0xBF8000], ">u4")
    data = codes.view(np.uint8).reshape(-1, 4)[:, 1:].tobytes()
    ours = codecs._float24(np.frombuffer(data, np.uint8).reshape(-1, 3))
    np.testing.assert_array_equal(ours, imagecodecs.float24_decode(data, byteorder=">"))
    assert ours[5] == 1.0
    odd = codecs._float24(np.frombuffer(b"\x7f\0\0\xff\0\0\x7f\0\1", np.uint8).reshape(-1, 3))
    assert np.isposinf(odd[0])
    assert np.isneginf(odd[1])
    assert np.isnan(odd[2])


def test_what_is_not_a_number_becomes_one(dng: Maker) -> None:
    image = np.array([[np.nan, np.inf, -np.inf, 0.5]], np.float32)
    out = decoded(dng(image, bits=32))
    assert np.isfinite(out).all()
    assert out[0, 0] == 0
    assert out[0, 1] > 1e30
    assert out[0, 3] == 0.5


@pytest.mark.parametrize("bits", [17, 20, 24, 32])
@pytest.mark.parametrize("order", ["<", ">"])
def test_integers_of_more_than_16_bits(dng: Maker, bits: int, order: str) -> None:
    image = np.random.default_rng(0).integers(0, 1 << bits, (20, 33)).astype(np.uint32)
    out = decoded(dng(image, bits=bits, order=order))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, image.astype(np.float32))


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("predictor", [1, 2, 34892, 34893])
@pytest.mark.parametrize("shape", SHAPES)
def test_deflate_of_integers(dng: Maker, samples: Maker, bits: int, predictor: int, shape: tuple[int, ...]) -> None:
    image = samples(shape, min(bits, 16)).astype(np.uint32) * (65537 if bits == 32 else 1)
    for order, placing in itertools.product("<>", PLACINGS):
        data = dng(image, bits=bits, order=order, compression=8, predictor=predictor, **placing)
        np.testing.assert_array_equal(decoded(data), image.squeeze().astype(np.float32 if bits == 32 else np.uint16))


@pytest.mark.parametrize("shape", [(20, 30, 3), (21, 17, 3)])
@pytest.mark.parametrize("placing", PLACINGS)
@pytest.mark.parametrize("compression", [1, 7, 8, JPEG_XL])
def test_separate_planes(
    dng: Maker, samples: Maker, shape: tuple[int, ...], placing: dict[str, Any], compression: int
) -> None:
    image = samples(shape)
    np.testing.assert_array_equal(decoded(dng(image, separate=True, compression=compression, **placing)), image)


@pytest.mark.parametrize("fields", [(2, 1), (1, 2), (2, 2), (3, 2), (4, 4)])
@pytest.mark.parametrize("shape", [(38, 50), (37, 51), (21, 17, 3)])
@pytest.mark.parametrize("placing", PLACINGS)
def test_interleaved_rows_and_columns(
    dng: Maker, samples: Maker, fields: tuple[int, int], shape: tuple[int, ...], placing: dict[str, Any]
) -> None:
    image = samples(shape)
    np.testing.assert_array_equal(decoded(dng(image, fields=fields, **placing)), image)


@pytest.mark.parametrize("block", [(2, 2), (4, 8), (16, 1)])
def test_blocks_within_tiles(dng: Maker, samples: Maker, block: tuple[int, int]) -> None:
    for shape in ((38, 50), (21, 17, 3)):
        image = samples(shape)
        np.testing.assert_array_equal(decoded(dng(image, block=block, tile=(16, 16))), image)
    image = samples((32, 48))
    np.testing.assert_array_equal(decoded(dng(image, block=block)), image)


# Lossless JPEG


def test_a_stray_marker_in_a_lossless_jpeg_is_damage(samples: Maker) -> None:
    plane = samples((64, 64), 12).squeeze().astype(np.uint16)
    whole = imagecodecs.jpeg8_encode(plane, lossless=True, predictor=1, bitspersample=16)
    assert np.array_equal(codecs.decode_lossless_jpeg(whole, (64, 64, 1))[..., 0], plane)
    middle = len(whole) // 2 - (whole[len(whole) // 2 - 1] == 0xFF)
    # Decoders go over an APP1 segment, and make something up for the samples that it took the place of.
    for marker in (b"\xff\xe1", b"\xff\xfe", b"\xff\x01", b"\xff\x42"):
        with pytest.raises(TiffError, match="marker amid"):
            codecs.decode_lossless_jpeg(whole[:middle] + marker + whole[middle + 2 :], (64, 64, 1))
    # What lies behind the end is nobody's.
    assert np.array_equal(codecs.decode_lossless_jpeg(whole + b"\xff\xe1\0", (64, 64, 1))[..., 0], plane)


# JPEG XL


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("placing", PLACINGS)
def test_lossless_jpeg_xl(
    dng: Maker, samples: Maker, bits: int, shape: tuple[int, ...], placing: dict[str, Any]
) -> None:
    image = samples(shape, bits)
    out = decoded(dng(image, bits=bits, compression=JPEG_XL, **placing))
    np.testing.assert_array_equal(out, image.squeeze())


@pytest.mark.parametrize("shape", SHAPES)
def test_jpeg_xl_of_floats(dng: Maker, samples: Maker, shape: tuple[int, ...]) -> None:
    for bits in (16, 32):
        image = unit(samples, shape, bits) / 2
        np.testing.assert_array_equal(
            decoded(dng(image, bits=bits, compression=JPEG_XL, tile=(16, 16))), image.squeeze()
        )


def test_a_bayer_mosaic_in_jpeg_xl_is_four_images(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    image = samples((64, 96), 14)
    data = dng(image, bits=16, compression=JPEG_XL, fields=(2, 2), tile=(32, 48))
    np.testing.assert_array_equal(decoded(data), image)
    np.testing.assert_array_equal(by_adobe(data, tmp_path), image)


def test_a_depth_other_than_the_files_is_scaled(dng: Maker, samples: Maker) -> None:
    image = samples((16, 16), 12)
    out = decoded(dng(image, bits=12, compression=JPEG_XL, raw={258: (3, 16)}))
    np.testing.assert_array_equal(out, np.rint(image * (65535 / 4095)))


def test_levels_beyond_the_files_depth_are_for_16_bits(dng: Maker, samples: Maker) -> None:
    """As Apple writes ProRAW, and Adobe's SDK reads it."""
    image = samples((24, 32, 3), 10)
    scaled = np.rint(image * (65535 / 1023))

    def read(**raw: Any) -> RawImage:
        fields = {int(tag[1:]): value for tag, value in raw.items()}
        return read_dng(Source(dng(image, bits=10, compression=JPEG_XL, raw=fields)))

    table = np.arange(65536) // 2
    by_white, by_table = read(t50717=(4, [65535] * 3)), read(t50712=(3, table.tolist()), t50717=(4, [32767] * 3))
    np.testing.assert_array_equal(by_white.mosaic, scaled)
    np.testing.assert_array_equal(by_white.white, [[65535] * 3])
    np.testing.assert_array_equal(by_table.mosaic, scaled // 2)
    np.testing.assert_array_equal(read(t50717=(4, [1000] * 3)).mosaic, image)
    np.testing.assert_array_equal(read(t50712=(3, (table[:1024] * 4).tolist())).mosaic, image // 2 * 4)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (8, 16), (24, 32), (100, 100), (600, 800), (1200, 1000), (9000, 3)])
@pytest.mark.parametrize("container", [False, True])
def test_jpeg_xl_headers(size: tuple[int, int], container: bool) -> None:
    for kind, gray, bits in (
        (np.uint8, False, 8),
        (np.uint16, True, 12),
        (np.uint16, False, 16),
        (np.float16, True, 16),
    ):
        image = np.zeros(size if gray else (*size, 3), kind)
        depth = {} if kind == np.float16 else {"bitspersample": bits}
        for distance in ({"lossless": True}, {"distance": 1.0}):
            photometric = "minisblack" if gray else "rgb"
            data = imagecodecs.jpegxl_encode(
                image, effort=1, photometric=photometric, usecontainer=container, **depth, **distance
            )
            frame = jxl_frame(bytes(data))
            assert (frame.height, frame.width, frame.bits, frame.floating) == (*size, bits, kind == np.float16)


def test_jpeg_xl_of_another_size_than_its_tile_is_refused(dng: Maker, samples: Maker) -> None:
    data = dng(samples((20, 30)), compression=JPEG_XL, raw={257: (4, 21), 278: (4, 21)})
    assert "JPEG XL image of 30 x 20 for 30 x 21 x 1" in refused(data)
    assert "samples for" in refused(dng(samples((20, 30, 3)), compression=JPEG_XL, raw={277: (3, 1), 258: (3, 16)}))
    assert "another sample type" in refused(dng(samples((20, 30)), compression=JPEG_XL, raw={339: (3, 3)}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\x0a",
        b"\xff\x0a" + bytes(2),
        bytes(64),
        b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(20),
        b"\xff\x0a" + b"\xff" * 60,
    ],
)
def test_what_is_no_jpeg_xl_is_refused(data: bytes) -> None:
    with pytest.raises(TiffError):
        codecs.decode_jpeg_xl(data, (8, 8, 1), _layout(8), 1)


def _layout(bits: int) -> Any:
    class Made:
        floating = False

    made = Made()
    made.bits = bits  # type: ignore[attr-defined]
    return made


def test_a_jpeg_xl_that_claims_much_from_few_bytes_is_refused(dng: Maker) -> None:
    side = {256: (4, 19000), 257: (4, 19000), 278: (4, 19000)}
    assert "can't hold" in refused(dng(np.zeros((8, 8), np.uint16), compression=JPEG_XL, raw=side))


def test_a_dark_photo_of_a_phone_is_believed(dng: Maker) -> None:
    """48 MP of three samples in a megabyte."""

    def claim(side: int) -> None:
        fields = {256: (4, side), 257: (4, side), 278: (4, side), 279: (4, 1_000_000)}
        data = dng(np.zeros((8, 8, 3), np.uint16), compression=JPEG_XL, raw=fields)
        layout.read_layout(raw_ifd(Tiff(Source(data + bytes(1_000_000)))))

    claim(7000)
    with pytest.raises(TiffError, match="can't hold"):
        claim(10000)


@pytest.mark.parametrize("container", [False, True])
def test_damaged_jpeg_xl_is_refused(samples: Maker, container: bool) -> None:
    image = samples((16, 16), 8).astype(np.uint8)
    whole = bytes(imagecodecs.jpegxl_encode(image, lossless=True, photometric="minisblack", usecontainer=container))
    rng = np.random.default_rng(0)
    for i in range(300):
        data = bytearray(whole[: len(whole) - i % 40])
        for at in rng.integers(2, len(data), i % 3):
            data[at] = rng.integers(0, 256)
        # Nothing but TiffError may come out.
        with suppress(TiffError):
            assert codecs.decode_jpeg_xl(bytes(data), (16, 16, 1), _layout(8), 1).shape == (16, 16, 1)


# Lossy JPEG


@pytest.mark.parametrize("placing", [{}, {"tile": (16, 32)}, {"rows_per_strip": 8}])
def test_lossy_jpeg(dng: Maker, samples: Maker, placing: dict[str, Any], tmp_path: Path) -> None:
    image = np.repeat(samples((32, 64, 1), 8), 3, axis=2)
    data = dng(image, bits=8, compression=LOSSY_JPEG, **placing)
    out = decoded(data)
    assert abs(out.astype(int) - image).mean() < 3
    np.testing.assert_array_equal(out, by_adobe(data, tmp_path))


def test_jpegs_that_do_not_fit_are_refused(dng: Maker, samples: Maker) -> None:
    image = samples((16, 16, 3), 8)
    assert "JPEG of 16 x 16 x 3" in refused(
        dng(image, bits=8, compression=LOSSY_JPEG, raw={257: (4, 17), 278: (4, 17)})
    )
    lossless = dng(image, bits=8, compression=7, frame="rgb", raw={259: (3, LOSSY_JPEG)})
    assert "neither baseline nor lossless" in refused(lossless)
    progressive = bytearray(dng(image, bits=8, compression=LOSSY_JPEG))
    at = progressive.index(b"\xff\xc0")
    progressive[at + 1] = 0xC2
    assert "neither baseline" in refused(bytes(progressive))


# Against other readers


KINDS: list[tuple[str, dict[str, Any]]] = [
    ("float", {"bits": 16, "compression": 8, "predictor": 3, "tile": (16, 16)}),
    ("float", {"bits": 24, "compression": 8, "predictor": 34894, "tile": (16, 16)}),
    ("float", {"bits": 32, "compression": 8, "predictor": 34895, "tile": (16, 16)}),
    ("float", {"bits": 16}),
    ("float", {"bits": 24}),
    ("float", {"bits": 32, "order": ">"}),
    ("integer", {"bits": 16, "fields": (2, 1)}),
    ("integer", {"bits": 16, "fields": (2, 2)}),
    ("integer", {"bits": 16, "block": (2, 4), "tile": (16, 16)}),
    ("integer", {"bits": 12}),
    ("color", {"bits": 16, "compression": JPEG_XL, "tile": (16, 16)}),
    ("color", {"bits": 8, "compression": JPEG_XL, "quality": 1.0}),
    ("mono", {"bits": 16, "compression": JPEG_XL}),
    ("mono", {"bits": 16, "compression": 7}),
]


@pytest.mark.parametrize(("kind", "choice"), KINDS)
def test_samples_are_those_that_adobe_reads(
    dng: Maker, samples: Maker, kind: str, choice: dict[str, Any], tmp_path: Path
) -> None:
    shape = {"float": (38, 50), "integer": (38, 50), "color": (32, 48, 3), "mono": (32, 48, 1)}[kind]
    image = unit(samples, shape, choice["bits"]) / 2 if kind == "float" else samples(shape, choice["bits"])
    data = dng(image, **choice, main={50706: (1, [1, 7, 1, 0]), 50707: (1, [1, 7, 1, 0])})
    ours, theirs = decoded(data), by_adobe(data, tmp_path)
    # Lossy decoding rounds, and by at most one.
    np.testing.assert_allclose(ours.astype(float), theirs.astype(float), atol=1 if "quality" in choice else 0, rtol=0)


@pytest.mark.parametrize(("bits", "predictor"), [(16, 1), (16, 3), (24, 1), (32, 1), (32, 3)])
def test_floats_are_those_that_tifffile_reads(dng: Maker, samples: Maker, bits: int, predictor: int) -> None:
    data = dng(unit(samples, (38, 50), bits), bits=bits, compression=8, predictor=predictor, tile=(16, 16))
    np.testing.assert_array_equal(decoded(data), tifffile.imread(io.BytesIO(data)))

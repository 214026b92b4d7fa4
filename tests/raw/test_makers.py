"""Files as their makers are known to write them, where they take the standard loosely or go their own way in it."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest

from fotohaus.raw import RawImage, describe, read_raw
from fotohaus.raw.image import Rectangle

Maker = Callable[..., Any]
BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
HEIGHT, WIDTH = 48, 64
WHOLE = Rectangle(0, 0, HEIGHT, WIDTH)
LEVELS = {50714: (SHORT, 0), 50717: (LONG, 65535)}


def read(tmp_path: Path, data: bytes) -> tuple[RawImage, dict[str, Any]]:
    """A file, and what `fotohaus info` shows of it."""
    path = tmp_path / "a.dng"
    path.write_bytes(data)
    return read_raw(path), describe(path)


def jpeg(samples: Any, predictor: int = 1) -> bytes:
    image = np.ascontiguousarray(samples)
    return bytes(imagecodecs.jpeg8_encode(image, lossless=True, predictor=predictor, bitspersample=16))


def restarting(samples: Any, rows: int) -> bytes:
    """A lossless JPEG, all categories in codes of five bits, that begins anew every so many rows (T.81, H.1.1)."""
    height, width, planes = samples.shape

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    components = [bytes([i + 1]) for i in range(planes)]
    out = b"\xff\xd8" + segment(
        0xC3, struct.pack(">B2HB", 16, height, width, planes) + b"\x11\0".join([*components, b""])
    )
    out += segment(0xC4, bytes([0, 0, 0, 0, 0, 17, *[0] * 11, *range(17)])) + segment(
        0xDD, struct.pack(">H", rows * width)
    )
    out += segment(0xDA, bytes([planes]) + b"\0".join([*components, b""]) + b"\1\0\0")
    for number, top in enumerate(range(0, height, rows)):
        part = samples[top : top + rows].astype(int)
        predicted = np.roll(part, 1, 1)
        predicted[1:, 0], predicted[0, 0] = part[:-1, 0], 1 << 15
        differences = (part - predicted + 32768) % 65536 - 32768
        coded = ""
        for value in differences.ravel().tolist():
            size = abs(value).bit_length()
            coded += f"{size:05b}"
            if 0 < size < 16:
                coded += f"{value if value > 0 else value + (1 << size) - 1:0{size}b}"
        coded += "1" * (-len(coded) % 8)
        data = int(coded, 2).to_bytes(len(coded) // 8, "big").replace(b"\xff", b"\xff\0")
        out += data if number == 0 else bytes([0xFF, 0xD0 + (number - 1) % 8]) + data
    return out + b"\xff\xd9"


def placed(plain: bytes, data: bytes) -> bytes:
    """A DNG with one strip of other bytes in place of its own."""
    out = bytearray(plain)
    first, at = int.from_bytes(out[4:8], "little"), len(out)
    for entry in range(first + 2, first + 2 + 12 * int.from_bytes(out[first : first + 2], "little"), 12):
        tag = int.from_bytes(out[entry : entry + 2], "little")
        if tag in (273, 279):
            out[entry + 8 : entry + 12] = (at if tag == 273 else len(data)).to_bytes(4, "little")
    return bytes(out) + data


# Fields

NOTHING = {50719: (RATIONAL, [0, 0, 0, 0]), 50720: (RATIONAL, [0, 0, 0, 0])}
LOOSE: dict[str, dict[int, Any]] = {
    "a drone's series: areas of nothing": NOTHING | {50829: (LONG, [0, 0, 0, 0])},
    "a drone's series: crop of nothing": NOTHING,
    "a tile's size beside strips": {322: (LONG, WIDTH), 323: (LONG, HEIGHT)},
    "no rows in a strip": {278: (LONG, 0)},
    "as many rows as can be in a strip": {278: (LONG, 2**32 - 1)},
    "length of the strip of a narrower picture": {279: (LONG, HEIGHT * (WIDTH - 8) * 2)},
    "neither planes nor samples": {277: None, 284: None},
    "four white levels": {50717: (LONG, [65535] * 4)},
    "no kind of picture": {254: None},
}


@pytest.mark.parametrize("name", LOOSE)
def test_loose_fields(dng: Maker, samples: Maker, tmp_path: Path, name: str) -> None:
    stored = samples((HEIGHT, WIDTH))
    image, facts = read(tmp_path, dng(stored, raw=LEVELS | LOOSE[name]))
    np.testing.assert_array_equal(image.mosaic, stored)
    assert image.crop == WHOLE
    np.testing.assert_array_equal(image.white, np.full((2, 2), 65535))
    assert facts["raw"]["active_area"] == f"{WIDTH} x {HEIGHT} at 0, 0"
    assert "not_supported" not in facts


def test_four_black_levels_are_those_of_the_four_filters(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    image, facts = read(tmp_path, dng(samples((HEIGHT, WIDTH)), raw=LEVELS | {50714: (SHORT, [60, 61, 62, 64])}))
    np.testing.assert_array_equal(image.black, [[60, 61], [62, 64]])
    assert np.ravel(facts["raw"]["black"]).tolist() == [60, 61, 62, 64]


def test_black_levels_of_a_bayer_pattern_for_linear_raw(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    """Phones write 12 numbers for three planes."""
    levels = {50713: (SHORT, [2, 2]), 50714: (SHORT, [60, 61, 62] * 4), 50717: (LONG, [65535] * 3)}
    image, _ = read(tmp_path, dng(samples((HEIGHT, WIDTH, 3)), raw=levels))
    np.testing.assert_array_equal(image.black, [[60, 61, 62]])


def test_of_two_samples_at_a_pixel_the_first_counts(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    """Large and small pixels beside each other, as a converter stores them."""
    both = samples((HEIGHT, WIDTH, 2))
    mosaic = {262: (SHORT, 32803), 33421: (SHORT, [2, 2]), 33422: (BYTE, [0, 1, 1, 2])}
    levels = {50714: (SHORT, [10, 20]), 50717: (LONG, [65535, 65535])}
    color = {50721: (SRATIONAL, [7, 10, 0, 1, 0, 1, 0, 1, 9, 10, 0, 1, 0, 1, 0, 1, 8, 10]), 50778: (SHORT, 21)}
    for choice in ({}, {"compression": 7, "frame": "pairs", "tile": (16, 32)}):
        image, facts = read(tmp_path, dng(both, raw=mosaic | levels, main=color, **choice))
        np.testing.assert_array_equal(image.mosaic, both[..., 0])
        np.testing.assert_array_equal(image.black, np.full((2, 2), 10))
        assert image.cfa == facts["raw"]["cfa"] == "RGGB"


def test_what_the_camera_did_in_the_first_directory(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    taken = {33434: (RATIONAL, [1, 100]), 33437: (RATIONAL, [28, 10]), 34855: (SHORT, 320)}
    image, _ = read(tmp_path, dng(samples((HEIGHT, WIDTH)), main=taken))
    assert image.capture.iso == 320
    assert image.capture.f_number == pytest.approx(2.8)


# Samples


@pytest.mark.parametrize("predictor", range(1, 8))
def test_lossless_jpeg_of_every_predictor(dng: Maker, samples: Maker, tmp_path: Path, predictor: int) -> None:
    """Phones take the seventh; drones and cinema cameras the sixth, with two rows in one."""
    stored = samples((HEIGHT, WIDTH))
    plain = dng(stored, compression=7, raw=LEVELS)
    for data in (jpeg(stored, predictor), jpeg(stored.reshape(HEIGHT // 2, WIDTH * 2), predictor)):
        image, facts = read(tmp_path, placed(plain, data))
        np.testing.assert_array_equal(image.mosaic, stored)
        assert facts["raw"]["compression"] == "lossless JPEG"


@pytest.mark.parametrize("rows", [1, 5, HEIGHT])
def test_lossless_jpeg_that_begins_anew(dng: Maker, samples: Maker, tmp_path: Path, rows: int) -> None:
    stored = samples((HEIGHT, WIDTH, 3))
    levels = {50714: (SHORT, [0] * 3), 50717: (LONG, [65535] * 3)}
    image, _ = read(tmp_path, placed(dng(stored, compression=7, frame="rgb", raw=levels), restarting(stored, rows)))
    np.testing.assert_array_equal(image.mosaic, stored)


@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xd9\0\0\0"])
def test_lossless_jpeg_whose_end_is_cut_or_padded(dng: Maker, samples: Maker, tmp_path: Path, end: bytes) -> None:
    stored = samples((HEIGHT, WIDTH))
    image, _ = read(tmp_path, placed(dng(stored, compression=7, raw=LEVELS), jpeg(stored)[:-2] + end))
    np.testing.assert_array_equal(image.mosaic, stored)


def test_jpeg_xl_in_containers(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    """Phones write boxes around each picture, converters do without."""
    stored = samples((HEIGHT, WIDTH, 3))
    levels = {50714: (SHORT, [0] * 3), 50717: (LONG, [65535] * 3)}
    data = bytes(imagecodecs.jpegxl_encode(stored, lossless=True, photometric="rgb", usecontainer=True))
    assert data[4:8] == b"JXL "
    image, facts = read(tmp_path, placed(dng(stored, compression=52546, raw=levels), data))
    np.testing.assert_array_equal(image.mosaic, stored)
    assert facts["raw"]["compression"] == "JPEG XL"

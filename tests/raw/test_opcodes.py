"""Opcodes to data and back, and those that are applied while reading."""

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.raw import opcode_types as types
from fotohaus.raw.apply_opcodes import apply_opcodes, fix_bad_pixels
from fotohaus.raw.dng_read import read_dng
from fotohaus.raw.image import GainMap, OtherOpcode, RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode
from fotohaus.raw.opcodes import encode_opcodes, parse_opcodes
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.report import Report

Maker = Callable[..., Any]
UNDEFINED, SHORT, LONG = 7, 3, 4
AREA = Rectangle(2, 3, 20, 31)
LINES = np.linspace(0.5, 1.5, 10, dtype=np.float32)
COLUMNS = np.linspace(0.5, 1.5, 11, dtype=np.float32)

ALL: list[Opcode] = [
    types.WarpRectilinear(((1, 0.1, 0.01, 0.001, 0.02, 0.03),) * 3, (0.5, 0.25)),
    types.WarpFisheye(((1, 0.1, 0.01, 0.001),), (0.5, 0.25)),
    types.WarpRectilinear2(
        ((1.0, *[0.01] * 14, 0.1, 0.2),) * 3, ((0, 1), (0, 0.9), (0.1, 1)), (0.5, 0.5), True, dng_version=0x01060000
    ),
    types.FixVignetteRadial((0.1, 0.2, 0.3, 0.4, 0.5), (0.4, 0.6), flags=0),
    types.FixBadPixelsConstant(17, 3),
    types.FixBadPixelsList(1, np.array([[1, 2], [3, 4]]), np.array([[5, 6, 7, 8]])),
    types.TrimBounds(AREA),
    types.MapTable(AREA, 2, 3, 0, 1, np.arange(300, dtype=np.uint16)),
    types.MapPolynomial(AREA, 1, 1, 1, 2, (0.0, 0.5, 0.5)),
    GainMap(AREA, 2, 2, 0, 1, 0.1, 0.2, 0.5, 0.25, np.ones((3, 4, 2), np.float32)),
    types.DeltaPerRow(AREA, 2, 3, 0, 1, LINES),
    types.DeltaPerColumn(AREA, 2, 3, 0, 1, COLUMNS),
    types.ScalePerRow(AREA, 2, 3, 0, 1, LINES),
    types.ScalePerColumn(AREA, 2, 3, 0, 1, COLUMNS),
    OtherOpcode(99, 0x01070000, 3, b"something"),
]


@pytest.mark.parametrize("opcode", ALL, ids=lambda o: type(o).__name__)
def test_opcodes_come_back_byte_by_byte(opcode: Opcode) -> None:
    data = encode_opcodes([opcode])
    (again,) = parse_opcodes(data)
    assert type(again) is type(opcode)
    assert encode_opcodes([again]) == data
    assert (again.dng_version, again.flags, again.optional) == (opcode.dng_version, opcode.flags, opcode.optional)


def test_adobes_sdk_takes_every_opcode(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    pytest.importorskip("dngpy")
    color = [o for o in ALL if not isinstance(o, (types.FixBadPixelsConstant, types.FixBadPixelsList, OtherOpcode))]
    version = {50706: (1, [1, 7, 1, 0]), 50707: (1, [1, 7, 1, 0])}
    for planes, opcodes in (
        (3, color),
        (1, [o for o in ALL if isinstance(o, (types.FixBadPixelsList, types.FixBadPixelsConstant))]),
    ):
        image = samples((40, 60, 3) if planes == 3 else (40, 60))
        path = tmp_path / "a.dng"
        path.write_bytes(dng(image, raw={51022: (UNDEFINED, encode_opcodes(opcodes))}, main=version))
        script = "import sys, dngpy; dngpy.Dng(sys.argv[1])"
        done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("opcode", ALL[:-1], ids=lambda o: type(o).__name__)
def test_what_is_cut_short_or_too_long_is_refused_or_carried(opcode: Opcode) -> None:
    head, data = encode_opcodes([opcode])[:20], encode_opcodes([opcode])[20:]
    for wrong in (b"", data[:-1], data[:7], data + b"\0"):
        if wrong == data + b"\0" and isinstance(opcode, GainMap):
            continue  # Bytes after the gains harm nobody, and some writers have them.
        for flags in (0, 1):
            stored = head[:12] + struct.pack(">2I", flags, len(wrong)) + wrong
            if flags:
                assert parse_opcodes(stored) == (OtherOpcode(opcode.opcode_id, opcode.dng_version, 1, wrong),)
            else:
                with pytest.raises(TiffError, match="damaged"):
                    parse_opcodes(stored)


@pytest.mark.parametrize(
    "wrong",
    [
        types.WarpRectilinear(((np.nan, 0, 0, 0, 0, 0),), (0.5, 0.5)),
        types.WarpRectilinear(((1.0, 0, 0, 0, 0, 0),) * 5, (0.5, 0.5)),
        types.WarpFisheye(((1.0, 0, 0, np.inf),), (0.5, 0.5)),
        types.WarpFisheye((), (0.5, 0.5)),
        types.WarpRectilinear2(((1.0, *[0.0] * 16),), ((0.9, 0.1),), (0.5, 0.5), False),
        types.FixVignetteRadial((0.1, 0, 0, 0, 0), (0.5, np.nan)),
        types.FixBadPixelsConstant(1, 4),
        types.MapTable(AREA, 1, 1, 0, 1, np.zeros(0, np.uint16)),
        types.MapTable(AREA, 0, 1, 0, 1, np.zeros(5, np.uint16)),
        types.MapPolynomial(AREA, 1, 1, 0, 1, (1.0,) * 10),
        types.MapPolynomial(AREA, 1, 1, 0, 0, (1.0,)),
        types.DeltaPerRow(AREA, 2, 3, 0, 1, LINES[1:]),
        types.ScalePerColumn(AREA, 2, 3, 0, 1, LINES),
        types.ScalePerColumn(AREA, 2, 3, 0, 1, np.full(11, np.nan, np.float32)),
        types.TrimBounds(Rectangle(5, 5, 0, 9)),
    ],
    ids=lambda o: type(o).__name__,
)
def test_numbers_that_make_no_sense(wrong: Opcode) -> None:
    data = bytearray(encode_opcodes([wrong]))
    assert isinstance(parse_opcodes(bytes(data))[0], OtherOpcode)
    data[12:16] = bytes(4)
    with pytest.raises(TiffError, match="damaged"):
        parse_opcodes(bytes(data))


def test_a_list_of_bad_pixels_without_end_is_refused_before_it_is_read() -> None:
    data = struct.pack(">I4I3I", 1, 5, 0x01030000, 0, 12, 0, 2**32 - 1, 2**32 - 1)
    with pytest.raises(TiffError, match="cut short"):
        parse_opcodes(data)


def test_opcodes_of_newer_versions_are_carried() -> None:
    data = bytearray(encode_opcodes([ALL[4]]))
    data[8:12] = struct.pack(">I", 0x01080000)
    assert isinstance(parse_opcodes(bytes(data))[0], OtherOpcode)


# Applied while reading


def applied(samples: np.ndarray, *opcodes: Opcode) -> np.ndarray:
    out = samples.copy()
    assert apply_opcodes(out, opcodes, Report()) == ()
    return out


def test_lines_are_shifted_and_scaled() -> None:
    flat = np.full((40, 60), 1000, np.uint16)
    out = applied(flat, types.DeltaPerRow(AREA, 2, 3, 0, 1, np.arange(10, dtype=np.float32)))
    expected = flat.copy()
    expected[2:22:2, 3:34:3] += np.arange(10, dtype=np.uint16)[:, None]
    np.testing.assert_array_equal(out, expected)
    out = applied(flat, types.ScalePerColumn(AREA, 2, 3, 0, 1, np.arange(11, dtype=np.float32)))
    expected = flat.copy()
    expected[2:22:2, 3:34:3] *= np.arange(11, dtype=np.uint16)
    np.testing.assert_array_equal(out, expected)
    out = applied(flat, types.DeltaPerColumn(AREA, 2, 3, 0, 1, np.full(11, -2000, np.float32)))
    assert (out[2:22:2, 3:34:3] == 0).all()
    out = applied(flat, types.ScalePerRow(AREA, 2, 3, 0, 1, np.full(10, 100, np.float32)))
    assert (out[2:22:2, 3:34:3] == 65535).all()


def test_tables_and_polynomials_count_in_samples() -> None:
    image = np.arange(6000, dtype=np.uint16).reshape(50, 40, 3)
    table = types.MapTable(Rectangle(0, 0, 50, 40), 1, 1, 1, 1, (np.arange(3000) * 2).astype(np.uint16))
    out = applied(image, table)
    np.testing.assert_array_equal(out[..., 1], np.minimum(image[..., 1], 2999) * 2)
    np.testing.assert_array_equal(out[..., [0, 2]], image[..., [0, 2]])
    curve = types.MapPolynomial(Rectangle(0, 0, 99, 99), 1, 1, 0, 9, (10, 0.5, 1e-4))
    np.testing.assert_array_equal(applied(image, curve), np.rint(10 + 0.5 * image + 1e-4 * image.astype(float) ** 2))


def test_gain_maps_multiply() -> None:
    flat = np.full((40, 60), 1000, np.uint16)
    gains = np.array([[1, 2], [1, 2]], np.float32)[..., None]
    out = applied(flat, GainMap(Rectangle(0, 0, 40, 60), 1, 1, 0, 1, 0, 0, 1, 1, gains))
    np.testing.assert_allclose(out[0], 1000 * (1 + (np.arange(60) + 0.5) / 60), atol=1)


def test_bad_pixels_are_interpolated_along_edges() -> None:
    y, x = np.mgrid[:40, :60]
    image = np.where(x < 30, 1000, 9000).astype(np.uint16) + (10 * y).astype(np.uint16)
    broken, bad = image.copy(), np.zeros(image.shape, bool)
    for place in ((0, 0), (10, 29), (11, 30), (20, 31), (39, 59), (5, 5), (5, 7)):
        broken[place], bad[place] = 0, True
    fix_bad_pixels(broken, bad)
    assert abs(broken.astype(int) - image).max() <= 30
    listed = types.FixBadPixelsList(0, np.array([[10, 29], [999, 0]]), np.array([[5, 5, 7, 8]]))
    broken = image.copy()
    broken[10, 29], broken[5:7, 5:8] = 65535, 0
    out = applied(broken, listed)
    assert abs(out.astype(int) - image).max() <= 60
    dead = image.copy()
    dead[7, 8] = 0
    assert abs(applied(dead, types.FixBadPixelsConstant(0, 0)).astype(int) - image).max() <= 30


def test_a_constant_that_half_the_image_has_is_not_believed() -> None:
    report, image = Report(), np.zeros((20, 20), np.uint16)
    apply_opcodes(image, [types.FixBadPixelsConstant(0, 0)], report)
    assert "marks 400 pixels" in report.warnings[0]


def test_list_1_comes_before_linearization_and_the_crop(dng: Maker, samples: Maker) -> None:
    stored = samples((40, 60), 8)
    shift = types.DeltaPerRow(Rectangle(0, 0, 40, 60), 1, 1, 0, 1, np.full(40, 3, np.float32))
    data = dng(
        stored,
        bits=8,
        raw={
            51008: (UNDEFINED, encode_opcodes([shift, ALL[0], ALL[-1]])),
            50712: (SHORT, [i * i for i in range(256)]),
            50717: None,
            50829: (LONG, [4, 6, 36, 56]),
        },
    )

    def read(**options: Any) -> RawImage:
        return read_dng(Source(data), **options)

    image = read()
    np.testing.assert_array_equal(image.mosaic, np.minimum(stored[4:36, 6:56] + 3, 255) ** 2)
    # What has no meaning there is left for whoever wants to know.
    assert [type(o) for o in image.opcodes_1] == [types.WarpRectilinear, OtherOpcode]
    image = read(off=("opcodes",))
    np.testing.assert_array_equal(image.mosaic, stored[4:36, 6:56] ** 2)
    assert len(image.opcodes_1) == 3

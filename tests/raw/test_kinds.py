"""Kinds of raw image: monochrome, floats, cells of several pixels, masked pixels, and which IFD."""

import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.develop import develop
from fotohaus.errors import ReadError
from fotohaus.raw import describe, read_raw
from fotohaus.raw.dng_read import read_dng
from fotohaus.raw.image import GainMap, RawImage, Rectangle
from fotohaus.raw.opcode_types import WarpRectilinear
from fotohaus.raw.opcodes import encode_opcodes
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.report import Report

Maker = Callable[..., Any]
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL, DOUBLE = 1, 2, 3, 4, 5, 7, 10, 12
MATRIX = [8000, 10000, -2000, 10000, -1000, 10000, -4000, 10000, 12000, 10000, 2000, 10000, -1000, 10000, 2000, 10000]


def read(data: bytes, **options: Any) -> RawImage:
    return read_dng(Source(data), "a/test.dng", **options)


def refused(data: bytes) -> str:
    with pytest.raises(TiffError) as error:
        read(data)
    return str(error.value)


# Monochrome


@pytest.mark.parametrize("choice", [{}, {"compression": 7}, {"compression": 52546}])
def test_monochrome(dng: Maker, samples: Maker, choice: dict[str, Any]) -> None:
    gray = samples((24, 32, 1), 14)
    level = {50714: (SHORT, 100), 50717: (LONG, 16000), 51041: (DOUBLE, [1e-4, 1e-8])}
    image = read(dng(gray, bits=14, raw=level, **choice))
    assert image.monochrome
    assert image.cfa is None
    np.testing.assert_array_equal(image.mosaic, np.repeat(gray, 3, 2))
    np.testing.assert_array_equal(image.black, [[100] * 3])
    np.testing.assert_array_equal(image.white, [[16000] * 3])
    assert image.mosaic.strides[2] == 0  # no copies
    assert image.noise is not None
    pixels = develop(image).pixels
    assert abs(pixels - pixels[..., :1]).max() < 2e-3


def test_matrices_for_one_plane_are_left_aside(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    one = {50721: (SRATIONAL, [3, 10, 5, 10, 2, 10]), 50728: (RATIONAL, [1, 1]), 50727: (RATIONAL, [1, 1])}
    data = dng(samples((24, 32, 1), 14), main=one)
    assert read(data).monochrome
    (tmp_path / "a.dng").write_bytes(data)
    assert describe(tmp_path / "a.dng")["raw"]["kind"] == "monochrome"


def test_a_mosaic_of_one_colour_is_monochrome(dng: Maker, samples: Maker) -> None:
    gray = samples((24, 32))
    image = read(dng(gray, raw={33422: (BYTE, [1, 1, 1, 1])}))
    assert image.monochrome
    np.testing.assert_array_equal(image.mosaic[..., 1], gray)


# Floats


def test_floats_keep_their_precision(dng: Maker) -> None:
    light = np.geomspace(1e-6, 1, 24 * 32, dtype=np.float32).reshape(24, 32)
    image = read(dng(light, bits=32, compression=8, predictor=3))
    assert image.mosaic.dtype == np.float32
    np.testing.assert_array_equal(image.mosaic, light)
    np.testing.assert_array_equal(image.white, np.ones((2, 2)))
    whole = image.quantized()
    assert whole.mosaic.dtype == np.uint16
    np.testing.assert_allclose((whole.mosaic - whole.black[0, 0]) / 65535, light, atol=1 / 65535)
    assert whole.quantized() is whole


def test_floats_with_levels_of_their_own(dng: Maker) -> None:
    light = np.linspace(-0.1, 1.3, 24 * 32, dtype=np.float32).reshape(24, 32) * 1000 + 64
    image = read(dng(light, bits=32, raw={50714: (SHORT, 64), 50717: (LONG, 1064)}))
    np.testing.assert_array_equal(image.mosaic, light)
    whole = image.quantized()
    again = (whole.mosaic - whole.black[0, 0]) / (whole.white[0, 0] - whole.black[0, 0])
    # DNG 1.7.1 chapter 5: what is above white is clipped.
    np.testing.assert_allclose(again, ((light - 64) / 1000).clip(-0.064, 1), atol=2e-5)


def test_absurd_floats_are_bounded(dng: Maker) -> None:
    image = read(dng(np.array([[np.inf, -np.inf, np.nan, 1e30]] * 2, np.float32), bits=32))
    assert abs(image.mosaic).max() <= 65536


def test_black_levels_of_floats_are_taken_off_unrounded(dng: Maker, samples: Maker) -> None:
    light = samples((12, 16)).astype(np.float32) / 65535 + 1
    image = read(dng(light, bits=32, raw={50716: (SRATIONAL, [v for i in range(12) for v in (i, 100)])}))
    np.testing.assert_allclose(image.mosaic, light - np.arange(12)[:, None] / 100, rtol=1e-6)
    # Samples are scaled by white less the highest black level.
    np.testing.assert_allclose(image.white - image.black, 1 - 0.11, rtol=1e-5)


# Levels


def test_white_of_each_position_leaves_the_range_of_the_highest_black(dng: Maker, samples: Maker) -> None:
    raw = {50713: (SHORT, [2, 2]), 50714: (SHORT, [60, 61, 62, 64]), 50717: (LONG, 1000)}
    image = read(dng(samples((12, 16), 10), raw=raw))
    np.testing.assert_array_equal(image.white - image.black, np.full((2, 2), 1000 - 64))


def test_black_levels_of_linear_raw_that_repeat(dng: Maker, samples: Maker) -> None:
    light = samples((12, 16, 3), 12)
    level = np.arange(12).reshape(2, 2, 3) * 10
    stored = light + np.tile(level, (6, 8, 1)).astype(np.uint16)
    image = read(dng(stored, raw={50713: (SHORT, [2, 2]), 50714: (SHORT, level.ravel().tolist())}))
    assert image.black.shape == (1, 3)
    assert abs(image.mosaic - image.black - light).max() <= 0.5


@pytest.mark.parametrize("top", [4, 5])
def test_black_is_measured_on_masked_pixels(dng: Maker, top: int) -> None:
    rng = np.random.default_rng(0)
    level = np.array([[100, 110], [120, 130]])
    stored = np.tile(level, (30, 40)) + rng.normal(0, 3, (60, 80))
    stored[top:, 8:] += 1000
    stored[1, 1] = 60000  # a hot pixel
    masked = [0, 0, 60, 6, 0, 6, 4, 80]
    report = Report()
    with report.stage("read"):
        raw = {50829: (LONG, [top, 8, 60, 80]), 50830: (LONG, masked)}
        image = read(dng(stored.astype(np.uint16), raw=raw), report=report)
    # The pattern counts from the corner of the active area.
    np.testing.assert_allclose(image.black, np.roll(level, -top, 0), atol=1)
    assert "measured on masked pixels" in report.stages[0].notes[0]
    given = read(dng(stored.astype(np.uint16), raw=raw | {50714: (SHORT, 5)}))
    assert (given.black == 5).all()


@pytest.mark.parametrize("masked", [[0, 0, 1, 1], [50, 50, 10, 10], [0] * 3, [2**31] * 4, [0, 0, 0, 9] * 300])
def test_masked_areas_that_make_no_sense_are_nothing(dng: Maker, samples: Maker, masked: list[int]) -> None:
    assert (read(dng(samples((20, 30)), raw={50830: (LONG, masked)})).black == 0).all()


# Cells of several pixels


def quad(pattern: str, cell: int, offset: tuple[int, int] = (0, 0)) -> dict[int, Any]:
    numbers = np.array(["RGB".index(c) for c in pattern]).reshape(2, 2)
    whole = np.roll(numbers.repeat(cell, 0).repeat(cell, 1), offset, (0, 1))
    return {33421: (SHORT, [2 * cell, 2 * cell]), 33422: (BYTE, whole.ravel().tolist())}


@pytest.mark.parametrize("cell", [2, 3, 4])
@pytest.mark.parametrize("pattern", ["RGGB", "GBRG"])
def test_cells_are_binned(dng: Maker, samples: Maker, cell: int, pattern: str) -> None:
    stored = samples((12 * cell, 16 * cell), 10)
    raw = quad(pattern, cell) | {50714: (SHORT, 64), 50717: (LONG, 1023), 51041: (DOUBLE, [1e-3, 1e-6])}
    image = read(dng(stored, bits=10, raw=raw))
    assert image.cfa == pattern
    mean = stored.reshape(12, cell, 16, cell).mean((1, 3))
    count = cell * cell
    np.testing.assert_allclose(image.mosaic / count, mean, atol=1e-9)
    np.testing.assert_allclose(image.black / count, 64)
    np.testing.assert_allclose(image.white / count, 1023)
    assert image.noise is not None
    assert image.noise.scale[0] == pytest.approx(1e-3 / count)


def test_binning_of_deep_samples_keeps_to_16_bits(dng: Maker, samples: Maker) -> None:
    stored = samples((24, 32))
    image = read(dng(stored, raw=quad("RGGB", 2)))
    assert abs(image.mosaic - stored.reshape(12, 2, 16, 2).mean((1, 3))).max() <= 0.5
    assert (image.white == 65535).all()


def test_noise_below_the_black_of_floating_point_cells_is_averaged(dng: Maker) -> None:
    stored = np.random.default_rng(1).normal(0.01, 0.05, (96, 128)).astype(np.float32)
    raw = quad("RGGB", 2) | {50717: (LONG, 1)}
    image = read(dng(stored, bits=32, compression=8, predictor=3, raw=raw))
    light = (image.mosaic - image.black[0, 0]) / (image.white[0, 0] - image.black[0, 0])
    np.testing.assert_allclose(light, stored.reshape(48, 2, 64, 2).mean((1, 3)), atol=1e-4)


def test_cells_that_are_cut_at_the_corner(dng: Maker, samples: Maker) -> None:
    stored = samples((25, 33), 12)
    raw = quad("RGGB", 2, (1, 1)) | {50719: (LONG, [3, 5]), 50720: (LONG, [20, 16])}
    image = read(dng(stored, bits=12, raw=raw))
    assert image.mosaic.shape == (12, 16)
    np.testing.assert_allclose(image.mosaic / 4, stored[1:, 1:].reshape(12, 2, 16, 2).mean((1, 3)))
    assert image.crop == Rectangle(2, 1, 8, 10)


def test_gain_maps_of_cells_become_those_of_binned_samples(dng: Maker, samples: Maker) -> None:
    gains = np.ones((2, 2, 1), np.float32)
    maps = [
        GainMap(Rectangle(y, x, 48 - y, 64 - x), 4, 4, 0, 1, 0, 0, 1, 1, gains * (y // 2 * 2 + x // 2 + 1))
        for y in range(4)
        for x in range(4)
    ]
    image = read(dng(samples((48, 64), 10), raw=quad("RGGB", 2) | {51009: (UNDEFINED, encode_opcodes(maps))}))
    kept = [o for o in image.opcodes_2 if isinstance(o, GainMap)]
    assert [(o.area.top, o.area.left, o.row_pitch, float(o.gains[0, 0, 0])) for o in kept] == [
        (0, 0, 2, 1), (0, 1, 2, 2), (1, 0, 2, 3), (1, 1, 2, 4),
    ]  # fmt: skip


def quad_of(image: np.ndarray, pattern: str, offset: tuple[int, int], cell: int) -> np.ndarray:
    """The samples that a pattern of cells takes of an (H, W, 3) image."""
    y, x = np.indices(image.shape[:2])
    cells = (y - offset[0]) // cell % 2 * 2 + (x - offset[1]) // cell % 2
    return image[y, x, np.array(["RGB".index(c) for c in pattern])[cells]]


@pytest.mark.parametrize("offset", [(0, 0), (1, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_quad_bayer_is_remosaiced(dng: Maker, pattern: str, offset: tuple[int, int]) -> None:
    y, x = np.indices((47, 62)) / 10
    light = 0.45 + 0.3 * np.sin(x + 0.4 * y)
    # As bright in all colours as the neutral says, and a coloured ramp on top.
    colored = np.stack([light + 0.02 * x, light, light - 0.02 * y], axis=2) * (0.5, 1, 0.625)
    stored = np.rint(512 + colored * 12000).astype(np.uint16)
    raw = quad(pattern, 2, offset) | {50714: (SHORT, 512), 50717: (LONG, 15000)}
    data = dng(quad_of(stored, pattern, offset, 2), raw=raw)
    image = read(data, quad="full")
    assert image.mosaic.shape == (47, 62)
    assert image.cfa is not None
    wanted = quad_of(stored, image.cfa, (0, 0), 1)
    own = quad_of(np.broadcast_to([0, 1, 2], stored.shape), pattern, offset, 2)
    target = quad_of(np.broadcast_to([0, 1, 2], stored.shape), image.cfa, (0, 0), 1)
    np.testing.assert_array_equal(image.mosaic[own == target], wanted[own == target])
    error = abs(image.mosaic.astype(float) - wanted)[6:-6, 6:-6]
    assert error.max() < 150
    # Half of that is what binned cells could not show at all.
    assert error.mean() < 25
    assert read(data).mosaic.shape == ((47 - offset[0]) // 2, (62 - offset[1]) // 2)


@pytest.mark.parametrize("stated", [True, False])
def test_noise_gives_a_quad_bayer_no_colour(dng: Maker, stated: bool) -> None:
    # Of a root of noisy light blue lost two fifths at ISO 1600, and green gained a tenth.
    light = np.array([0.038, 0.037, 0.0125])
    flat = quad_of(np.broadcast_to(light, (256, 256, 3)), "RGGB", (0, 0), 2)
    offset = 8.2e-4
    noisy = flat + np.random.default_rng(3).standard_normal(flat.shape) * np.sqrt(offset)
    stored = np.rint(4096 + 40000 * noisy).clip(0, 65535).astype(np.uint16)
    raw = quad("RGGB", 2) | {50714: (SHORT, 4096), 50717: (LONG, 44096)}
    image = read(dng(stored, raw=raw | ({51041: (DOUBLE, [1e-9, offset])} if stated else {})), quad="full")
    means = [(image.mosaic[y::2, x::2].mean() - 4096) / 40000 for y, x in ((0, 0), (0, 1), (1, 1))]
    np.testing.assert_allclose(means, light, atol=1e-3)


def test_a_flat_quad_bayer_stays_flat(dng: Maker) -> None:
    stored = quad_of(np.broadcast_to([3000, 9000, 5000], (40, 48, 3)), "RGGB", (0, 0), 2).astype(np.uint16)
    image = read(dng(stored, raw=quad("RGGB", 2)), quad="full")
    expected = quad_of(np.broadcast_to([3000, 9000, 5000], (40, 48, 3)), "RGGB", (0, 0), 1)
    assert abs(image.mosaic - expected.astype(float)).max() <= 1


def test_larger_cells_are_binned_whatever_is_asked_for(dng: Maker, samples: Maker) -> None:
    assert read(dng(samples((24, 48)), raw=quad("RGGB", 3)), quad="full").mosaic.shape == (8, 16)


@pytest.mark.parametrize("offset", [(0, 0), (1, 1)])
def test_gain_maps_of_cells_keep_to_their_colours_when_remosaiced(
    dng: Maker, samples: Maker, offset: tuple[int, int]
) -> None:
    gains = np.ones((2, 2, 1), np.float32)
    maps = [
        GainMap(Rectangle(y, x, 48 - y, 64 - x), 4, 4, 0, 1, 0, 0, 1, 1, gains * (1 + own))
        for y in range(4)
        for x in range(4)
        for own in ["RGB".index("RGGB"[(y - offset[0]) // 2 % 2 * 2 + (x - offset[1]) // 2 % 2])]
    ]
    fields = quad("RGGB", 2, offset) | {51009: (UNDEFINED, encode_opcodes(maps))}
    image = read(dng(samples((48, 64), 10), raw=fields), quad="full")
    gain = np.zeros((48, 64))
    for opcode in image.opcodes_2:
        assert isinstance(opcode, GainMap)
        gain[opcode.rows, opcode.columns] = opcode.gains[0, 0, 0]
    assert image.cfa is not None
    color = quad_of(np.broadcast_to([0, 1, 2], (48, 64, 3)), image.cfa, (0, 0), 1)
    np.testing.assert_array_equal(gain, 1 + color)


# Which image


def test_an_enhanced_image_is_taken_when_asked_for(dng: Maker, samples: Maker) -> None:
    mosaic, better = samples((24, 32)), samples((24, 32, 3))

    def subs(tiff: Any) -> list[int]:
        data = better.astype("<u2").tobytes()
        fields = {254: (LONG, 16), 256: (LONG, 32), 257: (LONG, 24), 258: (SHORT, [16] * 3), 259: (SHORT, 1)}
        fields |= {262: (SHORT, 34892), 273: (LONG, tiff.add(data)), 277: (SHORT, 3), 278: (LONG, 24)}
        small = fields | {254: (LONG, 1), 256: (LONG, 8), 257: (LONG, 8)}
        return [tiff.ifd(fields), tiff.ifd(small)]

    data = dng(mosaic, subs=subs)
    np.testing.assert_array_equal(read(data).mosaic, mosaic)
    np.testing.assert_array_equal(read(data, enhanced=True).mosaic, better)
    np.testing.assert_array_equal(read(dng(mosaic), enhanced=True).mosaic, mosaic)


# Sensors that LibRaw demosaics

X_TRANS = "GGRGGB GGBGGR BRGRBG GGBGGR GGRGGB RBGBRG"


@pytest.mark.parametrize(
    "choice",
    [{}, {"compression": 7, "frame": "pairs"}, {"compression": 52546, "fields": (6, 6), "tile": (87, 90)}],
    ids=["plain", "lossless JPEG", "JPEG XL, as Adobe writes it"],
)
def test_x_trans_is_demosaiced_by_libraw(dng: Maker, tmp_path: Path, choice: dict[str, Any]) -> None:
    rows = X_TRANS.split(" ")
    pattern = np.array([["RGB".index(c) for c in row] for row in rows])
    color = np.array([3000, 9000, 5000])
    stored = color[np.tile(pattern, (87, 90))].astype(np.uint16)
    raw = {33421: (SHORT, [6, 6]), 33422: (BYTE, pattern.ravel().tolist()), 50714: (SHORT, 1000)}
    raw |= {50717: (LONG, 15000), 51041: (DOUBLE, [1e-4, 1e-8]), 51022: (UNDEFINED, encode_opcodes([WARP]))}
    path = tmp_path / "a.dng"
    path.write_bytes(dng(stored, raw=raw, main={50964: (SRATIONAL, [*MATRIX, 6000, 10000])}, **choice))
    report = Report()
    with report.stage("read"):
        image = read_raw(path, report)
    assert image.cfa is None
    assert image.path == str(path)
    light = (image.mosaic - image.black[0]) / (image.white[0] - image.black[0])
    np.testing.assert_allclose(light[8:-8, 8:-8].mean((0, 1)), (color - 1000) / 14000, atol=2e-3)
    # Colour, noise and lens are the DNG's own.
    assert image.color.forward_matrix_1 is not None
    assert image.noise is not None
    assert image.opcodes_3
    assert any("LibRaw" in n for n in report.stages[0].notes)
    assert not report.warnings
    assert "X-Trans" in describe(path)["demosaiced_by_libraw"]


def test_a_copy_for_libraw_that_finds_no_room_is_named(
    dng: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = ["RGB".index(c) for row in X_TRANS.split(" ") for c in row]
    raw = {33421: (SHORT, [6, 6]), 33422: (BYTE, pattern)}
    (tmp_path / "a.dng").write_bytes(dng(np.zeros((516, 516), np.uint16), raw=raw, compression=52546))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(ReadError, match=r"a\.dng: its copy for LibRaw can't be kept in a temporary folder"):
        read_raw(tmp_path / "a.dng")


WARP = WarpRectilinear(((1.0, 0.0, 0.0, 0.0, 0.0, 0.0),), (0.5, 0.5))


def test_sequences(dng: Maker, samples: Maker) -> None:
    data = b"com.barnes.1\0Burst Denoise\0\0" + struct.pack(">2IB", 3, 8, 0)
    sequence = read(dng(samples((8, 8)), main={52548: (UNDEFINED, data)})).capture.sequence
    assert sequence is not None
    assert (sequence.identifier, sequence.kind, sequence.frame) == ("com.barnes.1", "Burst Denoise", "")
    assert (sequence.index, sequence.count, sequence.final) == (3, 8, False)
    for wrong in (b"", b"\0\0\0" + bytes(9), data[:-1], b"x" * 2000 + data, b"abc"):
        assert read(dng(samples((8, 8)), main={52548: (UNDEFINED, wrong or b"\0")})).capture.sequence is None


@pytest.mark.parametrize("number", [2, 5])
def test_linear_raw_of_other_colours_is_refused(dng: Maker, samples: Maker, number: int) -> None:
    assert f"{number} samples per pixel" in refused(dng(samples((8, 8, number))))


def test_importing_is_light() -> None:
    script = "import sys, fotohaus.raw; assert not {'imagecodecs', 'rawpy', 'PIL'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)

"""What a DNG's fields become in a RawImage."""

import struct
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fotohaus.raw.dng_read import read_dng
from fotohaus.raw.image import CFA_PATTERNS, GainMap, OtherOpcode, RawImage, Rectangle
from fotohaus.raw.opcode_types import WarpRectilinear
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.report import Report

Maker = Callable[..., Any]
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SLONG, SRATIONAL, FLOAT, DOUBLE = 1, 2, 3, 4, 5, 7, 9, 10, 11, 12

MATRIX = np.array([[0.8, -0.2, -0.1], [-0.4, 1.2, 0.2], [-0.1, 0.2, 0.6]])


def read(data: bytes, report: Report | None = None) -> RawImage:
    return read_dng(Source(data), "a/test.dng", report)


def thousandths(*values: float) -> list[int]:
    return [part for v in values for part in (round(v * 1000), 1000)]


def refused(data: bytes) -> str:
    with pytest.raises(TiffError) as error:
        read(data)
    return str(error.value)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("sub_ifd", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_phases_in_every_kind_of_file(
    dng: Maker, samples: Maker, cfa: str, order: str, sub_ifd: bool, big: bool
) -> None:
    mosaic = samples((24, 32))
    image = read(dng(mosaic, cfa=cfa, order=order, sub_ifd=sub_ifd, big=big))
    assert image.cfa == cfa
    np.testing.assert_array_equal(image.mosaic, mosaic)
    np.testing.assert_allclose(image.color.color_matrix_1, MATRIX)
    assert image.color.as_shot_neutral == (0.5, 1.0, 0.625)
    assert image.path == "a/test.dng"
    assert image.capture.sources == ("test.dng",)
    assert image.crop == Rectangle(0, 0, 24, 32)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("sub_ifd", [False, True])
def test_orientations(dng: Maker, samples: Maker, orientation: int, sub_ifd: bool) -> None:
    data = dng(samples((8, 8)), main={274: (SHORT, orientation)}, sub_ifd=sub_ifd)
    assert read(data).orientation == orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(dng: Maker, samples: Maker, orientation: int) -> None:
    assert read(dng(samples((8, 8)), main={274: (SHORT, orientation)})).orientation == 1


def test_linear_raw(dng: Maker, samples: Maker) -> None:
    pixels = samples((12, 16, 3))
    image = read(dng(pixels, raw={50714: (SHORT, [10, 20, 30]), 50717: (LONG, [100, 200, 300])}))
    assert image.cfa is None
    np.testing.assert_array_equal(image.mosaic, pixels)
    np.testing.assert_array_equal(image.black, [[10, 20, 30]])
    np.testing.assert_array_equal(image.white, [[100, 200, 300]])


def test_the_full_image_is_taken_among_several(dng: Maker, samples: Maker) -> None:
    mosaic = samples((24, 32))
    assert read(dng(mosaic, sub_ifd=True)).mosaic.shape == (24, 32)
    assert "holds no raw image" in refused(dng(mosaic, sub_ifd=True, raw={254: (LONG, 1)}))
    assert "holds no raw image" in refused(dng(mosaic, sub_ifd=True, raw={254: (LONG, 0x10004)}))
    assert read(dng(mosaic, sub_ifd=True, raw={254: (LONG, 16)})).mosaic.shape == (24, 32)
    assert read(dng(mosaic, raw={254: None})).mosaic.shape == (24, 32)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({33422: None}, "does not say its colour filter array"),
        ({33421: (SHORT, [6, 6]), 33422: (BYTE, [1, 0, 3] * 12)}, "[0, 1, 3] for planes of [0, 1, 2]"),
        ({33421: (SHORT, [99, 99])}, "[99, 99] with 4 colours"),
        ({33422: (BYTE, [0, 1, 1, 3])}, "[0, 1, 3] for planes of [0, 1, 2]"),
        ({33422: (BYTE, [0, 1, 1, 0])}, "[0, 1] for planes of [0, 1, 2]"),
        ({33422: (BYTE, [0, 1, 1])}, "with 3 colours"),
        ({50711: (SHORT, 10)}, "layout 10"),
        ({33422: (BYTE, [0, 1, 2, 3]), 50710: (BYTE, [0, 1, 2, 3])}, "not 4 x 3"),
        ({50710: (BYTE, [3, 4, 5])}, "not red, green and blue"),
        ({50710: (BYTE, [0, 1, 2, 1])}, "not red, green and blue"),
    ],
)
def test_other_colour_filter_arrays_are_refused(dng: Maker, samples: Maker, raw: dict[int, Any], reason: str) -> None:
    assert reason in refused(dng(samples((8, 8)), raw=raw))


def test_files_for_newer_readers_and_pixels_that_are_not_square_are_refused(dng: Maker, samples: Maker) -> None:
    assert "DNG 1.8" in refused(dng(samples((8, 8)), main={50707: (BYTE, [1, 8, 0, 0])}))
    assert "DNG 2.0" in refused(dng(samples((8, 8)), main={50707: (BYTE, [2, 0, 0, 0])}))
    assert "pixels of 1 x 9" in refused(dng(samples((8, 8)), raw={50718: (RATIONAL, [1, 1, 9, 1])}))
    assert "pixels of" in refused(dng(samples((8, 8)), raw={50718: (RATIONAL, [0, 0, 0, 0])}))
    assert read(dng(samples((8, 8)), main={50707: (BYTE, [1, 7, 1, 0])})).mosaic.shape == (8, 8)


def test_planes_in_another_order(dng: Maker, samples: Maker) -> None:
    # Planes are green, blue, red.
    image = read(
        dng(
            samples((8, 8)),
            raw={50710: (BYTE, [1, 2, 0]), 51041: (DOUBLE, [2e-3, 2e-6, 3e-3, 3e-6, 1e-3, 1e-6])},
            main={
                50721: (SRATIONAL, thousandths(*MATRIX[[1, 2, 0]].ravel())),
                50964: (SRATIONAL, thousandths(*MATRIX[:, [1, 2, 0]].ravel())),
                50723: (SRATIONAL, thousandths(1.2, 0, 0, 0, 1.3, 0, 0, 0, 1.1)),
                50727: (RATIONAL, thousandths(1.2, 1.3, 1.1)),
                50728: (RATIONAL, thousandths(1.0, 0.6, 0.5)),
            },
        )
    )
    np.testing.assert_allclose(image.color.color_matrix_1, MATRIX)
    np.testing.assert_allclose(image.color.forward_matrix_1, MATRIX)
    np.testing.assert_allclose(image.color.calibration_1, np.diag([1.1, 1.2, 1.3]))
    assert image.color.analog_balance == (1.1, 1.2, 1.3)
    assert image.color.as_shot_neutral == (0.5, 1.0, 0.6)
    assert image.noise is not None
    assert image.noise.scale == (1e-3, 2e-3, 3e-3)
    assert image.noise.offset == (1e-6, 2e-6, 3e-6)


# Levels


@pytest.mark.parametrize(
    ("raw", "black"),
    [
        ({}, [[0, 0], [0, 0]]),
        ({50714: (SHORT, 512)}, [[512, 512], [512, 512]]),
        ({50714: (RATIONAL, [1025, 2])}, [[512.5, 512.5], [512.5, 512.5]]),
        ({50713: (SHORT, [2, 2]), 50714: (SHORT, [1, 2, 3, 4])}, [[1, 2], [3, 4]]),
        ({50713: (SHORT, [1, 2]), 50714: (SHORT, [1, 2])}, [[1, 2], [1, 2]]),
        ({50713: (SHORT, [2, 1]), 50714: (SHORT, [1, 2])}, [[1, 1], [2, 2]]),
        ({50713: (SHORT, [2, 2]), 50714: (SHORT, 7)}, [[7, 7], [7, 7]]),
        ({50713: (SHORT, [4, 2]), 50714: (SHORT, [1, 2, 3, 4, 1, 2, 3, 4])}, [[1, 2], [3, 4]]),
    ],
)
def test_black_levels_that_repeat(dng: Maker, samples: Maker, raw: dict[int, Any], black: list[list[float]]) -> None:
    mosaic = samples((8, 12))
    image = read(dng(mosaic, raw=raw))
    np.testing.assert_array_equal(image.black, black)
    np.testing.assert_array_equal(image.mosaic, mosaic)


@pytest.mark.parametrize("rows", [3, 4])
def test_black_levels_that_repeat_otherwise_are_folded_into_the_samples(dng: Maker, samples: Maker, rows: int) -> None:
    level = np.arange(rows * 3).reshape(rows, 3) * 10 + 100
    signal = samples((14, 17), 12)
    stored = (signal + np.tile(level, (6, 6))[:14, :17]).astype(np.uint16)
    image = read(dng(stored, raw={50713: (SHORT, [rows, 3]), 50714: (SHORT, level.ravel().tolist())}))
    left = image.mosaic - np.tile(image.black, (7, 9))[:14, :17]
    assert abs(left - signal).max() <= 0.5


def test_black_level_deltas_are_folded_into_the_samples(dng: Maker, samples: Maker) -> None:
    down, across = np.arange(150) - 40, np.arange(90) % 7 - 3
    signal = samples((150, 90), 12)
    stored = (signal + 200 + down[:, None] + across).astype(np.uint16)
    image = read(
        dng(
            stored,
            raw={
                50714: (SHORT, 200),
                50715: (SRATIONAL, thousandths(*across)),
                50716: (SRATIONAL, thousandths(*down)),
            },
        )
    )
    np.testing.assert_array_equal(image.black, np.full((2, 2), 200))
    np.testing.assert_array_equal(image.mosaic - 200, signal)


def test_samples_do_not_wrap_below_zero(dng: Maker) -> None:
    image = read(dng(np.full((8, 8), 5, np.uint16), raw={50716: (SRATIONAL, thousandths(*range(8)))}))
    np.testing.assert_array_equal(image.mosaic[:, 0], [5, 4, 3, 2, 1, 0, 0, 0])


def test_white_levels(dng: Maker, samples: Maker) -> None:
    def white(**choices: Any) -> float:
        levels = read(dng(samples((8, 8), 12), **choices)).white
        assert (levels == levels[0, 0]).all()
        return float(levels[0, 0])

    assert white(raw={50717: (LONG, 4000)}) == 4000
    assert white(bits=12, raw={50717: None}) == 4095
    assert white(raw={50717: (LONG, 0)}) == 65535
    assert white(raw={50717: (LONG, 2**32 - 1)}) == 65535


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({50714: (SHORT, 4000), 50717: (LONG, 4000)}, "not above black level"),
        ({50714: (RATIONAL, [0, 0])}, "black level is not a number"),
        ({50714: (RATIONAL, [4000000000, 1])}, "not above black level"),
        ({50714: (SHORT, [1, 2, 3])}, "3 black levels"),
        ({50713: (SHORT, [0, 2])}, "repeats after 0 x 2"),
        ({50713: (SHORT, [60000, 60000])}, "repeats after"),
        ({50715: (SRATIONAL, [1, 1])}, "deltas"),
        ({50716: (SRATIONAL, [0, 0] * 8)}, "deltas"),
    ],
)
def test_levels_that_make_no_sense_are_refused(dng: Maker, samples: Maker, raw: dict[int, Any], reason: str) -> None:
    assert reason in refused(dng(samples((8, 8)), raw=raw))


def test_linearization_table(dng: Maker, samples: Maker) -> None:
    stored = samples((130, 20), 8)
    table = (np.arange(200) ** 2).clip(0, 65535)
    image = read(dng(stored, bits=8, raw={50712: (SHORT, table.tolist()), 50717: None}))
    np.testing.assert_array_equal(image.mosaic, table[np.minimum(stored, 199)])
    assert image.white[0, 0] == 199**2


# Areas


def test_active_area_and_crop(dng: Maker, samples: Maker) -> None:
    stored = samples((30, 40))
    data = dng(
        stored,
        cfa="GBRG",
        raw={
            50829: (LONG, [3, 5, 27, 37]),
            50713: (SHORT, [2, 2]),
            50714: (SHORT, [1, 2, 3, 4]),
            50719: (RATIONAL, [2, 1, 4, 1]),
            50720: (SHORT, [20, 12]),
        },
    )
    image = read(data)
    # Pattern and black level count from the corner of the active area.
    assert image.cfa == "GBRG"
    np.testing.assert_array_equal(image.black, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(image.mosaic, stored[3:27, 5:37])
    assert image.mosaic.flags.c_contiguous
    assert image.crop == Rectangle(4, 2, 12, 20)


@pytest.mark.parametrize(
    ("origin", "size", "crop"),
    [
        ([0, 0], [100, 100], Rectangle(0, 0, 20, 30)),
        ([10, 5], [100, 100], Rectangle(5, 10, 15, 20)),
        ([40, 5], [10, 10], Rectangle(0, 0, 20, 30)),
        ([0, 0], [0, 0], Rectangle(0, 0, 20, 30)),
    ],
)
def test_a_crop_is_clipped(dng: Maker, samples: Maker, origin: list[int], size: list[int], crop: Rectangle) -> None:
    assert read(dng(samples((20, 30)), raw={50719: (LONG, origin), 50720: (LONG, size)})).crop == crop


def test_half_a_pixel_is_rounded_up(dng: Maker, samples: Maker) -> None:
    raw = {50719: (RATIONAL, [5, 2, 9, 2]), 50720: (RATIONAL, [21, 2, 17, 2])}
    assert read(dng(samples((20, 30)), raw=raw)).crop == Rectangle(5, 3, 9, 11)


@pytest.mark.parametrize(
    ("part", "crop"),
    [
        ((0, 0, 1, 1), Rectangle(4, 6, 20, 30)),
        ((0.25, 0.1, 0.75, 0.9), Rectangle(9, 9, 10, 24)),
        ((0.5, 0, 0.5, 1), Rectangle(4, 6, 20, 30)),
        ((0, 0, 1.5, 1), Rectangle(4, 6, 20, 30)),
        ((0.6, 0, 0.4, 1), Rectangle(4, 6, 20, 30)),
    ],
)
def test_the_crop_that_was_chosen_on_the_camera(
    dng: Maker, samples: Maker, part: tuple[float, ...], crop: Rectangle
) -> None:
    raw = {50719: (4, [6, 4]), 50720: (4, [30, 20]), 51125: (5, thousandths(*part))}
    assert read(dng(samples((40, 50)), raw=raw)).crop == crop


@pytest.mark.parametrize("area", [[5, 5, 5, 9], [10, 0, 2, 30], [50, 50, 60, 60]])
def test_an_empty_active_area_is_refused(dng: Maker, samples: Maker, area: list[int]) -> None:
    assert "active area" in refused(dng(samples((20, 30)), raw={50829: (LONG, area)}))


# Colour


def test_colour_of_two_illuminants(dng: Maker, samples: Maker) -> None:
    image = read(
        dng(
            samples((8, 8)),
            main={
                50722: (SRATIONAL, thousandths(*(2 * MATRIX).ravel())),
                50964: (SRATIONAL, thousandths(*(3 * MATRIX).ravel())),
                50965: (SRATIONAL, thousandths(*(4 * MATRIX).ravel())),
                50778: (SHORT, 17),
                50779: (SHORT, 21),
                50727: (RATIONAL, thousandths(1, 2, 3)),
                50728: None,
                50729: (RATIONAL, thousandths(0.34, 0.36)),
                50730: (SRATIONAL, thousandths(-0.35)),
            },
        )
    )
    color = image.color
    np.testing.assert_allclose(color.color_matrix_2, 2 * MATRIX)
    np.testing.assert_allclose(color.forward_matrix_1, 3 * MATRIX)
    np.testing.assert_allclose(color.forward_matrix_2, 4 * MATRIX)
    assert (color.illuminant_1, color.illuminant_2) == (17, 21)
    assert color.analog_balance == (1, 2, 3)
    assert color.as_shot_neutral is None
    assert color.as_shot_white_xy == (0.34, 0.36)
    assert color.baseline_exposure == -0.35


@pytest.mark.parametrize("signatures", [("", ""), ("com.x", "com.x"), ("com.x", ""), ("com.x", "com.y")])
def test_calibrations_count_where_the_signatures_agree(dng: Maker, samples: Maker, signatures: tuple[str, str]) -> None:
    main: dict[int, Any] = {50723: (SRATIONAL, thousandths(1.1, 0, 0, 0, 1, 0, 0, 0, 0.9))}
    main |= {tag: (ASCII, text) for tag, text in zip((50931, 50932), signatures, strict=True) if text}
    calibration = read(dng(samples((8, 8)), main=main)).color.calibration_1
    expected = np.diag([1.1, 1, 0.9]) if signatures[0] == signatures[1] else np.eye(3)
    np.testing.assert_allclose(calibration, expected)


@pytest.mark.parametrize("tag", [50721, 50722, 50964, 50965, 50723])
@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0, 0] * 9, "not numbers"),
        ([1, 0] * 9, "not numbers"),
        ([0, 1] * 9, "can't be inverted"),
        ([1, 1] * 9, "can't be inverted"),
        ([1, 1] * 12, "3 x 3"),
    ],
)
def test_matrices_that_make_no_sense_are_refused(
    dng: Maker, samples: Maker, tag: int, values: list[int], reason: str
) -> None:
    assert reason in refused(dng(samples((8, 8)), main={tag: (SRATIONAL, values)}))


def test_nan_in_a_float_matrix_is_refused(dng: Maker, samples: Maker) -> None:
    assert "not numbers" in refused(dng(samples((8, 8)), main={50721: (DOUBLE, [float("nan")] * 9)}))


def test_a_missing_matrix_is_taken_for_srgb_and_said(dng: Maker, samples: Maker) -> None:
    report = Report()
    image = read(dng(samples((8, 8)), main={50721: None}), report)
    np.testing.assert_allclose(image.color.color_matrix_1 @ [0.9505, 1, 1.089], 1, atol=1e-3)
    assert "no color matrix" in report.warnings[0]


@pytest.mark.parametrize("neutral", [[0, 0] * 3, [0, 1] * 3, [1, 0] * 3, [1, 1] * 4])
def test_a_neutral_that_makes_no_sense_is_none(dng: Maker, samples: Maker, neutral: list[int]) -> None:
    assert read(dng(samples((8, 8)), main={50728: (RATIONAL, neutral)})).color.as_shot_neutral is None


@pytest.mark.parametrize("value", [(SRATIONAL, [0, 0]), (SRATIONAL, [2**31 - 1, 1]), (FLOAT, float("nan"))])
def test_a_baseline_exposure_that_makes_no_sense_is_zero(dng: Maker, samples: Maker, value: tuple[int, Any]) -> None:
    assert read(dng(samples((8, 8)), main={50730: value})).color.baseline_exposure == 0


@pytest.mark.parametrize(("applied", "read_as"), [([3, 5], 0.6), ([0, 0], 0), ([9, 1], 1), (None, 0)])
def test_noise_reduction_applied(dng: Maker, samples: Maker, applied: list[int] | None, read_as: float) -> None:
    fields = {50935: (RATIONAL, applied)} if applied else {}
    assert read(dng(samples((8, 8)), raw=fields)).denoised == pytest.approx(read_as)


@pytest.mark.parametrize("sub_ifd", [False, True])
def test_noise(dng: Maker, samples: Maker, sub_ifd: bool) -> None:
    def noise(**fields: Any) -> Any:
        return read(dng(samples((8, 8)), sub_ifd=sub_ifd, **fields)).noise

    assert noise() is None
    one = noise(main={51041: (DOUBLE, [1e-4, 1e-8])})
    assert one.scale == (1e-4, 1e-4, 1e-4)
    assert one.offset == (1e-8, 1e-8, 1e-8)
    three = noise(raw={51041: (DOUBLE, [1, 2, 3, 4, 5, 6])})
    assert three.scale == (1, 3, 5)
    assert three.offset == (2, 4, 6)
    for wrong in ([0.0, 0.0], [-1.0, 1.0], [float("nan"), 1.0], [1.0] * 5):
        assert noise(main={51041: (DOUBLE, wrong)}) is None


# Opcodes


def opcode(number: int, data: bytes, flags: int = 0) -> bytes:
    return struct.pack(">4I", number, 0x01030000, flags, len(data)) + data


def opcode_list(*opcodes: bytes) -> tuple[int, bytes]:
    return UNDEFINED, struct.pack(">I", len(opcodes)) + b"".join(opcodes)


def gain_map(
    area: tuple[int, int, int, int], gains: np.ndarray, pitch: int = 1, grid: tuple[float, ...] = (1, 1, 0, 0)
) -> bytes:
    points_v, points_h = gains.shape
    head = struct.pack(">10I4dI", *area, 0, 1, pitch, pitch, points_v, points_h, *grid, 1)
    return head + gains.astype(">f4").tobytes()


@pytest.mark.parametrize("order", ["<", ">"])
def test_opcodes_are_big_endian_in_every_file(dng: Maker, samples: Maker, order: str) -> None:
    gains = np.linspace(1, 2, 6).reshape(2, 3)
    data = dng(
        samples((8, 10)),
        order=order,
        raw={
            51009: opcode_list(opcode(9, gain_map((1, 0, 8, 10), gains, 2, (1, 0.5, 0, 0)))),
            51022: opcode_list(opcode(1, b"warp", flags=1), opcode(99, b"other")),
        },
    )
    image = read(data)
    (made,) = image.opcodes_2
    assert isinstance(made, GainMap)
    np.testing.assert_allclose(made.gains[..., 0], gains)
    assert made.area == Rectangle(1, 0, 7, 10)
    assert (made.row_pitch, made.col_pitch, made.spacing_v, made.spacing_h) == (2, 2, 1, 0.5)
    assert image.opcodes_3 == (OtherOpcode(1, 0x01030000, 1, b"warp"), OtherOpcode(99, 0x01030000, 0, b"other"))
    assert [o.optional for o in image.opcodes_3 if isinstance(o, OtherOpcode)] == [True, False]


def test_gain_maps_of_the_stored_image_move_with_the_active_area(dng: Maker, samples: Maker) -> None:
    maps = opcode_list(opcode(9, gain_map((0, 1, 40, 60), np.ones((2, 2)), 2)))
    data = dng(samples((40, 60)), raw={51008: maps, 50829: (LONG, [5, 6, 35, 46])})
    image = read_dng(Source(data), off=("opcodes",))
    (made,) = image.opcodes_1
    assert isinstance(made, GainMap)
    # Rows 0, 2, 4, ... of the stored image are rows 1, 3, ... of the active area; columns 1, 3, ... are 1, 3, ...
    assert made.area == Rectangle(1, 1, 29, 39)
    # Gains at the stored image's corners, seen from the active area.
    assert made.origin_v * 30 == pytest.approx(-5)
    assert (made.origin_v + made.spacing_v) * 30 == pytest.approx(35)
    assert made.origin_h * 40 == pytest.approx(-6)


def test_gain_maps_are_clipped_and_dropped_outside(dng: Maker, samples: Maker) -> None:
    ones = np.ones((2, 2))
    maps = opcode_list(opcode(9, gain_map((0, 0, 99, 99), ones)), opcode(9, gain_map((90, 0, 99, 99), ones)))
    image = read(dng(samples((8, 10)), raw={51009: maps}))
    assert [o.area for o in image.opcodes_2 if isinstance(o, GainMap)] == [Rectangle(0, 0, 8, 10)]


@pytest.mark.parametrize(
    "broken",
    [
        b"\0\0",
        b"\0\0\0\1",
        b"\xff\xff\xff\xff" + bytes(100),
        opcode_list(opcode(1, b"abc"))[1][:-1],
        opcode_list(opcode(9, b"abc"))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.ones((2, 2)))[:-4]))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.full((2, 2), np.nan))))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.full((2, 2), -1.0))))[1],
        opcode_list(opcode(9, gain_map((8, 0, 8, 8), np.ones((2, 2)))))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.ones((2, 2)), 0)))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.ones((2, 2)), 1, (0, 1, 0, 0))))[1],
        opcode_list(opcode(9, gain_map((0, 0, 8, 8), np.ones((2, 2)), 1, (1, 1, np.inf, 0))))[1],
        opcode_list(opcode(9, struct.pack(">10I4dI", 0, 0, 8, 8, 0, 1, 1, 1, 2**31, 2**31, 1, 1, 0, 0, 2**31)))[1],
    ],
)
def test_broken_opcodes_are_refused(dng: Maker, samples: Maker, broken: bytes) -> None:
    assert "damaged" in refused(dng(samples((8, 8)), raw={51009: (UNDEFINED, broken)}))


# Capture


def test_capture(dng: Maker, samples: Maker) -> None:
    data = dng(
        samples((8, 8)),
        main={
            305: (ASCII, "camera 1.0"),
            315: (ASCII, "A. Person"),
            33432: (ASCII, "(c) 2026"),
            270: (ASCII, "words"),
            306: (ASCII, "2020:01:01 00:00:00"),
        },
        exif={
            33434: (RATIONAL, [1, 250]),
            33437: (RATIONAL, [28, 10]),
            34850: (SHORT, 2),
            34855: (SHORT, 65535),
            34866: (LONG, 102400),
            36867: (ASCII, "2026:02:03 04:05:06"),
            36881: (ASCII, "+08:00"),
            37521: (ASCII, "042"),
            37380: (SRATIONAL, [-1, 3]),
            37383: (SHORT, 5),
            37385: (SHORT, 16),
            37386: (RATIONAL, [87, 10]),
            41989: (SHORT, 23),
            42032: (ASCII, "A. Person"),
            42033: (ASCII, "SN1"),
            42035: (ASCII, "Barnes Optics"),
            42036: (ASCII, "8.7 mm f/1.9"),
        },
        gps={
            1: (ASCII, "S"),
            2: (RATIONAL, [33, 1, 30, 1, 0, 0]),
            3: (ASCII, "E"),
            4: (RATIONAL, [151, 1, 12, 1, 36, 1]),
        },
    )
    capture = read(data).capture
    assert (capture.make, capture.model, capture.unique_model) == ("Barnes", "Testcam 1", "Barnes Testcam 1")
    assert capture.taken == datetime(2026, 2, 3, 4, 5, 6)
    assert (capture.subsecond, capture.utc_offset) == ("042", "+08:00")
    assert (capture.exposure_time, capture.f_number, capture.iso) == (1 / 250, 2.8, 102400)
    assert capture.exposure_bias == pytest.approx(-1 / 3)
    assert (capture.focal_length, capture.focal_length_35mm) == (8.7, 23)
    assert (capture.lens_make, capture.lens_model) == ("Barnes Optics", "8.7 mm f/1.9")
    assert (capture.flash, capture.metering, capture.exposure_program) == (16, 5, 2)
    assert (capture.serial, capture.owner) == ("SN1", "A. Person")
    assert (capture.artist, capture.copyright, capture.description) == ("A. Person", "(c) 2026", "words")
    assert capture.position == pytest.approx((-33.5, 151.21))
    assert capture.software == "camera 1.0"


def test_what_cameras_leave_empty_is_none(dng: Maker, samples: Maker) -> None:
    data = dng(
        samples((8, 8)),
        main={306: (ASCII, "    :  :     :  :  "), 315: (ASCII, " " * 20), 33432: (ASCII, "\0\0")},
        exif={
            33434: (RATIONAL, [0, 0]),
            33437: (RATIONAL, [0, 1]),
            34850: (SHORT, 0),
            34855: (SHORT, 0),
            36867: (ASCII, "0000:00:00 00:00:00"),
            37380: (SRATIONAL, [0, 0]),
            37386: (RATIONAL, [0, 10]),
            37521: (ASCII, "   "),
            41989: (SHORT, 0),
        },
        gps={1: (ASCII, ""), 2: (RATIONAL, [0, 0] * 3)},
    )
    capture = read(data).capture
    for name in ("taken", "artist", "copyright", "exposure_time", "f_number", "iso", "exposure_bias", "focal_length"):
        assert getattr(capture, name) is None, name
    for name in ("subsecond", "focal_length_35mm", "position", "exposure_program"):
        assert getattr(capture, name) is None, name


# Real files


REAL = ["raw/canon_colorchecker.dng", "raw/gopro_fusion_front.dng", "raw/gopro_hero6_mural.dng", "burst/m94/N003.dng"]


@pytest.mark.parametrize("name", REAL)
def test_mosaics_are_those_that_libraw_decodes(shared: Path, name: str) -> None:
    rawpy = pytest.importorskip("rawpy")
    with Source(path=shared / name) as source:
        image = read_dng(source)
    with rawpy.imread(str(shared / name)) as raw:
        np.testing.assert_array_equal(image.mosaic, raw.raw_image_visible)
        assert image.black.tolist() == np.array(raw.black_level_per_channel)[raw.raw_pattern].tolist()
        assert image.white[0, 0] == raw.white_level


def test_hero6(shared: Path) -> None:
    with Source(path=shared / "raw" / "gopro_hero6_mural.dng") as source:
        image = read_dng(source)
    assert (image.cfa, image.orientation, image.mosaic.shape) == ("RGGB", 2, (3000, 4000))
    assert (image.black.max(), image.white.min()) == (0, 16383)
    np.testing.assert_allclose(image.color.color_matrix_1[0], [1.8331, -0.8166, -0.2478])
    assert (image.color.illuminant_1, image.color.illuminant_2) == (3, 23)
    assert image.color.as_shot_neutral == (0.522449, 1, 0.571429)
    assert image.noise is not None
    assert image.noise.scale[0] == pytest.approx(1.56201e-4)
    assert len(image.opcodes_2) == 4
    corners = set()
    for made in image.opcodes_2:
        assert isinstance(made, GainMap)
        assert made.gains.shape == (23, 23, 1)
        assert (made.row_pitch, made.col_pitch) == (2, 2)
        assert made.gains.min() == 1
        assert 2.07 < made.gains.max() < 2.08
        corners.add((made.area.top, made.area.left))
    assert corners == {(0, 0), (0, 1), (1, 0), (1, 1)}
    assert image.capture.iso == 100
    assert image.capture.exposure_time == 1 / 455
    assert image.capture.focal_length_35mm == 15


def test_canon(shared: Path) -> None:
    with Source(path=shared / "raw" / "canon_colorchecker.dng") as source:
        image = read_dng(source)
    # Active area 26 152 1182 1886, and EXIF full of zeros.
    assert image.mosaic.shape == (1156, 1734)
    assert image.crop == Rectangle(0, 0, 1156, 1734)
    assert (image.black[0, 0], image.white[0, 0]) == (2056, 15000)
    assert image.color.baseline_exposure == 0
    assert image.capture.model == "Canon EOS Kiss X4"
    assert image.capture.iso is None
    assert image.capture.taken is None


def test_fusion_carries_its_lens_warp(shared: Path) -> None:
    with Source(path=shared / "raw" / "gopro_fusion_front.dng") as source:
        (warp,) = read_dng(source).opcodes_3
    assert isinstance(warp, WarpRectilinear)
    assert len(warp.coefficients) == 3
    assert warp.coefficients[1] == (1, 0, 0, 0, 0, 0)
    assert warp.center == (0.5, 0.5)
    assert warp.optional


def test_m94_is_a_green_red_mosaic(shared: Path) -> None:
    for i in range(8):
        with Source(path=shared / "burst" / "m94" / f"N{i:03d}.dng") as source:
            image = read_dng(source)
        assert (image.cfa, image.mosaic.shape) == ("GRBG", (1920, 1080))
        assert image.capture.exposure_time == 10

"""Opcode list 2 against what the specification says, sample by sample."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest

from fotohaus.develop.list_2 import BLACK, apply_list_2
from fotohaus.raw import opcode_types as types
from fotohaus.raw.image import ColorCalibration, GainMap, RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode
from fotohaus.report import Report

HEIGHT, WIDTH = 60, 80
FULL = Rectangle(0, 0, HEIGHT, WIDTH)
AREA = Rectangle(5, 6, 40, 51)
LINES = np.linspace(0.5, 1.2, 20, dtype=np.float32)
COLUMNS = np.linspace(0.5, 1.2, 17, dtype=np.float32)
STEP = 1 / (65535 - BLACK)


def gain_map(area: Rectangle, pitch: int = 1) -> GainMap:
    gains = np.linspace(1, 1.5, 12, dtype=np.float32).reshape(3, 4, 1)
    return GainMap(area, pitch, pitch, 0, 1, 0.0, 0.0, 0.5, 1 / 3, gains)


@pytest.fixture
def image() -> RawImage:
    rng = np.random.default_rng(5)
    black, white = np.array([[100, 102], [98, 101]], np.float32), np.array([[4000, 4002], [3998, 4001]], np.float32)
    samples = rng.integers(90, 3500, (HEIGHT, WIDTH)).astype(np.uint16)
    return RawImage(samples, "RGGB", black, white, ColorCalibration(np.eye(3)), FULL)


def values(raw: RawImage) -> np.ndarray:
    """Linear reference values."""
    height, width = raw.mosaic.shape[:2]
    if raw.cfa is None:
        return (raw.mosaic - raw.black.astype(float)) / (raw.white - raw.black)
    black, white = (np.tile(v.astype(float), (-(-height // 2), -(-width // 2))) for v in (raw.black, raw.white))
    return (raw.mosaic - black[:height, :width]) / (white - black)[:height, :width]


def applied(raw: RawImage, *opcodes: Opcode) -> RawImage:
    return apply_list_2(replace(raw, opcodes_2=opcodes))


def test_whole_gain_maps_alone_cost_nothing(image: RawImage) -> None:
    raw = replace(image, opcodes_2=(gain_map(FULL), types.OtherOpcode(77, 0x01030000, 1, b"")))
    assert apply_list_2(raw) is raw
    assert apply_list_2(image) is image


def test_each_opcode_works_on_its_rows_and_columns(image: RawImage) -> None:
    before = values(image)
    rows, columns = slice(5, 45, 2), slice(6, 57, 3)
    x = before[rows, columns]
    cases = [
        (types.MapPolynomial(AREA, 2, 3, 0, 1, (0.0, 0.5, 0.4)), 0.5 * x + 0.4 * x * abs(x)),
        (types.DeltaPerRow(AREA, 2, 3, 0, 1, LINES * 1000), x + LINES[:, None] * 1000 / 65535),
        (types.DeltaPerColumn(AREA, 2, 3, 0, 1, COLUMNS * 1000), x + COLUMNS * 1000 / 65535),
        (types.ScalePerRow(AREA, 2, 3, 0, 1, LINES), x * LINES[:, None]),
        (types.ScalePerColumn(AREA, 2, 3, 0, 1, COLUMNS), x * COLUMNS),
    ]
    for opcode, expected in cases:
        raw = applied(image, opcode)
        after, whole = values(raw), before.copy()
        whole[rows, columns] = np.minimum(expected, 1)
        assert raw.opcodes_2 == ()
        # Twice rounded.
        np.testing.assert_allclose(after, whole, atol=2 * STEP, err_msg=type(opcode).__name__)


def test_a_table_is_for_16_bit_numbers_and_its_last_entry_for_all_above(image: RawImage) -> None:
    table = (np.arange(20000) // 2).astype(np.uint16)
    after = values(applied(image, types.MapTable(FULL, 1, 1, 0, 1, table)))
    x = values(image)
    expected = np.where(x < 0, x / 2, np.minimum(x / 2, table[-1] / 65535))
    np.testing.assert_allclose(after, expected, atol=2e-5 + 2 * STEP)


def test_a_gain_map_over_a_part_leaves_the_rest(image: RawImage) -> None:
    before, after = values(image), values(applied(image, gain_map(AREA)))
    ratio = (after / before)[AREA.slices][before[AREA.slices] > 0.3]
    assert 1.02 < ratio.min() < ratio.max() < 1.5
    outside = np.ones((HEIGHT, WIDTH), bool)
    outside[AREA.slices] = False
    np.testing.assert_allclose(after[outside], before[outside], atol=STEP)


def test_order_counts_and_trailing_gain_maps_stay(image: RawImage) -> None:
    curve = types.MapPolynomial(FULL, 1, 1, 0, 1, (0.1, 0.5))
    raw = applied(image, gain_map(AREA), curve, gain_map(FULL), gain_map(FULL, 2))
    assert [type(o) for o in raw.opcodes_2] == [GainMap, GainMap]
    x = values(applied(image, gain_map(AREA)))
    np.testing.assert_allclose(values(raw), np.where(x < 0, 0.1 + 0.5 * x, 0.1 + 0.5 * x), atol=3 * STEP)


def test_values_above_white_are_cut_and_noise_below_black_stays(image: RawImage) -> None:
    samples = image.mosaic.copy()
    samples[:2] = 90
    scale = types.ScalePerRow(FULL, 1, 1, 0, 1, np.full(HEIGHT, 2, np.float32))
    after = values(applied(image.with_mosaic(samples), scale))
    assert after.max() == pytest.approx(1)
    black = np.array([[100, 102], [98, 101]])
    np.testing.assert_allclose(after[:2, :2], 2 * (90 - black) / 3900, atol=2 * STEP)


def test_vignette_is_one_in_the_middle_and_as_given_at_the_corner(image: RawImage) -> None:
    flat = image.with_mosaic(np.full((HEIGHT, WIDTH), 1100, np.uint16))
    after = values(applied(flat, types.FixVignetteRadial((0.5, 0.3, 0, 0, 0), (0.5, 0.5)))) / values(flat)
    assert after[29:31, 39:41] == pytest.approx(1, abs=1e-3)
    r2 = (29.5**2 + 39.5**2) / (30**2 + 40**2)
    assert after[0, 0] == pytest.approx(1 + 0.5 * r2 + 0.3 * r2**2, rel=2e-4)


@pytest.mark.parametrize(("top", "left", "cfa"), [(0, 0, "RGGB"), (1, 0, "GBRG"), (2, 3, "GRBG"), (3, 5, "BGGR")])
def test_trimming_takes_the_pattern_along(image: RawImage, top: int, left: int, cfa: str) -> None:
    area = Rectangle(top, left, 40, 50)
    raw = applied(image, types.TrimBounds(area), types.ScalePerRow(Rectangle(0, 0, 1, 50), 1, 1, 0, 1, LINES[:1]))
    assert raw.cfa == cfa
    assert raw.crop == Rectangle(0, 0, 40, 50)
    expected = values(image)[area.slices]
    expected[0] *= LINES[0]
    np.testing.assert_allclose(values(raw), expected, atol=2 * STEP)


def test_bad_pixels_become_like_their_neighbours(image: RawImage) -> None:
    samples = np.full((HEIGHT, WIDTH), 1000, np.uint16)
    samples[20, 30], samples[40, 41] = 3900, 95  # below black, which is 0
    flat = image.with_mosaic(samples)
    listed = types.FixBadPixelsList(0, np.array([[20, 30]]), np.zeros((0, 4), np.int64))
    after = values(applied(flat, listed, types.FixBadPixelsConstant(0, 0)))
    x = values(flat)
    assert after[20, 30] == pytest.approx(x[20, 28], abs=STEP)
    assert after[40, 41] == pytest.approx(x[40, 39], abs=STEP)


def test_warps_move_to_list_3(image: RawImage) -> None:
    warp, old = (types.WarpRectilinear(((k, 0, 0, 0, 0, 0),), (0.5, 0.5)) for k in (1.1, 1.2))
    report = Report()
    raw = apply_list_2(replace(image, opcodes_2=(warp,), opcodes_3=(old,)), report)
    assert raw.opcodes_3 == (warp, old)


def test_linear_raw_by_plane_and_monochrome_once(image: RawImage, scenes: ModuleType) -> None:
    rng = np.random.default_rng(2)
    samples = rng.integers(0, 4000, (HEIGHT, WIDTH, 3)).astype(np.uint16)
    levels = {"black": np.zeros((1, 3), np.float32), "white": np.full((1, 3), 4095, np.float32)}
    curve = types.MapPolynomial(FULL, 1, 1, 1, 1, (0.0, 0.0, 1.0))
    linear = RawImage(samples, None, **levels, color=scenes.CAMERA, crop=FULL, opcodes_2=(curve,))
    before, after = values(linear), values(apply_list_2(linear))
    before[..., 1] **= 2
    np.testing.assert_allclose(after, before, atol=2 * STEP)

    gray = replace(
        linear,
        mosaic=np.broadcast_to(samples[..., :1], samples.shape),
        monochrome=True,
        opcodes_2=(replace(curve, plane=0),),
    )
    done = apply_list_2(gray)
    assert done.mosaic.shape == samples.shape
    assert done.mosaic.strides[2] == 0
    np.testing.assert_allclose(values(done)[..., 2], (samples[..., 0] / 4095) ** 2, atol=2 * STEP)


def test_floats_in_their_own_unit(image: RawImage) -> None:
    samples = (image.mosaic / 4000).astype(np.float32)
    floats = replace(
        image, mosaic=samples, black=np.zeros((2, 2), np.float32), white=np.ones((2, 2), np.float32),
        opcodes_2=(types.DeltaPerRow(FULL, 1, 1, 0, 1, np.full(HEIGHT, 0.05, np.float32)),),
    )  # fmt: skip
    np.testing.assert_allclose(values(apply_list_2(floats)), samples + 0.05, atol=3 * STEP)


@pytest.mark.parametrize("size", [1e30, -1e300, 1e308])
def test_absurd_coefficients_give_an_image(image: RawImage, size: float) -> None:
    opcodes = [
        types.MapPolynomial(FULL, 1, 1, 0, 1, (size, -size, size)),
        types.FixVignetteRadial((size, -size, size, 0, 0), (0.5, size)),
        types.ScalePerRow(AREA, 1, 1, 0, 1, np.full(40, 3e38, np.float32)),
        types.DeltaPerColumn(AREA, 1, 1, 0, 1, np.full(51, -3e38, np.float32)),
    ]
    for opcode in opcodes:
        assert applied(image, opcode).mosaic.dtype == np.uint16

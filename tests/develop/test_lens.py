"""Lens corrections against exact coordinates and exact resampling in double precision."""

from collections.abc import Sequence
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus import kernels
from fotohaus.develop.geometry import orient, upright
from fotohaus.develop.lens import prepare_lens
from fotohaus.develop.lens_map import LensChain, LensMap
from fotohaus.develop.lens_model import source_places
from fotohaus.raw import opcode_types as types
from fotohaus.raw.image import ColorCalibration, GainMap, RawImage, Rectangle
from fotohaus.raw.opcode_types import Opcode
from fotohaus.report import Report

HEIGHT, WIDTH = 300, 400
FULL = Rectangle(0, 0, HEIGHT, WIDTH)
CROP = Rectangle(20, 30, 250, 330)
MILD = types.WarpRectilinear(
    ((1.01, -0.02, 0.005, 0, 0.001, -0.0005), (1.0, -0.02, 0.004, 0, 0.001, 0), (1.0, -0.01, 0, 0, 0, 0)), (0.48, 0.53)
)
STRONG = types.WarpRectilinear(((0.9, -0.15, 0.05, 0, 0, 0),), (0.5, 0.5))
FISHEYE = types.WarpFisheye(((1.2, -0.1, 0.02, 0),), (0.5, 0.45))
WIDE = types.WarpRectilinear2(
    ((1.0, 0.01, -0.06, 0.02, *[0.0] * 7, 0.003, *[0.0] * 3, 0.0005, 0.001),), ((0.0, 1.0),), (0.5, 0.5), False
)
VIGNETTE = types.FixVignetteRadial((0.3, 0.1, 0.05, 0.02, 0.01), (0.45, 0.55))


def raw_of(*opcodes: Opcode, crop: Rectangle = FULL, orientation: int = 1, size: tuple[int, int] = (HEIGHT, WIDTH)):
    level = np.ones((2, 2), np.float32)
    color = ColorCalibration(np.eye(3))
    return RawImage(np.zeros(size, np.uint16), "RGGB", 0 * level, level, color, crop, orientation, opcodes_3=opcodes)


def lens_of(raw: RawImage, margin: int = 1 << 20, **more) -> LensMap | LensChain:
    lens = prepare_lens(raw, upright(raw, margin), **more)
    assert lens is not None
    return lens


def corrected(
    lens: LensMap | LensChain, picture: np.ndarray, strips: Sequence[tuple[int, int]] | None = None, matrix=None
):
    """A picture of the whole active area, upright, through a map, in strips."""
    made = []
    for top, bottom in strips or [(0, lens.shape[0])]:
        first, last = lens.source_rows(top, bottom)
        region = kernels.planar(np.ascontiguousarray(picture[first:last, slice(*lens.columns)], np.float32))
        made.append(lens.apply(region, first, top, bottom, matrix))
    return np.concatenate(made)


def places(warp, plane: int, height: int = HEIGHT, width: int = WIDTH):
    """Source coordinates, written out from the specification; centre and radius as Adobe's SDK has them."""
    y, x = np.mgrid[:height, :width].astype(float)
    cx, cy = warp.center[0] * width, warp.center[1] * height
    m = np.hypot(max(cx, width - cx), max(cy, height - cy))
    dx, dy = (x - cx) / m, (y - cy) / m
    r = np.hypot(dx, dy)
    k = warp.coefficients[min(plane, len(warp.coefficients) - 1)]
    if isinstance(warp, types.WarpFisheye):
        t = np.arctan(r)
        f = sum(k[i] * t ** (2 * i + 1) for i in range(4)) / np.maximum(r, 1e-9)
        return cx + m * f * dx, cy + m * f * dy
    if isinstance(warp, types.WarpRectilinear2):
        low, high = warp.valid[min(plane, len(warp.valid) - 1)]
        f = sum(k[i] * r.clip(low, high) ** i for i in range(15))
        f = 1 / f if warp.reciprocal else f
    else:
        f = sum(k[i] * r ** (2 * i) for i in range(4))
    t0, t1 = k[-2:]
    return (
        cx + m * (f * dx + t0 * 2 * dx * dy + t1 * (r * r + 2 * dx * dx)),
        cy + m * (f * dy + t1 * 2 * dx * dy + t0 * (r * r + 2 * dy * dy)),
    )


def resampled(plane: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Lanczos, six taps, weights normalised, the border repeated."""
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)

    def weights(f: np.ndarray) -> np.ndarray:
        z = np.arange(-2, 4) - f[..., None]
        w = np.sinc(z) * np.sinc(z / 3)
        return w / w.sum(axis=-1, keepdims=True)

    wx, wy = weights(x - x0), weights(y - y0)
    rows, columns = ((at - 2).astype(int) for at in (y0, x0))
    height, width = plane.shape
    out = np.zeros(x.shape)
    for j in range(6):
        for i in range(6):
            sample = plane[(rows + j).clip(0, height - 1), (columns + i).clip(0, width - 1)]
            out += wy[..., j] * wx[..., i] * sample
    return out


@pytest.fixture(scope="module")
def picture(scenes: ModuleType) -> np.ndarray:
    return scenes.smooth_scene(HEIGHT, WIDTH).astype(np.float32)


@pytest.mark.parametrize(
    ("warp", "orientation"), [*((MILD, n) for n in range(1, 9)), (STRONG, 6), (FISHEYE, 1), (FISHEYE, 7), (WIDE, 3)]
)
def test_pixels_come_from_where_the_specification_says(picture, warp, orientation: int) -> None:
    lens = lens_of(raw_of(warp, crop=CROP, orientation=orientation))
    exact = np.stack([resampled(picture[..., p], *places(warp, p)) for p in range(3)], axis=-1)
    got = corrected(lens, orient(picture, orientation))
    expected = orient(exact[CROP.slices], orientation)
    assert got.shape == expected.shape
    # The map is linear in eight pixels: on a picture as small as this one that is a thirtieth of a pixel at worst.
    assert np.quantile(np.abs(got - expected), 0.999) < 1.5e-3


@pytest.mark.parametrize("warp", [MILD, STRONG, FISHEYE, WIDE], ids=["mild", "strong", "fisheye", "wide"])
def test_the_map_on_a_grid_is_good_to_a_fiftieth_of_a_pixel(warp) -> None:
    # Whatever the kernel makes of a straight ramp, it makes of both: what differs is the place, in px.
    size = (1200, 1600)
    ramp = np.repeat(np.arange(1600, dtype=np.float32)[None, :, None], 1200, axis=0).repeat(3, axis=2)
    got = corrected(lens_of(raw_of(warp, size=size, crop=Rectangle(0, 0, *size))), ramp, [(0, 240)])
    for plane in range(3):
        x, y = (a[:240] for a in places(warp, plane, *size))
        inside = (x > 3) & (x < 1596) & (y > 3) & (y < 1196)
        position = lanczos_ramp(x)
        assert np.abs(got[..., plane] - position)[inside].max() < 0.02


def lanczos_ramp(x: np.ndarray) -> np.ndarray:
    """What Lanczos's kernel makes of the picture whose values are its columns' numbers."""
    whole = np.floor(x)
    f = (x - whole)[..., None]
    z = np.arange(-2, 4) - f
    w = np.sinc(z) * np.sinc(z / 3)
    return whole + (w * np.arange(-2, 4)).sum(axis=-1) / w.sum(axis=-1)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(1, CROP.height - 1), unique=True, max_size=6), orientation=st.integers(1, 8))
def test_strips_do_not_show(picture, cuts: list[int], orientation: int) -> None:
    lens = lens_of(raw_of(STRONG, VIGNETTE, crop=CROP, orientation=orientation))
    edges = [0, *sorted(c for c in cuts if c < lens.shape[0]), lens.shape[0]]
    upright_picture = orient(picture, orientation)
    whole = corrected(lens, upright_picture)
    assert np.array_equal(whole, corrected(lens, upright_picture, list(pairwise(edges))))


def test_rows_that_are_asked_for_are_enough_and_few(picture) -> None:
    lens = lens_of(raw_of(MILD, crop=CROP))
    first, last = lens.source_rows(100, 132)
    assert last - first < 32 + 40
    part = corrected(lens, picture, [(100, 132)])
    other = picture.copy()
    other[:first], other[last:] = 9, 9
    assert np.array_equal(part, corrected(lens, other, [(100, 132)]))
    with pytest.raises(ValueError, match="needs rows"):
        lens.apply(kernels.planar(picture[first + 1 : last]), first + 1, 100, 132)


def test_a_margin_around_the_crop_is_seen(picture) -> None:
    """Barrel distortion turned to none brings in what lies beyond the crop, where the view has it."""
    wider = types.WarpRectilinear(((1.05, 0, 0, 0, 0, 0),), (0.5, 0.5))
    raw = raw_of(wider, crop=CROP)
    seen = corrected(lens_of(raw), picture)
    exact = resampled(picture[..., 1], *places(wider, 1))[CROP.slices]
    assert np.abs(seen[..., 1] - exact).max() < 5e-4
    bare = lens_of(raw, margin=0)
    assert bare.source_rows(0, CROP.height) == (0, CROP.height)


def test_two_warps_and_vignettes_are_one_resampling(picture) -> None:
    got = corrected(lens_of(raw_of(VIGNETTE, MILD, WIDE)), picture)
    exact = []
    for p in range(3):
        x2, y2 = places(WIDE, p)
        x, y = source_places(MILD, FULL, p, (x2, y2))
        r2 = ((x + 0.5 - 180) ** 2 + (y + 0.5 - 165) ** 2) / (220**2 + 165**2)
        gain = 1 + sum(k * r2 ** (i + 1) for i, k in enumerate(VIGNETTE.coefficients))
        exact.append(resampled(picture[..., p], x, y) * gain)
    assert np.quantile(np.abs(got - np.stack(exact, -1)), 0.999) < 8e-4


def test_the_fallback_of_an_optional_warp_is_skipped(picture) -> None:
    def made(*opcodes: Opcode) -> np.ndarray:
        return corrected(lens_of(raw_of(*opcodes)), picture)

    alone = made(WIDE)
    must = types.WarpRectilinear2(WIDE.coefficients, WIDE.valid, WIDE.center, False, flags=0)
    assert np.array_equal(made(WIDE, FISHEYE), alone)
    assert np.array_equal(made(WIDE, MILD), alone)
    assert not np.array_equal(made(must, FISHEYE), alone)
    assert not np.array_equal(made(WIDE, VIGNETTE, MILD), made(WIDE, VIGNETTE))


def test_reciprocal_and_valid_radius(picture) -> None:
    warp = types.WarpRectilinear2(((1.0, 0.01, 0.06, *[0.0] * 14),), ((0.2, 0.7),), (0.5, 0.5), True)
    exact = np.stack([resampled(picture[..., p], *places(warp, p)) for p in range(3)], axis=-1)
    assert np.quantile(np.abs(corrected(lens_of(raw_of(warp)), picture) - exact), 0.999) < 5e-3


def test_nothing_to_do_is_none() -> None:
    identity = types.WarpRectilinear(((1, 0, 0, 0, 0, 0),), (0.5, 0.5))
    for raw in (raw_of(), raw_of(identity), raw_of(types.OtherOpcode(99, 0x01030000, 1, b""))):
        assert prepare_lens(raw, upright(raw, 0)) is None
    assert prepare_lens(raw_of(MILD), upright(raw_of(MILD), 0), opcodes=False) is None


def test_a_vignette_alone_moves_nothing(picture) -> None:
    lens = lens_of(raw_of(VIGNETTE))
    assert not lens.moving
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    r2 = ((x - 180) ** 2 + (y - 165) ** 2) / (220**2 + 165**2)
    gain = 1 + sum(k * r2 ** (i + 1) for i, k in enumerate(VIGNETTE.coefficients))
    np.testing.assert_allclose(corrected(lens, picture), picture * gain[..., None], rtol=4e-4)


def test_the_matrix_comes_last(picture) -> None:
    matrix = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    for opcodes in ((MILD,), (VIGNETTE,)):
        lens = lens_of(raw_of(*opcodes))
        np.testing.assert_allclose(
            corrected(lens, picture, matrix=matrix), corrected(lens, picture) @ matrix.T, atol=2e-6
        )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_opcodes_on_values_know_where_they_are(picture, orientation: int) -> None:
    area = Rectangle(30, 45, 100, 120)
    scale = types.ScalePerRow(area, 2, 3, 1, 1, np.linspace(0.5, 1.5, 50, dtype=np.float32))
    curve = types.MapPolynomial(FULL, 1, 1, 0, 3, (0.0, 0.6, 0.4))
    gains = GainMap(area, 1, 1, 0, 3, 0, 0, 1, 1, np.array([[[1.0], [1.5]], [[1.2], [1.0]]], np.float32))
    multipliers = np.array([2.0, 1.0, 1.6], np.float32)
    raw = raw_of(scale, curve, gains, crop=CROP, orientation=orientation)
    lens = lens_of(raw, multipliers=multipliers)
    expected = picture.astype(float)
    expected[30:130:2, 45:165:3, 1] *= np.linspace(0.5, 1.5, 50)[:, None]
    expected = 0.6 * expected + 0.4 * expected**2
    v, h = (np.arange(30, 130) + 0.5) / HEIGHT, (np.arange(45, 165) + 0.5) / WIDTH
    upper, lower = 1 + 0.5 * h, 1.2 - 0.2 * h
    expected[area.slices] *= (upper * (1 - v[:, None]) + lower * v[:, None])[..., None]
    got = corrected(lens, orient(picture * multipliers, orientation), [(0, 77), (77, lens.shape[0])])
    np.testing.assert_allclose(got / multipliers, orient(expected[CROP.slices], orientation), atol=1e-4)


def test_after_a_warp_values_change_in_the_corrected_picture(picture) -> None:
    area = Rectangle(100, 120, 50, 60)
    curve = types.MapPolynomial(area, 1, 1, 1, 1, (0.1, 0.8))
    plain, got = (corrected(lens_of(raw_of(*o)), picture) for o in ((MILD,), (MILD, curve)))
    plain[100:150, 120:180, 1] = 0.1 + 0.8 * plain[100:150, 120:180, 1]
    np.testing.assert_allclose(got, plain, atol=1e-5)


def test_highlights_above_white_keep_their_proportion() -> None:
    bright = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    bright[100:150] = (3.0, 2.0, 1.5)
    lens = lens_of(raw_of(types.MapPolynomial(FULL, 1, 1, 0, 3, (0.0, 0.5, 0.4))))
    np.testing.assert_allclose(corrected(lens, bright)[120, 120], 0.9 * bright[120, 120], rtol=1e-4)


def test_trimmed_images_count_from_their_corner(picture) -> None:
    trim = types.TrimBounds(Rectangle(10, 20, 280, 370))
    got = corrected(lens_of(raw_of(trim, MILD, crop=Rectangle(0, 0, 280, 370))), picture)
    cut = picture[10:290, 20:390]
    exact = np.stack([resampled(cut[..., p], *places(MILD, p, 280, 370)) for p in range(3)], axis=-1)
    assert np.abs(got - exact)[12:-12, 12:-12].max() < 5e-4


def test_one_warp_for_all_colours_leaves_them_together() -> None:
    """So a file with it has said nothing of lateral chromatic aberration, which is looked for then."""
    for warps, apart in (((STRONG,), False), ((FISHEYE,), False), ((VIGNETTE,), False), ((MILD,), True)):
        assert lens_of(raw_of(*warps)).apart == apart
    for first in (STRONG, MILD):
        chain = lens_of(raw_of(first, types.MapPolynomial(FULL, 0, 3, 0, 1, (0.0, 0.9)), STRONG))
        assert isinstance(chain, LensChain)
        assert chain.apart == (first is MILD)


def test_aberration_by_plane_comes_before_the_file(picture) -> None:
    red = types.WarpRectilinear(((1.004, 0, 0, 0, 0, 0), (1.0, 0, 0, 0, 0, 0), (0.997, 0, 0, 0, 0, 0)), (0.5, 0.5))
    got = corrected(lens_of(raw_of(STRONG), aberration=(red,)), picture)
    for p in range(3):
        x, y = source_places(red, FULL, p, places(STRONG, p))
        assert np.quantile(np.abs(got[..., p] - resampled(picture[..., p], x, y)), 0.999) < 1e-3


def test_a_profile_counts_only_where_the_file_says_nothing(picture) -> None:
    plain = corrected(lens_of(raw_of(MILD)), picture)
    assert np.array_equal(plain, corrected(lens_of(raw_of(MILD), profile=(WIDE,)), picture))
    with_profile = corrected(lens_of(raw_of(), profile=(WIDE,)), picture)
    assert np.array_equal(with_profile, corrected(lens_of(raw_of(WIDE)), picture))


def test_no_dark_ring_around_a_lamp() -> None:
    scene = np.full((HEIGHT, WIDTH, 3), 0.01, np.float32)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    scene[np.hypot(y - 150, x - 200) < 20.3] = 20
    got = corrected(lens_of(raw_of(MILD)), scene)
    assert got.min() >= 0.01 * 0.75 - 1e-6
    assert got.max() <= 20 * 1.25


@settings(max_examples=40, deadline=None)
@given(
    k=st.tuples(*[st.floats(-3, 3)] * 6),
    center=st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
    height=st.integers(2, 70),
    width=st.integers(2, 70),
)
def test_any_coefficients_give_a_picture(k, center, height: int, width: int) -> None:
    raw = raw_of(types.WarpRectilinear((k,), center), size=(height, width), crop=Rectangle(0, 0, height, width))
    lens = prepare_lens(raw, upright(raw, 0))
    if lens is not None:
        got = corrected(lens, np.full((height, width, 3), 0.5, np.float32))
        np.testing.assert_allclose(got, 0.5, atol=1e-4)


@pytest.mark.parametrize("size", [1e30, -1e300, 1e308])
def test_absurd_coefficients_give_a_picture_without_warnings(size: float) -> None:
    opcodes = [
        types.WarpRectilinear(((size, -size, size, size, size, size),), (size, 0.5)),
        types.WarpRectilinear2(((*[size] * 17,),), ((0.0, 1.0),), (0.5, 0.5), True),
        types.WarpFisheye(((size, size, -size, size),), (0.5, -size)),
        types.FixVignetteRadial((size, -size, size, size, size), (0.5, 0.5)),
    ]
    flat = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    for opcode in opcodes:
        lens = prepare_lens(raw_of(opcode), upright(raw_of(opcode), 0))
        if lens is not None:
            assert np.isfinite(corrected(lens, flat)).all()


def test_what_is_left_out_is_said() -> None:
    bad = types.FixBadPixelsConstant(0, 0, flags=0)
    report = Report()
    raw = raw_of(MILD, WIDE, bad)
    assert prepare_lens(raw, upright(raw, 0), report=report) is not None
    assert "FixBadPixelsConstant" in " ".join(report.warnings)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_what_stands_between_two_warps_is_applied_there(picture, orientation: int) -> None:
    rows = types.ScalePerRow(FULL, 1, 1, 0, 3, (1 + 0.2 * (np.arange(HEIGHT) % 50 > 25)).astype(np.float32))
    made = lens_of(raw_of(STRONG, rows, MILD, crop=CROP, orientation=orientation))
    assert isinstance(made, LensChain)
    got = corrected(made, orient(picture, orientation))
    step = corrected(lens_of(raw_of(STRONG, rows)), picture)
    alone = corrected(lens_of(raw_of(MILD, crop=CROP)), step)
    np.testing.assert_allclose(got, orient(alone, orientation), atol=2e-3)
    height = made.shape[0]
    pieces = [(top, min(top + 48, height)) for top in range(0, height, 48)]
    np.testing.assert_array_equal(corrected(made, orient(picture, orientation), pieces), got)


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_picture_in_small_is_corrected_about_as_the_large_one(picture, orientation: int) -> None:
    lens = lens_of(raw_of(STRONG, VIGNETTE, crop=CROP, orientation=orientation))
    exact = corrected(lens, orient(picture, orientation))[1::3, 1::3]
    seen = np.ascontiguousarray(orient(picture[CROP.slices], orientation)[1::3, 1::3])
    made = lens.in_small(seen)
    assert made.shape == seen.shape
    inside = slice(15, -15)
    wrong, uncorrected = (np.abs(p - exact)[inside, inside].mean() for p in (made, seen))
    assert wrong < 0.4 * uncorrected

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.develop.geometry import cfa_of, orient, upright
from fotohaus.develop.linearize import apply_gain_maps, linearize
from fotohaus.develop.shading import Shading, combine_gain_maps, shading_of
from fotohaus.raw.image import GainMap, Rectangle
from fotohaus.report import Report

BLACK = np.array([[10, 20], [30, 40]], np.float32)
SCALE = np.array([[1, 2], [3, 4]], np.float32) / 4000


def reference(mosaic, shading):
    height, width = mosaic.shape
    y, x = np.mgrid[:height, :width]
    gains = np.empty(mosaic.shape)
    for position in range(4):
        i, j = divmod(position, 2)
        here = shading.sample(np.arange(i, height, 2), np.arange(j, width, 2), position)
        gains[i::2, j::2] = here
    return (mosaic.astype(np.float64) - BLACK[y & 1, x & 1]) * SCALE[y & 1, x & 1] * gains


def phone_maps(height, width, seed=3, points=(5, 7)):
    """Four maps, one per position of the CFA, as phones write them."""
    rng = np.random.default_rng(seed)
    maps = []
    for i in (0, 1):
        for j in (0, 1):
            gains = (1 + rng.random((*points, 1))).astype(np.float32)
            area = Rectangle(i, j, height - i, width - j)
            spacing = 1 / (points[0] - 1), 1 / (points[1] - 1)
            maps.append(GainMap(area, 2, 2, 0, 1, 0.0, 0.0, *spacing, gains))
    return maps


def specified_gains(maps, height, width):
    """DNG 1.7.1, GainMap: bilinear between the points nearest to a sample's centre, the border's values outside."""
    out = np.ones((height, width))
    for m in maps:
        for row in range(m.area.top, m.area.top + m.area.height, m.row_pitch):
            v = np.clip(((row + 0.5) / height - m.origin_v) / m.spacing_v, 0, m.gains.shape[0] - 1)
            v0 = min(int(v), m.gains.shape[0] - 2)
            for column in range(m.area.left, m.area.left + m.area.width, m.col_pitch):
                h = np.clip(((column + 0.5) / width - m.origin_h) / m.spacing_h, 0, m.gains.shape[1] - 1)
                h0 = min(int(h), m.gains.shape[1] - 2)
                g = m.gains[v0 : v0 + 2, h0 : h0 + 2, 0].astype(float)
                top, bottom = g[:, 0] + (g[:, 1] - g[:, 0]) * (h - h0)
                out[row, column] *= top + (bottom - top) * (v - v0)
    return out


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 80), st.integers(1, 150), st.integers(1, 8), st.booleans())
def test_kernel_agrees_with_numpy_on_any_view(height, width, orientation, with_gains):
    rng = np.random.default_rng(height * 1000 + width)
    mosaic = orient(rng.integers(0, 4096, (height, width)).astype(np.uint16), orientation)
    shading = Shading()
    if with_gains:
        step = (6 / mosaic.shape[1], 4 / mosaic.shape[0])
        shading = Shading((1 + rng.random((5, 7, 4))).astype(np.float32), (0.1, -0.2), step)
    got = linearize(mosaic, BLACK, SCALE, shading)
    np.testing.assert_allclose(got, reference(mosaic, shading), rtol=2e-5, atol=1e-6)


def test_noise_below_black_is_kept():
    assert linearize(np.zeros((4, 4), np.uint16), BLACK, SCALE).max() < 0


def test_gain_maps_follow_the_specification():
    height, width = 24, 38
    maps = phone_maps(height, width)
    shading = combine_gain_maps(maps, height, width, cfa=True)
    mosaic = np.full((height, width), 1040, np.uint16)
    got = linearize(mosaic, np.full((2, 2), 40, np.float32), np.full((2, 2), 1e-3, np.float32), shading)
    np.testing.assert_allclose(got, specified_gains(maps, height, width), rtol=1e-5)


def test_gain_maps_with_other_grids_are_joined():
    height, width = 40, 60
    maps = [*phone_maps(height, width), *phone_maps(height, width, 4, points=(3, 3))[:2]]
    shading = combine_gain_maps(maps, height, width, cfa=True)
    got = apply_gain_maps(np.ones((height, width), np.float32), shading)
    np.testing.assert_allclose(got, specified_gains(maps, height, width), rtol=0.08)


def test_one_map_for_the_whole_image():
    gains = np.array([[1.0, 2.0], [1.0, 2.0]], np.float32)[..., None]
    whole = GainMap(Rectangle(0, 0, 10, 20), 1, 1, 0, 1, 0.0, 0.0, 1.0, 1.0, gains)
    got = apply_gain_maps(np.ones((10, 20), np.float32), combine_gain_maps([whole], 10, 20, cfa=True))
    np.testing.assert_allclose(got, np.broadcast_to(1 + (np.arange(20) + 0.5) / 20, (10, 20)), rtol=1e-6)


def test_a_map_of_one_point_is_a_factor():
    flat = GainMap(Rectangle(0, 0, 10, 20), 1, 1, 0, 1, 0.0, 0.0, 1.0, 1.0, np.full((1, 1, 1), 1.5, np.float32))
    got = apply_gain_maps(np.ones((10, 20), np.float32), combine_gain_maps([flat], 10, 20, cfa=True))
    np.testing.assert_allclose(got, 1.5)


def test_a_map_over_a_part_is_left_out_and_said():
    report = Report()
    part = GainMap(Rectangle(4, 4, 4, 4), 1, 1, 0, 1, 0.0, 0.0, 1.0, 1.0, np.full((2, 2, 1), 3, np.float32))
    shading = combine_gain_maps([part], 20, 20, cfa=True, report=report)
    np.testing.assert_array_equal(shading.grid, 1)
    assert any("part of the image" in warning for warning in report.warnings)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("crop", [Rectangle(0, 0, 48, 70), Rectangle(5, 8, 31, 40), Rectangle(20, 31, 20, 33)])
def test_an_upright_view_keeps_levels_colours_and_gains(scenes, orientation, crop):
    """Linearised and then turned, or turned and then linearised: the same."""
    height, width = 48, 70
    rng = np.random.default_rng(5)
    raw = scenes.raw_of(rng.random((height, width, 3)), "GRBG", 1, opcodes_2=tuple(phone_maps(height, width)))
    raw = raw.__class__(**{**raw.__dict__, "orientation": orientation, "crop": crop, "black": BLACK})
    whole = linearize(raw.mosaic, BLACK, SCALE, combine_gain_maps(raw.opcodes_2, height, width, cfa=True))
    expected = orient(whole[crop.slices], orientation)
    sites = np.array([[scenes.channel("GRBG", y, x) for x in range(width)] for y in range(height)])

    view = upright(raw, 6)
    got = linearize(view.samples, view.at_positions(BLACK), view.at_positions(SCALE), shading_of(raw, view))
    np.testing.assert_allclose(got[view.crop.slices], expected, rtol=1e-5, atol=1e-6)
    y, x = np.mgrid[: got.shape[0], : got.shape[1]]
    cfa = cfa_of(view, "GRBG")
    seen = np.array([scenes.channel(cfa, i, j) for i, j in ((0, 0), (0, 1), (1, 0), (1, 1))])[2 * (y & 1) + (x & 1)]
    np.testing.assert_array_equal(seen[view.crop.slices], orient(sites[crop.slices], orientation))
    assert min(view.crop.top, view.crop.left) >= 0
    assert view.samples.shape[0] - view.crop.height <= 12


@pytest.mark.parametrize("orientation", [0, 9])
def test_orientation_is_checked(orientation):
    with pytest.raises(ValueError, match="1 to 8"):
        orient(np.zeros((2, 2)), orientation)


def test_orientation_6_turns_clockwise():
    np.testing.assert_array_equal(orient(np.array([[1, 2, 3], [4, 5, 6]]), 6), [[4, 1], [5, 2], [6, 3]])
    np.testing.assert_array_equal(orient(np.array([[1, 2, 3], [4, 5, 6]]), 8), [[3, 6], [2, 5], [1, 4]])


def test_crop_is_checked(scenes):
    raw = scenes.raw_of(np.zeros((8, 8, 3)), crop=Rectangle(0, 0, 9, 8))
    with pytest.raises(ValueError, match="not within"):
        upright(raw, 4)

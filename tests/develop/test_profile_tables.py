"""Hue/sat maps, looks and their interpolation against the specification, written out in NumPy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import profiles
from fotohaus import kernels
from fotohaus.develop.profile_look import apply_profile_look, profile_look, sample_curve
from fotohaus.develop.profile_tables import (
    apply_hue_sat_map,
    hue_sat_map_at,
    prophoto_to_rec2020,
    rec2020_to_prophoto,
    total_baseline_exposure,
)
from fotohaus.raw.extras import SemanticMask
from fotohaus.raw.image import Rectangle
from fotohaus.raw.lights import weights
from fotohaus.raw.profile import HueSatMap, RgbTables
from fotohaus.raw.temperature import D50, D65

SHAPES = [(1, 1, 2), (1, 6, 8), (1, 90, 30), (2, 1, 2), (8, 12, 8)]


def pixels_of(seed: int, low: float = -0.05, high: float = 1.4, shape: tuple[int, int] = (37, 41)):
    out = kernels.empty((*shape, 3))
    out[...] = np.random.default_rng(seed).uniform(low, high, out.shape)
    return out


def neutral_table(shape: tuple[int, int, int], encoding="linear") -> HueSatMap:
    shifts = np.zeros((*shape, 3), np.float32)
    shifts[..., 1:] = 1
    return HueSatMap(shifts, encoding)


def encode(v):
    return np.where(v <= 0.0031308, 12.92 * v, 1.055 * np.maximum(v, 1e-9) ** (1 / 2.4) - 0.055)


def decode(v):
    return np.where(v <= 0.04045, v / 12.92, ((np.maximum(v, 0) + 0.055) / 1.055) ** 2.4)


def specification(rgb, table: HueSatMap):
    """Chapter 6, "Applying the Hue/Saturation/Value Mapping Table", on linear ProPhoto from 0 on, without its clips."""
    value = rgb.max(-1)
    spread = value - rgb.min(-1)
    saturation = np.divide(spread, value, out=np.zeros_like(value), where=value > 0)
    over = np.where(spread > 0, spread, 1)
    r, g, b = np.moveaxis(rgb, -1, 0)
    hue = np.select(
        [spread == 0, value == r, value == g], [0, ((g - b) / over) % 6, 2 + (b - r) / over], 4 + (r - g) / over
    )
    values, hues, saturations = table.shifts.shape[:3]
    curved = table.encoding == "sRGB" and values > 1
    place = encode(value) if curved else value
    at = [np.clip(place, 0, 1) * (values - 1), hue / 6 * hues, saturation * (saturations - 1)]
    found = np.zeros_like(rgb)
    for corner in np.ndindex(2, 2, 2):
        weight, index = np.ones_like(value), []
        for axis, (position, bit) in enumerate(zip(at, corner, strict=True)):
            low = np.floor(position).astype(int)
            part = position - low
            weight = weight * (part if bit else 1 - part)
            count = table.shifts.shape[axis]
            index.append((low + bit) % count if axis == 1 else np.minimum(low + bit, count - 1))
        found += weight[..., None] * table.shifts[tuple(index)]
    hue = (hue + found[..., 0] / 60) % 6
    saturation = np.minimum(saturation * found[..., 1], 1)
    place = place * found[..., 2]
    value = decode(place) if curved else place
    sector = np.floor(hue).astype(int) % 6
    part = hue - np.floor(hue)
    p, q, t = value * (1 - saturation), value * (1 - saturation * part), value * (1 - saturation * (1 - part))
    choices = [(value, t, p), (q, value, p), (p, value, t), (p, q, value), (t, p, value), (value, p, q)]
    return np.stack([np.choose(sector, [c[i] for c in choices]) for i in range(3)], -1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("encoding", ["linear", "sRGB"])
def test_tables_do_what_the_specification_says(shape, encoding):
    table = profiles.table(*shape, 7, encoding)
    prophoto = np.random.default_rng(3).uniform(0, 1.3, (40, 50, 3))
    prophoto[:4] = prophoto[:4, :, :1]
    pixels = kernels.planar(prophoto @ prophoto_to_rec2020().T, np.float32)
    got = apply_hue_sat_map(pixels, table, gain=1.5) / 1.5 @ rec2020_to_prophoto().T
    # Where hue hardly exists, rounding decides it: there only the spread is compared.
    np.testing.assert_allclose(got, specification(prophoto, table), atol=3e-4)


@given(st.sampled_from(SHAPES), st.sampled_from(["linear", "sRGB"]), st.booleans(), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_neutral_tables_change_nothing(shape, encoding, hdr, seed):
    pixels = pixels_of(seed)
    got = apply_hue_sat_map(pixels, neutral_table(shape, encoding), hdr=hdr)
    # An HDR profile's encoding has no place for what is below 0 in ProPhoto but carries it past the table.
    np.testing.assert_allclose(got, pixels, atol=2e-5 if hdr else 3e-6)


@given(st.sampled_from(SHAPES), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_greys_stay_grey(shape, seed):
    pixels = pixels_of(seed, 0.0, 2.0)
    pixels[...] = pixels[..., :1]
    got = apply_hue_sat_map(pixels, profiles.table(*shape, seed))
    assert np.ptp(got, axis=2).max() < 1e-6


@given(st.floats(0.1, 8), st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_tables_without_value_know_no_exposure(factor, seed):
    pixels = pixels_of(seed, 0.0, 1.0)
    table = profiles.table(1, 6, 8, seed)
    brighter = apply_hue_sat_map(pixels * np.float32(factor), table)
    np.testing.assert_allclose(brighter, apply_hue_sat_map(pixels, table, gain=factor), rtol=2e-4, atol=2e-5)


def test_noise_below_black_is_not_lifted():
    pixels = kernels.empty((200, 200, 3))
    pixels[...] = np.random.default_rng(1).normal(0, 0.01, pixels.shape)
    got = apply_hue_sat_map(pixels, profiles.table(1, 90, 30, 2))
    assert abs(got.mean()) < 3e-4


@pytest.mark.parametrize("shape", [(1, 6, 8), (8, 12, 8)])
def test_strips_and_in_place_give_the_same(shape):
    pixels, table = pixels_of(4, shape=(67, 45)), profiles.table(*shape, 4)
    whole = apply_hue_sat_map(pixels, table)
    for top, bottom in ((0, 20), (20, 53), (53, 67)):
        apply_hue_sat_map(pixels[top:bottom], table, out=pixels[top:bottom])
    np.testing.assert_array_equal(pixels, whole)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_do_no_harm(bad):
    pixels = pixels_of(5)
    pixels[3, 4] = bad
    for shape in SHAPES:
        got = apply_hue_sat_map(pixels, profiles.table(*shape, 1))
        assert np.isfinite(got[10:]).all()


class TestWeights:
    def test_one_counts_alone(self):
        assert weights([21], [None], D50) == (1.0,)

    def test_two_by_reciprocal_temperature(self):
        warm, cool = weights([17, 21], [None, None], D50)
        assert warm == pytest.approx((1 / 5000 - 1 / 6500) / (1 / 2850 - 1 / 6500), abs=2e-3)
        assert warm + cool == 1

    def test_order_does_not_matter(self):
        assert weights([17, 21], [None] * 2, D50) == pytest.approx(weights([21, 17], [None] * 2, D50)[::-1])

    @pytest.mark.parametrize("lights", [(0, 21), (17, None), (21, 10), (17, 0, 23)])
    def test_lights_that_say_nothing_leave_the_first(self, lights):
        assert weights(lights, [None] * len(lights), D50)[0] == 1

    @pytest.mark.parametrize(("light", "white"), [(0, (0.4476, 0.4074)), (1, D65), (2, (0.36, 0.35))])
    def test_under_its_own_light_a_third_counts_alone(self, light, white):
        found = weights([17, 21, 255], [None, None, (0.36, 0.35)], white)
        assert found[light] == pytest.approx(1, abs=1e-6)

    @given(st.floats(0.25, 0.5), st.floats(0.3, 0.42))
    @settings(max_examples=50, deadline=None)
    def test_they_sum_to_one(self, x, y):
        for lights in ([17, 21], [17, 21, 255]):
            found = weights(lights, [None, None, (0.36, 0.35)][: len(lights)], (x, y))
            assert sum(found) == pytest.approx(1)
            assert min(found) >= 0


def test_maps_are_interpolated_with_their_calibrations():
    maps = [profiles.table(1, 6, 8, seed) for seed in (1, 2)]
    profile = profiles.profile_of(profiles.TWO, maps)
    warm, cool = weights([17, 21], [None, None], profiles.BETWEEN)
    found = hue_sat_map_at(profile, profiles.BETWEEN)
    assert found is not None
    np.testing.assert_allclose(found.shifts, warm * maps[0].shifts + cool * maps[1].shifts, atol=1e-5)
    assert hue_sat_map_at(profiles.profile_of(profiles.TWO, [maps[1], None]), profiles.BETWEEN) is maps[1]
    assert hue_sat_map_at(profiles.profile_of(profiles.TWO, [None, maps[1]]), profiles.BETWEEN) is None
    assert hue_sat_map_at(profiles.profile_of(profiles.TWO), profiles.BETWEEN) is None
    assert hue_sat_map_at(None, D50) is None


def test_the_offset_counts_with_baseline_exposure():
    color = replace(profiles.ONE, baseline_exposure=0.5)
    raw = profiles.image(color, profiles.profile_of(color, baseline_exposure_offset=-0.25))
    assert total_baseline_exposure(raw) == 0.25
    assert total_baseline_exposure(replace(raw, profile=None)) == 0.5


class TestCurve:
    def test_a_straight_one_stays(self):
        curve = sample_curve(np.array([(0, 0), (0.3, 0.3), (1, 1)], np.float32))
        np.testing.assert_allclose(curve.values, np.linspace(0, 1, len(curve.values)), atol=1e-6)

    def test_it_is_the_natural_cubic_spline(self):
        points = profiles.POINTS.astype(np.float64)
        curve = sample_curve(profiles.POINTS)
        at = np.linspace(0, 1, len(curve.values))
        np.testing.assert_allclose(np.interp(points[:, 0], at, curve.values), points[:, 1], atol=1e-5)
        second = np.diff(curve.values.astype(np.float64), 2) * (len(at) - 1) ** 2
        inner = second[:: len(second) // 64]
        assert abs(inner[0]) < abs(inner).max() / 10
        assert np.abs(np.diff(inner)).max() < abs(inner).max()

    def test_hdr_goes_on_straight(self):
        curve = sample_curve(np.array([(0, 0), (0.5, 0.6), (0.9, 0.9)], np.float32), hdr=True)
        steps = np.diff(curve.values[-400:].astype(np.float64)) * (len(curve.values) - 1)
        np.testing.assert_allclose(steps, curve.slope, atol=2e-3)


class TestLook:
    def test_a_profile_without_one_has_none(self):
        assert profile_look(profiles.image(profiles.ONE)) is None
        assert profile_look(profiles.image(profiles.ONE, profiles.profile_of(profiles.ONE))) is None

    def test_the_picture_may_come_in_strips_of_its_crop(self):
        case = dict(profiles.look_cases())["all of it"]
        raw = replace(case.raw, crop=Rectangle(5, 9, 40, 50), orientation=6)
        look = profile_look(raw)
        assert look is not None
        pixels = pixels_of(1, 0.0, 0.5, (50, 40))
        whole = apply_profile_look(kernels.planar(pixels.copy(), np.float32), look)
        for top, left in ((0, 0), (23, 0), (0, 17), (23, 17)):
            part = kernels.empty((50 - top, 40 - left, 3))
            part[...] = pixels[top:, left:]
            np.testing.assert_allclose(
                apply_profile_look(part, look, top=top, left=left), whole[top:, left:], atol=2e-6
            )

    def test_a_picture_in_small_gets_the_same(self):
        look = profile_look(dict(profiles.look_cases())["all of it"].raw)
        assert look is not None
        pixels = pixels_of(1, 0.0, 0.5, (64, 64))
        small = kernels.planar(np.array(pixels[1::4, 1::4]), np.float32)
        whole = apply_profile_look(kernels.planar(pixels.copy(), np.float32), look)
        np.testing.assert_allclose(apply_profile_look(small, look, top=1, left=1, step=4), whole[1::4, 1::4], atol=3e-6)

    @pytest.mark.parametrize("method", ["weighted sum", "sequential"])
    def test_tables_hold_for_their_regions(self, method):
        sky, rest = profiles.rgb_table(1, mask="sky"), profiles.rgb_table(2)
        profile = profiles.profile_of(profiles.ONE, rgb_tables=RgbTables((sky, rest), method))
        values = np.zeros((32, 32), np.float32)
        values[:16] = 1
        mask = SemanticMask("sky", values, (0, 0), (32, 32))
        look = profile_look(profiles.image(profiles.ONE, profile), [mask])
        assert look is not None

        def alone(table):
            only = profiles.profile_of(profiles.ONE, rgb_tables=RgbTables((replace(table, mask=""),), method))
            return profile_look(profiles.image(profiles.ONE, only))

        pixels = pixels_of(2, 0.0, 0.9, (64, 64))
        got, first, second = (
            apply_profile_look(kernels.planar(pixels.copy(), np.float32), one)
            for one in (look, alone(sky), alone(rest))
        )
        np.testing.assert_allclose(got[:30], first[:30], atol=1e-6)
        np.testing.assert_allclose(got[34:], second[34:], atol=1e-6)

    def test_a_table_for_a_region_that_is_not_there_is_left_out(self):
        profile = profiles.profile_of(
            profiles.ONE, rgb_tables=RgbTables((profiles.rgb_table(1, mask="sky"),), "sequential")
        )
        assert profile_look(profiles.image(profiles.ONE, profile)) is None

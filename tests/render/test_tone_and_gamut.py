"""The curve and the gamut mapping, each alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.render import color, gamut
from fotohaus.render.gamut import map_gamut
from fotohaus.render.tone import filmic_curve, tone_curve

WHITES = 0.18 * 2.0 ** np.arange(1.5, 7, 0.5)


@pytest.mark.parametrize("white", WHITES)
def test_curve_is_monotone_between_black_and_white(white):
    curve = filmic_curve(float(white))
    x = np.concatenate([[0], 2.0 ** np.linspace(-20, 12, 4000)])
    y = curve(x)
    assert y[0] == 0
    assert (np.diff(y) > -1e-14).all()
    assert (np.diff(y)[y[1:] < 0.999] > 0).all()
    assert y.max() <= 1
    assert curve(-1) == 0


@pytest.mark.parametrize("white", WHITES)
def test_curve_in_the_mid_tones(white):
    curve = filmic_curve(float(white))
    assert curve(0.18) == pytest.approx(0.18)
    slope = np.diff(np.log(curve(0.18 * np.array([0.99, 1.01])))) / np.log(1.01 / 0.99)
    assert 1.1 < slope < 1.3
    # Shadows are never lifted, and not crushed either.
    assert 0.4 < curve(0.18 / 16) / (0.18 / 16) < 1


def test_white_lands_just_below_display_white_and_beyond_still_rolls_off():
    for ev in (3, 4):
        assert filmic_curve(0.18 * 2.0**ev)(0.18 * 2.0**ev) == pytest.approx(0.985, abs=1e-6)
    four_stops_up = filmic_curve(0.18 * 2.0**4)(0.18 * 2.0 ** np.array([3, 3.5, 4, 4.5]))
    assert (np.diff(four_stops_up) > 0.005).all()


def test_curve_is_continuous_in_its_white():
    values = [filmic_curve(0.18 * 2.0**ev)(1.0) for ev in np.arange(1.9, 6.2, 0.05)]
    assert np.abs(np.diff(values)).max() < 0.02


@given(st.lists(st.floats(0, 100), min_size=3, max_size=3))
def test_tone_curve_keeps_hue_and_greys(rgb):
    out = tone_curve(np.array(rgb), 2.0)
    assert np.isfinite(out).all()
    before, after = color.to_oklab(rgb), color.to_oklab(out)
    assert before[1] * after[2] - before[2] * after[1] == pytest.approx(0, abs=1e-6)
    assert tone_curve(np.full(3, rgb[0]), 2.0) == pytest.approx(np.full(3, filmic_curve(2.0)(rgb[0])), abs=1e-6)


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_gamut_boundary_is_respected(space):
    rng = np.random.default_rng(3)
    lab = np.stack([rng.uniform(0, 1, 20000), *rng.uniform(-0.45, 0.45, (2, 20000))], axis=-1)
    mapped = gamut.map_lab(lab, space)
    rgb = color.from_oklab(mapped, space)
    # The table is interpolated: what it overestimates must be invisible.
    assert rgb.min() > -2e-3
    assert rgb.max() < 1 + 4e-3
    assert mapped[:, 0] == pytest.approx(lab[:, 0])
    turn = np.arctan2(mapped[:, 2], mapped[:, 1]) - np.arctan2(lab[:, 2], lab[:, 1])
    assert np.abs(np.angle(np.exp(1j * turn))).max() < 1e-6


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_colours_well_inside_stay_as_they_are(space):
    rng = np.random.default_rng(4)
    rgb = 0.3 + 0.25 * rng.random((2000, 3))
    pixels = rgb @ np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz(space)).T
    assert map_gamut(pixels, space) == pytest.approx(rgb, abs=1e-6)


@pytest.mark.parametrize("space", ["srgb", "p3"])
def test_more_chroma_in_is_more_chroma_out(space):
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)[:, None]
    chroma = np.linspace(0, 0.4, 400)[None]
    for light in (0.2, 0.5, 0.75, 0.95):
        ab = chroma[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        lab = np.concatenate([np.full((*ab.shape[:2], 1), light), ab], axis=-1)
        out = np.hypot(*np.moveaxis(gamut.map_lab(lab, space)[..., 1:], -1, 0))
        assert (np.diff(out, axis=1) > 0).all()


def test_oklab_matches_its_published_values():
    """Ottosson 2020, the table of XYZ and Lab pairs, to its three digits."""
    xyz = np.array([[0.950, 1.0, 1.089], [1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])
    lab = np.array([[1.0, 0, 0], [0.450, 1.236, -0.019], [0.922, -0.671, 0.263], [0.153, -1.415, -0.449]])
    rec2020 = xyz @ np.linalg.inv(color.rgb_to_xyz("rec2020")).T
    assert color.to_oklab(rec2020) == pytest.approx(lab, abs=2e-3)


def test_transfer_function_round_trips():
    x = np.linspace(-0.2, 1.2, 500)
    assert color.decode_srgb(color.encode_srgb(x)) == pytest.approx(x, abs=1e-6)

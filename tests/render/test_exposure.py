"""Auto exposure on scenes whose right exposure is known."""

from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.raw.image import CaptureInfo
from fotohaus.render.exposure import auto_exposure

rng = np.random.default_rng(7)
TEXTURE = 2.0 ** rng.normal(0, 0.6, (240, 320, 1))


def flat(level, height=240, width=320):
    return np.full((height, width, 3), level, np.float32)


def grey(level):
    """A textured scene with this median level."""
    return (TEXTURE * level * np.ones(3)).astype(np.float32)


@pytest.mark.parametrize("stops", [-1.5, -1, -0.5, 0, 0.5])
def test_grey_card_lands_at_mid_grey(stops):
    metered = auto_exposure(flat(0.18 * 2**stops))
    assert metered.ev == pytest.approx(max(-stops, 0) if stops <= 0 else 0, abs=0.02)


def test_under_and_overexposure_of_the_same_scene_come_out_alike():
    placed = [auto_exposure(grey(0.12 * 2.0**k)).ev + k for k in (-1, -0.5, 0)]
    assert np.ptp(placed) < 0.1
    assert auto_exposure(grey(8)).ev < -3


def test_a_darker_capture_is_pushed_more_but_never_without_bound():
    evs = [auto_exposure(grey(0.18 * 2.0**-k)).ev for k in np.arange(0, 9, 0.5)]
    assert (np.diff(evs) > 0).all()
    assert evs[-1] < 3.5


def test_snow_stays_bright():
    metered = auto_exposure(grey(0.55).clip(0, 0.95))
    assert -0.5 < metered.ev <= 0.05


def test_sky_is_protected_and_its_loss_bounded():
    scene = grey(0.05)
    alone = auto_exposure(scene).ev
    scene[:60] = grey(0.9)[:60].clip(0, 0.98)
    held = auto_exposure(scene)
    assert alone - 1.6 < held.ev < alone - 0.5
    assert "highlights" in held.note


def test_light_beyond_the_raw_white_holds_nothing_back_further():
    scene = grey(0.05)
    scene[:70] = 1.0
    clipped = auto_exposure(scene)
    scene[:70] = 2.0  # as reconstructed highlights are
    assert auto_exposure(scene).ev == pytest.approx(clipped.ev, abs=0.05)


@pytest.mark.parametrize("size", [2, 4])
def test_lamps_do_not_count(size):
    scene = grey(0.1)
    before = auto_exposure(scene).ev
    for y, x in [(30, 40), (100, 200), (200, 90)]:
        scene[y : y + size, x : x + size] = 50
    assert auto_exposure(scene).ev == pytest.approx(before, abs=0.25)


def test_night_with_lamps_stays_night():
    scene = grey(0.006)
    for y in range(20, 220, 40):
        scene[y : y + 9, 30:300:60] = 3
    metered = auto_exposure(scene)
    assert metered.ev >= 0
    assert log2(0.006 / 0.18) + metered.ev < -1.5
    assert "lights" in metered.note


def test_stars_stay_night_when_the_camera_says_so():
    sky = grey(0.012)
    unknown = auto_exposure(sky).ev
    night = auto_exposure(sky, CaptureInfo(exposure_time=20.0, f_number=2.8, iso=3200))
    day = auto_exposure(sky, CaptureInfo(exposure_time=1 / 1000, f_number=4.0, iso=100)).ev
    assert day == pytest.approx(unknown)
    assert log2(0.012 / 0.18) + night.ev < -1.8
    assert "night" in night.note


@pytest.mark.parametrize("value", [0, -1, 1e-300, 1e300, np.inf, np.nan, None])
def test_absurd_capture_facts_do_no_harm(value):
    for facts in (
        CaptureInfo(exposure_time=value),
        CaptureInfo(exposure_time=0.01, f_number=value),
        CaptureInfo(
            exposure_time=0.01, f_number=2.0, iso=None if value is None or not abs(value) < 1e9 else int(value)
        ),
    ):
        assert -5 < auto_exposure(grey(0.1), facts).ev < 5


def test_black_surround_does_not_count():
    scene = grey(0.12)
    framed = np.zeros((400, 480, 3), np.float32)
    framed[80:320, 80:400] = scene
    assert auto_exposure(framed).ev == pytest.approx(auto_exposure(scene).ev, abs=0.2)


@pytest.mark.parametrize("level", [0, -1, 1e-7, np.nan])
def test_black_scenes_are_left_alone(level):
    metered = auto_exposure(flat(level))
    assert metered.ev == 0
    assert "black" in metered.note


def test_white_scene_is_not_made_grey():
    assert auto_exposure(flat(1.0)).ev == 0


def test_non_finite_pixels_do_not_count():
    scene = grey(0.1)
    before = auto_exposure(scene).ev
    scene[::50, ::50] = np.nan
    scene[1::50, 1::50] = -np.inf
    assert auto_exposure(scene).ev == pytest.approx(before, abs=0.05)
    assert np.isfinite(auto_exposure(flat(np.inf)).ev)


@given(st.integers(1, 8), st.integers(1, 8), st.floats(1e-6, 1e4))
@settings(max_examples=40, deadline=None)
def test_tiny_images_are_metered(height, width, level):
    assert np.isfinite(auto_exposure(flat(level, height, width)).ev)


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (3, 9001)])
def test_thin_images_are_metered(shape):
    assert auto_exposure(flat(0.09, *shape)).ev == pytest.approx(1, abs=0.02)


def test_exposure_is_continuous():
    """A hair's difference in light may not change the picture's brightness."""
    base = grey(0.05)
    base[:60] = grey(0.7)[:60]
    base = base[::2, ::2]
    evs = [auto_exposure((base * 2.0**k).astype(np.float32)).ev + k for k in np.arange(-4, 4, 0.1)]
    assert np.abs(np.diff(evs)).max() < 0.3

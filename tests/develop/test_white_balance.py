"""White balance: what may be asked for, and what comes of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.develop import develop
from fotohaus.develop.auto_white import MIREDS, estimate_light, estimate_white, exposure_value, prior
from fotohaus.develop.color import camera_to_rec2020, white_of_neutral
from fotohaus.develop.white_balance import find_white
from fotohaus.errors import ReadError
from fotohaus.raw import read_raw
from fotohaus.raw.image import CFA_PATTERNS, CaptureInfo, ColorCalibration, GainMap, Rectangle
from fotohaus.raw.temperature import temperature_and_tint, temperature_to_xy
from fotohaus.recipe import Recipe
from fotohaus.report import Report
from fotohaus.white_choice import PRESETS, Chromaticity, Pick, Temperature, parse_white

CHART = json.loads((Path(__file__).parent / "colorchecker.json").read_text())
HOSTILE = [
    "", " ", "nonsense", "asshot!", "as shot", "5500K,", ",10", "5500,10,3", "1999", "50001", "-5500", "nan", "inf",
    "1e4", "5500,151", "5500,nan", "0,0", "0.5,0.5", "0.3,-0.3", "0.3", "1,0.2", "0.3127;0.3290", "pick", "pick:",
    "pick:1", ".", "+", "pick:",
    "pick:1,2,3", "pick:-1,2", "pick:1.5,2", "pick:9999999999,1", "٥٥٠٠", "5" * 1000, "a" * 100_000, "\0",
    "5500\n5500", "%s%n", "../../etc", "daylight,10",
]  # fmt: skip


def angle(a, b) -> float:
    a, b = (np.asarray(v, np.float64) / np.linalg.norm(v) for v in (a, b))
    return float(np.degrees(np.arccos(min(1.0, a @ b))))


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("As-Shot", "as-shot"),
        (" auto ", "auto"),
        ("as_shot", "as-shot"),
        ("Daylight", "daylight"),
        ("5500", "5500"),
        ("5500K", "5500"),
        ("5500.0, +10.50", "5500,10.5"),
        ("5500,0", "5500"),
        ("5500,-0", "5500"),
        (".3127, 0.32900", "0.3127,0.329"),
        ("pick: 012 , 7", "pick:12,7"),
    ],
)
def test_normal_form(text, normal):
    assert Recipe(wb=text).wb == normal
    assert Recipe(wb=normal).wb == normal


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_white_balance_is_refused_in_one_short_line(text):
    with pytest.raises(ValueError, match=r".") as refused:
        parse_white(text)
    assert len(str(refused.value)) < 250
    assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="wb"):
        Recipe(wb=text)


@given(st.text(max_size=30) | st.text("0123456789.,+-kpic: ", max_size=16))
def test_any_text_is_a_choice_or_refused(text):
    try:
        choice = parse_white(text)
    except ValueError:
        return
    assert parse_white(str(choice)) == choice


@given(
    st.builds(Temperature, st.floats(2000, 50000), st.floats(-150, 150).map(lambda v: round(v, 6) + 0.0))
    | st.builds(Chromaticity, st.floats(0.001, 0.49), st.floats(0.001, 0.5))
    | st.builds(Pick, st.integers(0, 10**6), st.integers(0, 10**6))
)
def test_every_choice_survives_the_recipe(choice):
    recipe = Recipe(wb=str(choice))
    assert parse_white(Recipe.from_toml(recipe.to_toml()).wb) == choice


def test_a_number_from_a_toml_file_is_a_temperature():
    assert Recipe.from_toml("wb = 5500").wb == "5500"
    with pytest.raises(ValueError, match="wb"):
        Recipe.from_toml("wb = inf")
    with pytest.raises(ValueError, match="wb"):
        Recipe.from_toml("wb = true")


@given(st.floats(2000, 50000), st.floats(-150, 150))
def test_temperature_and_tint_round_trip(kelvin, tint):
    # Robertson's interpolation by distance and by mired differ a little between his lines.
    back = temperature_and_tint(temperature_to_xy(kelvin, tint))
    assert 1e6 / back[0] == pytest.approx(1e6 / kelvin, abs=2.5)
    assert back[1] == pytest.approx(tint, abs=0.5)


def test_temperatures_lie_on_the_planckian_locus():
    for kelvin, xy in {2856: (0.4476, 0.4074), 5000: (0.3451, 0.3516), 6500: (0.3135, 0.3237)}.items():
        np.testing.assert_allclose(temperature_to_xy(kelvin), xy, atol=6e-4)
    # Daylight is greener than Planck's light of its temperature.
    assert temperature_and_tint((0.3127, 0.3290)) == pytest.approx((6504, 9.6), rel=0.02)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_the_lights_they_say(scenes, name):
    report = Report()
    scene = develop(scenes.raw_of(scenes.smooth_scene(40, 40)), wb=name, report=report)
    kelvin, tint = PRESETS[name]
    assert scene.white_xy == temperature_to_xy(kelvin, tint)
    notes = next(stage.notes for stage in report.stages if stage.name == "color")
    said = next(note for note in notes if note.startswith("white at"))
    assert abs(float(said.split()[2]) - kelvin) < 0.01 * kelvin
    assert f"tint {tint:+.0f}," in said


@pytest.mark.parametrize("name", ["canon_colorchecker.dng", "gopro_hero6_mural.dng"])
def test_the_camera_s_white_asked_for_is_the_camera_s_picture(shared, name):
    raw = read_raw(shared / "raw" / name)
    color = camera_to_rec2020(raw.color)
    for text in (f"{color.temperature},{color.tint}", f"{color.white_xy[0]},{color.white_xy[1]}"):
        white = find_white(raw, raw.color, parse_white(text))
        asked = camera_to_rec2020(raw.color, white_xy=white)
        np.testing.assert_allclose(asked.multipliers, color.multipliers, rtol=2e-3)
        np.testing.assert_allclose(asked.matrix, color.matrix, atol=3e-3)


def test_the_camera_s_white_asked_for_gives_the_same_pixels(scenes):
    raw = scenes.raw_of(scenes.smooth_scene(60, 60))
    plain = develop(raw)
    asked = develop(raw, wb=f"{plain.white_xy[0]},{plain.white_xy[1]}")
    np.testing.assert_allclose(asked.pixels, plain.pixels, atol=1e-4)


def test_a_warmer_light_asked_for_makes_a_cooler_picture(scenes):
    raw = scenes.raw_of(scenes.smooth_scene(60, 60))
    ratios = []
    for wb in ("2850", "5500", "10000"):
        mean = develop(raw, wb=wb).pixels.mean((0, 1))
        ratios.append(mean[0] / mean[2])
    assert ratios[0] < ratios[1] < ratios[2]
    green = [develop(raw, wb=f"5500,{tint}").pixels.mean((0, 1)) for tint in (-40, 40)]
    assert green[0][1] / green[0].mean() > green[1][1] / green[1].mean()


@pytest.mark.parametrize(
    "wb", ["2000", "2000,150", "2000,-150", "50000", "50000,150", "50000,-150", "0.7,0.29", "0.001,0.001", "0.001,0.9"]
)
def test_impossible_whites_still_give_a_picture(scenes, shared, wb):
    canon = read_raw(shared / "raw" / "canon_colorchecker.dng").color
    for color in (scenes.CAMERA, canon):
        scene = develop(scenes.raw_of(scenes.smooth_scene(20, 20), color=color), wb=wb)
        assert np.isfinite(scene.pixels).all()
        assert np.abs(scene.pixels).max() < 500


def patch_scene(scenes, x, y, half=14):
    """A scene under a light that is not the camera's, with a grey patch around (x, y)."""
    neutral = np.array([0.9, 0.8, 0.3])
    camera = scenes.smooth_scene(120, 168) * np.array([1.2, 0.6, 1.0])
    camera[max(0, y - half) : y + half, max(0, x - half) : x + half] = 0.4 * neutral
    return camera


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pick_makes_that_place_neutral_however_the_frame_lies(scenes, cfa, orientation):
    stored = patch_scene(scenes, 99, 40)  # upright, with a border that the crop leaves out
    raw = scenes.raw_of(stored, cfa, orientation)
    height, width = raw.mosaic.shape
    raw = replace(raw, crop=Rectangle(7, 5, height - 16, width - 15))
    crop = develop(raw)
    plain = develop(replace(raw, crop=Rectangle(0, 0, height, width)))
    # Where the crop begins, upright, found by its pixels.
    places = [(t, s) for t in (7, 9) for s in (5, 10, 7, 9) if t + crop.pixels.shape[0] <= 120]
    error = {
        (t, s): np.abs(
            plain.pixels[t : t + crop.pixels.shape[0], s : s + crop.pixels.shape[1]][20:40, 20:40]
            - crop.pixels[20:40, 20:40]
        ).max()
        for t, s in [*places, *((s, t) for t, s in places)]
    }
    top, left = min(error, key=error.__getitem__)
    scene = develop(raw, wb=f"pick:{99 - left},{40 - top}")
    patch = scene.pixels[40 - top - 4 : 40 - top + 4, 99 - left - 4 : 99 - left + 4].mean((0, 1))
    np.testing.assert_allclose(patch / patch.mean(), 1, atol=5e-3)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (167, 0), (0, 119), (167, 119)])
def test_pick_in_a_corner(scenes, x, y):
    scene = develop(scenes.raw_of(patch_scene(scenes, x, y, 24)), wb=f"pick:{x},{y}")
    patch = scene.pixels[max(0, y - 8) : y + 8, max(0, x - 8) : x + 8].mean((0, 1))
    np.testing.assert_allclose(patch / patch.mean(), 1, atol=5e-3)


def test_pick_survives_noise_and_dead_samples(scenes):
    camera = patch_scene(scenes, 80, 60)
    rng = np.random.default_rng(3)
    camera = camera + rng.normal(0, 0.03, camera.shape)
    camera[rng.random(camera.shape[:2]) < 0.02] = 1.0
    white = find_white(scenes.raw_of(camera), scenes.CAMERA, parse_white("pick:80,60"))
    assert angle(1 / camera_to_rec2020(scenes.CAMERA, white_xy=white).multipliers, (0.9, 0.8, 0.3)) < 1.5


def test_pick_sees_the_lens_shading(scenes):
    camera = patch_scene(scenes, 80, 60)
    red = GainMap(Rectangle(0, 0, 120, 168), 2, 2, 0, 1, 0.0, 0.0, 1.0, 1.0, np.full((2, 2, 1), 1.5, np.float32))
    raw = scenes.raw_of(camera, opcodes_2=(red,))
    for off in ((), ("opcodes",)):
        patch = develop(raw, off=off, wb="pick:80,60").pixels[56:64, 76:84].mean((0, 1))
        np.testing.assert_allclose(patch / patch.mean(), 1, atol=5e-3)


@pytest.mark.parametrize(
    ("x", "y", "reason"),
    [(168, 0, "168 x 120 pixels"), (0, 120, "168 x 120 pixels"), (10**8, 10**8, "pixels"), (20, 60, "clipped"),
     (150, 60, "black")],
)  # fmt: skip
def test_where_no_white_can_be_picked(scenes, x, y, reason):
    camera = patch_scene(scenes, 80, 60)
    camera[:, :40], camera[:, 130:] = 1.5, 0
    with pytest.raises(ReadError, match=reason) as refused:
        develop(replace(scenes.raw_of(camera), path="shot.dng"), wb=f"pick:{x},{y}")
    assert str(refused.value).startswith("shot.dng: white balance can't be picked")
    assert "\n" not in str(refused.value)


def test_pick_on_the_grey_of_a_real_chart(shared, scenes):
    x, y = scenes.CHART["centres"][20]
    error, grey = scenes.chart_error(develop(read_raw(shared / "raw" / CHART["file"]), wb=f"pick:{x},{y}"))
    assert error <= 5
    assert grey < 4.5


def casts(scenes, color, neutral):
    """A scene of many surfaces whose mean is near grey, under a light."""
    rng = np.random.default_rng(8)
    surfaces = np.exp(rng.normal(-1.6, 0.5, (20, 28, 1)) + rng.normal(0, 0.12, (20, 28, 3)))
    camera = np.repeat(np.repeat(np.minimum(surfaces, 0.9), 16, 0), 16, 1) * neutral
    return scenes.raw_of(camera, color=color)


@pytest.mark.parametrize("kelvin", [2700, 3200, 4500, 6500, 8500])
@pytest.mark.parametrize("known", [False, True])
def test_auto_finds_the_light_of_a_cast(scenes, kelvin, known):
    color = replace(scenes.CAMERA, as_shot_neutral=scenes.CAMERA.as_shot_neutral if known else None)
    neutral = 1 / camera_to_rec2020(color, white_xy=temperature_to_xy(kelvin, 5)).multipliers
    raw = casts(scenes, color, neutral)
    white = find_white(raw, color, parse_white("auto"))
    # The camera's own white (6500 K) has a say where there is one.
    assert angle(1 / camera_to_rec2020(color, white_xy=white).multipliers, neutral) < (7 if known else 3.5)


@pytest.mark.parametrize(("kelvin", "kept"), [(2400, "warm"), (5500, ""), (10500, "cool")])
def test_auto_keeps_some_of_the_colour_of_candles_and_dusk(scenes, kelvin, kept):
    color = replace(scenes.CAMERA, as_shot_neutral=None)
    neutral = 1 / camera_to_rec2020(color, white_xy=temperature_to_xy(kelvin, 5)).multipliers
    rng = np.random.default_rng(8)
    camera = np.exp(rng.normal(-1.6, 0.5, (60, 80, 1)) + rng.normal(0, 0.03, (60, 80, 3))).clip(0, 0.9) * neutral
    whole = np.ones((60, 80), bool)
    light = 1e6 / estimate_light(camera, whole, color)[0]
    white, _ = temperature_and_tint(estimate_white(camera, whole, color))
    assert light == pytest.approx(kelvin, rel=0.3)
    # White that is taken to be cooler than the light leaves the picture warm.
    assert {"warm": white > light * 1.03, "": white == pytest.approx(light, rel=0.01), "cool": white < light * 0.99}[
        kept
    ]


@pytest.mark.parametrize(("brightness", "least", "most"), [(14, 4200, 7500), (3, 2400, 4800)])
def test_auto_knows_sun_from_lamps_by_how_bright_they_are(scenes, brightness, least, most):
    """A wall of one colour that is white under a lamp of 3200 K, or orange under the sky."""
    color = replace(scenes.CAMERA, as_shot_neutral=None)
    lamp, sky = (1 / camera_to_rec2020(color, white_xy=temperature_to_xy(k, 5)).multipliers for k in (3200, 5500))
    rng = np.random.default_rng(2)
    wall = np.sqrt(lamp * sky) * rng.uniform(0.3, 0.5, (40, 60, 1)) * rng.normal(1, 0.02, (40, 60, 3))
    mired, _, _ = estimate_light(wall, np.ones((40, 60), bool), color, brightness)
    assert least < 1e6 / mired < most


def test_extreme_lights_need_more_to_be_believed_where_no_brightness_is_known():
    before = prior()
    mireds = before.max(axis=1) - before.max()
    assert abs(MIREDS[mireds.argmax()] - 200) < 8
    # A hint, no more: what the picture says differs by far more than this.
    assert -1.5 < mireds.min() < -0.3
    indoors = prior(3.0).max(axis=1)
    assert np.ptp(indoors[MIREDS > 260]) < 0.1, "there are lamps of all kinds"


def test_exposure_value():
    assert exposure_value(CaptureInfo(exposure_time=1 / 100, f_number=16.0, iso=100)) == pytest.approx(14.64, abs=0.01)
    assert exposure_value(CaptureInfo(exposure_time=1 / 100, iso=100)) is None
    assert exposure_value(None) is None


def test_auto_is_the_same_however_the_frame_lies(scenes):
    raw = casts(scenes, scenes.CAMERA, np.array([0.8, 0.8, 0.4]))
    whites = [find_white(replace(raw, orientation=o), raw.color, parse_white("auto")) for o in (1, 3, 6)]
    np.testing.assert_allclose(whites, [whites[0]] * 3, atol=3e-3)


@pytest.mark.parametrize("level", [0.0, 1.5])
@pytest.mark.parametrize("size", [(2, 2), (60, 80)])
def test_auto_where_there_is_nothing_to_see_is_as_shot(scenes, level, size):
    raw = scenes.raw_of(np.full((*size, 3), level))
    np.testing.assert_allclose(develop(raw, wb="auto").white_xy, develop(raw).white_xy)


@pytest.mark.parametrize(
    ("name", "limit"), [("gopro_hero6_mural.dng", 5), ("gopro_fusion_front.dng", 5), ("canon_colorchecker.dng", 15)]
)
def test_auto_on_real_files_stays_near_the_camera(shared, name, limit):
    """Degrees between the camera's white and ours; Canon: between the lamp on the chart and ours, window behind it."""
    raw = read_raw(shared / "raw" / name)
    white = find_white(raw, raw.color, parse_white("auto"))
    found = 1 / camera_to_rec2020(raw.color, white_xy=white).multipliers
    truth = CHART["neutral"] if "canon" in name else 1 / camera_to_rec2020(raw.color).multipliers
    assert angle(found, truth) < limit


@pytest.mark.parametrize("wb", ["as-shot", "auto", "daylight", "tungsten", "3000,20", "0.31,0.33", "pick:20,20"])
def test_files_without_a_calibration(scenes, wb):
    color = ColorCalibration(np.eye(3), as_shot_neutral=(1.0, 1.0, 1.0))
    scene = develop(scenes.raw_of(scenes.smooth_scene(64, 64), color=color), wb=wb)
    mean = scene.pixels.mean((0, 1))
    assert np.isfinite(scene.pixels).all()
    assert mean.max() / mean.min() < (1.3 if wb not in ("tungsten", "3000,20") else 6)


def test_a_picked_neutral_is_exactly_neutral(scenes):
    neutral = np.array([0.7, 1.0, 0.5])
    back = 1 / camera_to_rec2020(scenes.CAMERA, white_xy=white_of_neutral(scenes.CAMERA, neutral)).multipliers
    np.testing.assert_allclose(back, neutral, rtol=1e-5)

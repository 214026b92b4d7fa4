"""What no look may show: halos, bands, flat spots in lamps, hues that flip, sliders that jump."""

from itertools import pairwise
from math import erf

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.output.jpeg import quantize
from fotohaus.recipe import Recipe
from fotohaus.render import color, render
from fotohaus.render.local_tone import local_tone
from fotohaus.render.looks import load_look, looks
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report

GLOBAL = {"auto_exposure": False, "local_tone": 0, "sharpen": 0, "vignette": 0, "grain": 0, "texture": 0}
TINTED = ("sepia", "blue")
ALL = ("neutral", "authentic", "vibrant", "natural", "vivid", "mono", "mono-contrast", "sepia", "blue")


def scene(pixels, **more):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)), **more)


def oklab(picture):
    return color.to_oklab(color.decode_srgb(picture.pixels / 65535), picture.gamut)


def chroma(lab):
    return np.hypot(lab[..., 1], lab[..., 2])


def turned(lab, other):
    """Degrees between hues."""
    angles = (np.degrees(np.arctan2(v[..., 2], v[..., 1])) for v in (lab, other))
    first, second = angles
    return np.abs((first - second + 180) % 360 - 180)


def test_every_look_is_judged():
    assert set(looks()) >= set(ALL)


# Shadows


@pytest.mark.parametrize("look", ["authentic", "vibrant", "natural", "vivid"])
@pytest.mark.parametrize("ev", [-5, -4])
def test_colour_noise_of_shadows_is_not_livelier_than_it_was(look, ev):
    level = 0.18 * 2.0**ev
    noise = np.random.default_rng(0).normal(0, 0.15 * level, (60, 80, 3))
    pixels = scene(level + noise)
    plain, seen = (chroma(oklab(render(pixels, look=name, **GLOBAL))).mean() for name in ("neutral", look))
    assert seen < 1.15 * plain


# Halos


def step(low, high, blur, shape=(600, 900), slant=0.3):
    """A slanted edge between two levels in EV, as behind a lens whose blur deviates so many px; and the distance."""
    v, u = np.mgrid[: shape[0], : shape[1]]
    distance = (u - shape[1] / 2 + slant * (v - shape[0] / 2)) / np.hypot(1, slant)
    near = np.linspace(-6, 6, 400)
    share = np.interp(distance / blur, near, [0.5 * (1 + erf(d / 2**0.5)) for d in near])
    dark, light = 0.18 * 2.0**low, 0.18 * 2.0**high
    return distance, np.repeat((dark + (light - dark) * share)[..., None], 3, axis=2)


def overshoot(picture, distance):
    """How far lightness beside an edge goes beyond that far from it, above and below, as a share of the step."""
    light = oklab(picture)[..., 0]
    low, high = np.median(light[distance < -250]), np.median(light[distance > 250])
    return np.array([light.max() - high, low - light.min()]) / (high - low)


@pytest.mark.parametrize("look", ALL)
@pytest.mark.parametrize("local", [None, 1.0])
@pytest.mark.parametrize("blur", [0.8, 0.05])
def test_no_halo_beside_six_stops(look, local, blur):
    """Behind a lens, and from one pixel to the next."""
    for low, high in ((-4, 2), (-5, 1)):
        distance, pixels = step(low, high, blur)
        made = render(scene(pixels), look=look, auto_exposure=False, vignette=0, grain=0, local_tone=local)
        assert overshoot(made, distance).max() < 0.05


@pytest.mark.parametrize("look", ALL)
def test_local_tone_brings_no_halo_of_its_own(look):
    distance, pixels = step(-3.5, 2.5, 0.8)
    made = render(scene(pixels), look=look, **{**GLOBAL, "local_tone": 1.0}, off="halation")
    assert overshoot(made, distance).max() < 0.02


# Bands


@pytest.mark.parametrize("look", ALL)
def test_a_sky_has_no_bands_in_eight_bits(look):
    """Averaged over rows, what the dither leaves follows the 16 bits far below one step of the 8."""
    x = np.linspace(0, 1, 2000)[None, :, None]
    sky = np.repeat((1 - x) * [0.2, 0.32, 0.6] + x * [0.45, 0.5, 0.62], 256, axis=0)
    fine = render(scene(sky), look=look, auto_exposure=False, grain=0, vignette=0).pixels
    coarse = quantize(fine)
    wanted, seen = fine.mean(axis=0) / 257, coarse.mean(axis=0)
    assert np.abs(seen - wanted).max() < 0.17  # 256 rows of the dither's noise
    near = np.apply_along_axis(lambda v: np.convolve(v, np.full(25, 1 / 25), "valid"), 0, seen - wanted)
    assert np.abs(near).max() < 0.05
    assert (np.abs(np.diff(fine[128].astype(int), axis=0)).max(axis=1) > 0).mean() > 0.99


# Lamps, and the way to white


def hues(count=48):
    """Pure colours of every hue in linear Rec. 2020, and weaker ones."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    pure = np.clip(0.5 + np.stack([np.cos(turn + k * 2 * np.pi / 3) for k in (0, 2, 1)], axis=-1), 0, 1)
    return np.concatenate([pure, 0.5 + 0.15 * (pure - 0.5)])


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
@pytest.mark.parametrize("look", ALL)
def test_every_hue_goes_to_white_in_its_own_colour(look, gamut):
    ev = np.linspace(-6, 11.5, 300)  # to 8 EV above white
    made = render(scene(0.18 * hues()[:, None] * 2.0 ** ev[:, None]), look=look, gamut=gamut, **GLOBAL, off="halation")
    lab = oklab(made)
    strength = chroma(lab)
    for row in strength:
        assert np.diff(row[row.argmax() :]).max(initial=0) < 5e-4  # once it fades, it fades to the end
    assert strength[:, -1].max() < 0.01
    if look not in TINTED:
        middle = lab[:, np.argmin(np.abs(ev)), None]
        assert turned(lab, middle)[strength > 0.03].max(initial=0) < 2
    assert np.diff(lab[..., 0], axis=1).min() > -2e-4


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
@pytest.mark.parametrize("look", ALL)
def test_there_are_no_plateaus_on_the_way(look, gamut):
    """Two levels that are a 17th of an EV apart, of any colour, are two colours until the display is white."""
    ev = np.linspace(-5, 11.5, 281)
    pixels = 0.18 * hues()[:, None] * 2.0 ** ev[:, None]
    made = render(scene(pixels), look=look, gamut=gamut, **GLOBAL, off="halation").pixels.astype(int)
    still = (np.diff(made, axis=1) == 0).all(axis=2) & (made[:, 1:].min(axis=2) < 64500)
    still &= made[:, 1:].max(axis=2) > 50
    assert still.sum(axis=1).max() <= 3


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
@pytest.mark.parametrize("look", ["neutral", "authentic", "vibrant", "natural", "vivid"])
def test_stronger_colour_is_shown_stronger_to_the_edge_of_rec_2020(look, gamut):
    share = np.linspace(0, 1, 200)[None, :, None]
    pure = hues()[:48, None]
    grey = pure @ color.LUMINANCE
    for level in (0.02, 0.1, 0.3):
        pixels = level * ((1 - share) + share * pure / grey[..., None])
        made = render(scene(pixels), look=look, gamut=gamut, **GLOBAL, off="halation")
        step = np.linalg.norm(np.diff(oklab(made), axis=1), axis=-1)
        assert step.max() < 0.02
        still = (np.diff(made.pixels.astype(int), axis=1) == 0).all(axis=2)
        assert still.sum() == 0


@pytest.mark.parametrize("look", ALL)
def test_lamps_are_not_posterised(look):
    """Lamps of many colours, 8 EV over white, that fade into the dark: by little from ring to ring, darker outwards."""
    x = np.linspace(-1, 1, 1201)
    fading = 0.18 * 2.0 ** (11.5 * np.exp(-((x / 0.35) ** 2)) - 4)
    lamps = np.array([(1, 0.35, 0.05), (1, 0.05, 0.02), (0.05, 0.02, 1), (0.1, 1, 0.15), (1, 0.8, 0.5), (0.9, 0.1, 1)])
    made = render(scene(fading[None, :, None] * lamps[:, None]), look=look, **GLOBAL, off="halation")
    lab = oklab(made)
    jump = np.linalg.norm(np.diff(lab, axis=1), axis=-1)
    assert jump.max() < 0.03
    # No rings: the difference from step to step changes by little.
    assert np.abs(np.diff(lab, n=2, axis=1)).max() < 4e-3
    inwards = np.diff(lab[:, :601, 0], axis=1)
    assert inwards.min() > -2e-4
    shown = made.pixels[:, 1:601].astype(int)
    flat = (np.diff(made.pixels[:, :601].astype(int), axis=1) == 0).all(axis=2)
    bright = (fading[1:601] > 0.18 * 2**-3.5) & (shown.min(axis=2) < 63000) & (shown.max(axis=2) > 100)
    assert (flat & bright).sum(axis=1).max() <= 1


# Sliders


def view(height=96, width=96):
    """A sky over land, with lamps."""
    rng = np.random.default_rng(5)
    v, u = np.mgrid[:height, :width] / height
    sky, land = 2.2 + 1.5 * u, -3 + 0.8 * np.sin(9 * u) * np.cos(7 * v)
    ev = np.where(v < 0.45, sky, land) + 0.15 * rng.normal(size=(height, width))
    pixels = 0.18 * 2 ** ev[..., None] * np.where((v < 0.45)[..., None], [0.7, 1, 1.5], [1.2, 1, 0.6])
    pixels[20:24, 80:84] = [30, 20, 8]
    pixels[70:73, 30:33] = [10, 2, 1]
    return scene(pixels)


SLIDERS = {
    "strength": (0, 1),
    "tone": (-1, 1),
    "warmth": (-1, 1),
    "texture": (-1, 1),
    "vignette": (0, 1),
    "grain": (0, 1),
    "sharpen": (0, 1),
    "local_tone": (0, 1),
    "ev": (-4, 4),
    "headroom": (0, 4),
}


@pytest.mark.parametrize(
    ("slider", "look"),
    [*((slider, "authentic") for slider in SLIDERS), ("strength", "mono-contrast"), ("strength", "sepia")],
)
def test_sliders_move_the_picture_evenly(slider, look):
    """A 32nd of a slider's way is about as much of the change anywhere along it, and no pixel jumps."""
    shown = view()
    made = []
    for value in np.linspace(*SLIDERS[slider], 33):
        recipe = Recipe(**{"look": look, slider: float(value)})
        if slider == "headroom":
            light = Rendering(shown, recipe, Report()).hdr_rows(0, 96)
            made.append(np.log2(np.maximum(light, 2**-9)))
        else:
            made.append(oklab(render(shown, recipe)))
    change = [np.abs(after - before).max(axis=-1) for before, after in pairwise(made)]
    mean, most = np.array([(c.mean(), c.max()) for c in change]).T
    assert mean.max() > 0
    # The first of sharpening's way goes to its limits; headroom of 0 is a picture without a lift at all.
    assert mean.max() < {"sharpen": 0.3, "headroom": 0.2}.get(slider, 0.1) * mean.sum()
    assert most.max() < {"ev": 0.08, "headroom": 0.2}.get(slider, 0.02)


@pytest.mark.parametrize("slider", sorted(set(SLIDERS) - {"strength", "headroom"}))
def test_sliders_do_nothing_at_zero(slider):
    """On top of neutral, 0 is the picture without the stage, byte by byte."""
    shown = view()
    zero = render(shown, Recipe(**{slider: 0.0})).pixels
    stage = {"local_tone": "local-tone", "tone": None, "warmth": None, "ev": None}.get(slider, slider)
    assert np.array_equal(zero, render(shown, Recipe(off=(stage,) if stage else ())).pixels)
    assert not np.array_equal(zero, render(shown, Recipe(**{slider: 0.6})).pixels)


@pytest.mark.parametrize("look", ["authentic", "sepia"])
def test_no_strength_is_neutral(look):
    shown = view()
    assert np.array_equal(render(shown, look=look, strength=0).pixels, render(shown, look="neutral").pixels)


def test_no_headroom_is_the_sdr_picture():
    rendering = Rendering(view(), Recipe(look="authentic", headroom=0.0), Report())
    to_p3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020"))
    light = rendering.hdr_rows(0, 96) @ to_p3.T
    assert np.abs(light - color.decode_srgb(rendering.rows(0, 96) / 65535)).max() < 2e-3


# Vignette


@pytest.mark.parametrize("look", ["authentic", "mono-contrast", "vibrant"])
def test_a_looks_vignette_is_in_its_corners(look):
    pixels = np.full((300, 400, 3), 0.1)
    own = load_look(look).vignette
    bare = {"auto_exposure": False, "grain": 0, "texture": 0, "local_tone": 0, "sharpen": 0}
    # Through tone, what a corner has is what the middle has of so much less light.
    shaded = render(scene(pixels), look=look, **bare, off="halation").pixels
    dimmer = render(scene(pixels * 2 ** (-2 * own)), look=look, vignette=0, ev=0, **bare, off="halation").pixels
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert shaded[corner].astype(int) == pytest.approx(dimmer[150, 200].astype(int), rel=0.02)
    assert own == 0 or shaded[0, 0, 1] < 0.95 * shaded[150, 200, 1]


# The panoramas, 15 stops and more


def panorama(path):
    openexr = pytest.importorskip("OpenEXR")
    with openexr.File(str(path)) as file:
        light = np.maximum(file.channels()["RGB"].pixels[..., :3], 0)
    return scene(light @ np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb")).T)


def test_in_panoramas_shadows_open_and_the_sky_keeps_its_colour(shared):
    lifts, skies = {}, 0
    for path in sorted((shared / "hdr").glob("*.exr")):
        shown = panorama(path)
        before, after = (oklab(render(shown, look="neutral", local_tone=t)) for t in (0.0, 1.0))
        dark = before[..., 0] < np.quantile(before[..., 0], 0.1)
        lifts[path.stem] = 3 * np.log2(np.median(after[dark][:, 0]) / np.median(before[dark][:, 0]))
        hue = np.degrees(np.arctan2(before[..., 2], before[..., 1])) % 360
        sky = (np.abs(hue - 250) < 35) & (chroma(before) > 0.03) & (before[..., 0] > 0.5) & (before[..., 0] < 0.97)
        sky[len(sky) // 2 :] = False
        if sky.mean() > 0.02:
            skies += 1
            assert np.quantile(turned(before, after)[sky], 0.99) < 1
            # Pulled out of the shoulder a sky has more of its colour again; it never has notably less.
            assert 0.9 < np.median(chroma(after)[sky]) / np.median(chroma(before)[sky]) < 1.8
    assert skies >= 5
    # Where the darkest tenth is all but black (L under 0.25: 1.6 % of white), it opens by a stop or so.
    assert np.median(list(lifts.values())) > 0.9
    assert lifts["studio"] > 2
    assert min(lifts.values()) > -0.3


def test_in_panoramas_local_tone_is_there_for_the_range(shared):
    shown = panorama(shared / "hdr" / "studio.exr")
    made = local_tone(shown.pixels, shown.pixels.shape[:2], strength=1.0, exposure=1.0)
    assert made is not None
    assert np.ptp(made.grid) > 3

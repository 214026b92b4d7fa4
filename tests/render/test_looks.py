"""The looks: what each must keep, and what tells them apart."""

import functools

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, effects, render
from fotohaus.render.look import HUES, Grain, Halation, Look, Sector, Split, Tint, Tone
from fotohaus.render.look_color import apply_look, by_hue, look_lab, sector_weights
from fotohaus.render.look_curve import bend, look_curve
from fotohaus.render.looks import load_look, looks
from fotohaus.render.tone import filmic_curve

COLOURED = ("authentic", "vibrant", "natural", "vivid")
UNTINTED = (*COLOURED, "mono", "mono-contrast")
ALL = (*UNTINTED, "sepia", "blue")
WHITE = 0.18 * 2**3.5
# The X-Rite ColorChecker Classic in sRGB (8 bit), the makers' values for D65.
CHECKER = [
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
]  # fmt: skip
SKIN = [(115, 82, 68), (194, 150, 130), (240, 205, 180), (224, 172, 140), (141, 85, 60), (92, 56, 40), (198, 134, 103)]
PLAIN = {"local_tone": 0, "auto_exposure": False, "sharpen": 0, "vignette": 0, "grain": 0, "texture": 0}


def rec2020(srgb8):
    """Linear Rec. 2020 of 8-bit sRGB."""
    matrix = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    return color.decode_srgb(np.array(srgb8) / 255) @ matrix.T


def scene(pixels, **more):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)), **more)


@functools.cache
def patches(look, which="checker"):
    """Oklab of patches in a look's global colour."""
    return color.to_oklab(
        color.decode_srgb(apply_look(rec2020(SKIN if which == "skin" else CHECKER), load_look(look), WHITE)), "srgb"
    )


def chroma(lab):
    return np.hypot(lab[..., 1], lab[..., 2])


def angle(lab):
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))


def apart(a, b):
    return np.abs((a - b + 180) % 360 - 180)


def sweep(levels=180, hues=48):
    """Scene-linear colours of every hue, strong and weak, over 14 EV: (2 hues, levels, 3)."""
    turn = np.linspace(0, 2 * np.pi, hues, endpoint=False)
    pure = np.clip(0.5 + np.stack([np.cos(turn + k * 2 * np.pi / 3) for k in (0, 2, 1)], axis=-1), 0, 1)
    pure = np.concatenate([pure, 0.5 + 0.15 * (pure - 0.5)])
    return 0.18 * pure[:, None] * 2.0 ** np.linspace(-6, 8, levels)[None, :, None]


def oklab_of(picture):
    return color.to_oklab(color.decode_srgb(picture.pixels / 65535), picture.gamut)


def test_every_look_of_the_package_is_there():
    assert set(looks()) >= {"neutral", *ALL}
    for name in ALL:
        look = load_look(name)
        assert look.title
        assert look.about


def test_neutral_is_neutral():
    assert load_look("neutral") == Look()
    pixels = rec2020(CHECKER)
    curve = look_curve(Look(), WHITE)
    assert curve.base == filmic_curve(WHITE)
    levels = 2.0 ** np.linspace(-12, 6, 500)
    assert (curve(levels) == filmic_curve(WHITE)(levels)).all()
    assert by_hue(np.arange(360.0), Look()) == pytest.approx(np.tile([1, 0, 0], (360, 1)), abs=1e-12)
    assert look_lab(pixels, Look(), curve) == pytest.approx(
        np.asarray(importlib_tone().tone_map(pixels, filmic_curve(WHITE))), abs=1e-12
    )


def importlib_tone():
    import importlib

    return importlib.import_module("fotohaus.render.tone")


# What the looks are


def test_authentic_is_calmer_than_vibrant():
    calm, neutral, lively = (chroma(patches(look))[:18].mean() for look in ("authentic", "neutral", "vibrant"))
    assert calm < 0.97 * neutral
    assert lively > 1.02 * neutral
    green_and_blue = [2, 3, 7, 10, 12, 13, 17]
    assert (chroma(patches("authentic"))[green_and_blue] < chroma(patches("neutral"))[green_and_blue]).all()


@pytest.mark.parametrize("white", [2, 3.5, 6])
def test_authentic_lifts_no_shadow(white):
    neutral, look = (look_curve(load_look(name), 0.18 * 2**white) for name in ("neutral", "authentic"))
    assert abs(np.log2(look(0.05) / neutral(0.05))) < 0.1
    deep = 0.18 * 2.0 ** np.linspace(-5, -3.5, 50)
    difference = np.log2(look(deep) / neutral(deep))
    assert (difference < 0).all()  # deep
    assert difference.min() > -0.75  # but detailed
    assert look(0.0) == 0


def test_authentic_separates_mid_tones():
    ev = np.array([-0.05, 0.05])

    def slope(look):
        return float(np.diff(np.log2(look_curve(load_look(look), WHITE)(0.18 * 2**ev)))[0] / 0.1)

    assert slope("authentic") > slope("neutral") + 0.1
    assert slope("neutral") > 1


def test_authentic_rolls_off_gently():
    """The last EV before white has more of the display's range than the neutral one leaves it."""
    neutral, look = look_curve(Look(), WHITE), look_curve(load_look("authentic"), WHITE)
    assert 1 - look(WHITE) > 1 - neutral(WHITE)
    assert look(WHITE) > 0.93


def test_vibrant_is_brighter_and_lifts():
    neutral, look = look_curve(Look(), WHITE), look_curve(load_look("vibrant"), WHITE)
    lift = np.log2(look([0.005, 0.05, 0.18]) / neutral([0.005, 0.05, 0.18]))
    assert (lift > 0.15).all()
    assert load_look("vibrant").vignette == 0
    # Never neon: the strongest colours stay about as strong as they were.
    strong = rec2020([(255, 30, 20), (20, 230, 30), (30, 40, 255), (255, 0, 220)]) * 0.5
    before, after = (
        chroma(look_lab(strong, load_look(name), look_curve(load_look(name), WHITE))) for name in ("neutral", "vibrant")
    )
    assert (after < 1.12 * before).all()


def test_night_stays_night():
    rng = np.random.default_rng(0)
    dark = np.repeat(0.006 * 2.0 ** rng.normal(0, 0.6, (240, 320, 1)), 3, axis=2)
    dark[20:220:40, 30:300:60] = 3
    means = {look: render(scene(dark), look=look, vignette=0).pixels.mean() for look in ("neutral", "authentic")}
    assert means["authentic"] < 1.05 * means["neutral"]


# What every look keeps


@pytest.mark.parametrize("look", COLOURED)
def test_skin_keeps_its_hue(look):
    assert apart(angle(patches(look, "skin")), angle(patches("neutral", "skin"))).max() < 3


@pytest.mark.parametrize("look", UNTINTED)
def test_greys_are_exactly_grey(look):
    level = np.concatenate([[0], 2.0 ** np.linspace(-20, 10, 3000)])
    pixels = np.repeat(level[None, :, None], 3, axis=2)
    out = render(scene(pixels), look=look, off="halation", **PLAIN).pixels[0].astype(int)
    assert (out == out[:, :1]).all()
    assert out[0, 0] == 0
    assert (np.diff(out[:, 0]) >= 0).all()


@pytest.mark.parametrize("look", ["sepia", "blue"])
def test_toned_looks_are_toned_between_black_and_white(look):
    level = 2.0 ** np.linspace(-12, 8, 2000)
    out = oklab_of(render(scene(np.repeat(level[None, :, None], 3, axis=2)), look=look, **PLAIN))[0]
    middle = (out[:, 0] > 0.2) & (out[:, 0] < 0.9)
    assert chroma(out)[middle].min() > 0.008
    wanted = 68 if look == "sepia" else 255
    assert apart(angle(out)[middle], wanted).max() < 25
    assert chroma(out)[out[:, 0] > 0.999].max(initial=0) < 0.01
    assert (np.diff(out[:, 0]) > -1e-4).all()


@pytest.mark.parametrize("look", ["mono", "mono-contrast"])
def test_black_and_white_has_no_colour(look):
    out = render(scene(sweep()), look=look, **PLAIN).pixels.astype(int)
    assert (out == out[..., :1]).all()


@pytest.mark.parametrize("look", ALL)
def test_sweeps_are_smooth_and_in_order(look):
    pixels = sweep()
    lab = oklab_of(render(scene(pixels), look=look, **PLAIN))
    step = np.diff(lab, axis=1)
    assert step[..., 0].min() > -2e-4  # brighter light is never darker
    assert np.abs(step).max() < 0.06
    # No hue flips on the way to white.
    held = (chroma(lab)[:, 1:] > 0.02) & (chroma(lab)[:, :-1] > 0.02)
    turn = apart(angle(lab)[:, 1:], angle(lab)[:, :-1])
    if look in COLOURED:
        assert turn[held].max() < 2.5
        source = color.to_oklab(pixels)
        assert apart(angle(lab), angle(source))[chroma(lab) > 0.03].max() < 16
    assert chroma(lab)[:, -1].max() < 0.1


@pytest.mark.parametrize("look", ALL)
def test_a_smooth_sky_has_no_bands(look):
    x = np.linspace(0, 1, 3000)[None, :, None]
    sky = (1 - x) * [0.08, 0.2, 0.6] + x * [2.0, 1.7, 1.5]
    out = (
        render(scene(np.repeat(sky, 12, axis=0)), look=look, auto_exposure=False, grain=0, vignette=0)
        .pixels[6]
        .astype(int)
    )
    still = (np.diff(out, axis=0) == 0).all(axis=1) & (out[1:].min(axis=1) < 64000)
    assert still.sum() <= 2
    assert np.abs(np.diff(out, axis=0)).max() < 500
    # Neither kinks: slopes change by little from one pixel to the next.
    assert np.abs(np.diff(out, n=2, axis=0)).max() < 60


# The engine


@pytest.mark.parametrize("look", ALL)
def test_kernel_agrees_with_the_formulas(look):
    rng = np.random.default_rng(3)
    level = 2.0 ** rng.uniform(-10, 6, (1, 3000, 1))
    pixels = (rng.random((1, 3000, 3)) ** rng.uniform(0.1, 4, (1, 3000, 1)) * level).astype(np.float32)
    out = render(scene(pixels), look=look, gamut="srgb", off="halation", **PLAIN).pixels / 65535
    wanted = apply_look(pixels, load_look(look), 0.18 * 2**6)
    assert np.abs(out - wanted).max() < 0.6 / 255


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0])
def test_the_vignette_takes_what_it_says(strength):
    pixels = np.full((300, 400, 3), 0.1)
    plain, dark = (
        color.decode_srgb(
            render(scene(pixels), look="neutral", vignette=v, off="tone", auto_exposure=False).pixels[..., 1] / 65535
        )
        for v in (0, strength)
    )
    loss = np.log2(dark / plain)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert loss[corner] == pytest.approx(-2 * strength, abs=0.03)
    assert loss[150, 200] == pytest.approx(0, abs=0.01)
    assert loss == pytest.approx(np.log2(effects.vignette((300, 400), strength)), abs=0.02)
    assert (np.diff(loss[150, 200:]) < 1e-3).all()


def test_no_vignette_is_none():
    pixels = np.random.default_rng(0).random((40, 60, 3)) * 0.3
    zero = render(scene(pixels), look="authentic", vignette=0.0, grain=0.0, texture=0.0).pixels
    off = render(scene(pixels), look="authentic", off="vignette,grain,texture").pixels
    assert np.array_equal(zero, off)
    assert effects.vignette((40, 60), 0).min() == 1


@pytest.mark.parametrize("slider", ["vignette", "grain", "texture", "tone", "warmth", "strength", "sharpen"])
def test_sliders_are_continuous_and_neutral_at_zero(slider):
    rng = np.random.default_rng(5)
    pixels = 0.18 * 2.0 ** np.cumsum(rng.normal(0, 0.2, (48, 64, 3)), axis=1).clip(-5, 3)
    look = "authentic" if slider == "strength" else "neutral"
    made = [
        render(scene(pixels), **{"look": look, "auto_exposure": False, "sharpen": 0, slider: v}).pixels.astype(int)
        for v in (0, 0.001, 0.25, 0.255, 0.5, 1)
    ]
    neutral = render(scene(pixels), look="neutral", auto_exposure=False, sharpen=0).pixels.astype(int)
    if slider == "strength":
        neutral = render(scene(pixels), look="authentic", auto_exposure=False, sharpen=0, strength=0).pixels.astype(int)
    assert np.array_equal(made[0], neutral)
    assert np.abs(made[1] - neutral).max() < 300  # the kernel of looks is not the plain one, but close
    assert np.abs(made[1] - neutral).mean() < 30
    assert np.abs(made[3] - made[2]).mean() < 120
    change = [np.abs(m - neutral).mean() for m in made[2:]]
    assert change[0] < change[2] < change[3]


@pytest.mark.parametrize("look", ["authentic", "mono-contrast", "sepia"])
def test_strips_make_the_whole(look):
    rng = np.random.default_rng(1)
    pixels = 0.2 * 2.0 ** rng.normal(0, 1.5, (700, 190, 3))
    pixels[100:110, 50:60] = 40
    one = scene(pixels)
    from fotohaus.recipe import Recipe
    from fotohaus.render.pipeline import Rendering
    from fotohaus.report import Report

    rendering = Rendering(one, Recipe(look=look, texture=0.4), Report())
    whole = rendering.picture().pixels
    for rows in (37, 256, 700):
        made = np.concatenate([rendering.rows(t, min(t + rows, 700)) for t in range(0, 700, rows)])
        assert np.array_equal(made, whole)


def test_the_same_bytes_on_any_number_of_threads():
    pixels = 0.2 * 2.0 ** np.random.default_rng(1).normal(0, 1.5, (600, 200, 3))
    made = []
    try:
        for threads in (1, 2, 5):
            kernels.set_threads(threads)
            made.append(render(scene(pixels), look="authentic", texture=0.3).pixels)
    finally:
        kernels.set_threads(0)
    assert all(np.array_equal(made[0], other) for other in made[1:])


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 40), (40, 1), (3, 17), (33, 5)])
@pytest.mark.parametrize("look", ["authentic", "mono-contrast"])
def test_tiny_and_broken_pictures(shape, look):
    pixels = np.full((*shape, 3), 0.3)
    assert render(scene(pixels), look=look).pixels.shape == (*shape, 3)
    for value in (np.nan, np.inf, -np.inf, 1e30, -5):
        pixels[0, 0] = value
        assert render(scene(pixels), look=look).pixels.shape == (*shape, 3)


def test_grain_is_reproducible_and_strongest_in_the_mid_tones():
    level = np.array([0, 0.01, 0.18, 0.5, 60.0])
    pixels = np.repeat(np.repeat(level[:, None, None], 3, axis=2), 400, axis=1).repeat(60, axis=0)
    out = render(scene(pixels), look="neutral", grain=0.5, auto_exposure=False).pixels
    assert np.array_equal(out, render(scene(pixels), look="neutral", grain=0.5, auto_exposure=False).pixels)
    deviation = [oklab_of_rows(out[60 * i : 60 * i + 60]) for i in range(5)]
    assert deviation[0] == 0
    assert deviation[2] > deviation[1] > 0
    assert deviation[2] > 2 * deviation[4]
    assert (out[60:120] == out[60:120, :, :1]).all()  # grain has no colour


def oklab_of_rows(pixels):
    return color.to_oklab(color.decode_srgb(pixels / 65535), "p3")[..., 0].std()


def test_grain_belongs_to_the_frame():
    """Seen at the same size, a large and a small picture of the same scene are equally grainy."""
    seen = []
    for height in (400, 1200, 2400):
        tile = effects.grain_tile(effects.GRAIN_SIZE * height * 2).astype(float) / effects.GRAIN_UNIT
        block = height // 400
        part = tile[: 512 // block * block, : 512 // block * block]
        seen.append(part.reshape(512 // block, block, 512 // block, block).mean(axis=(1, 3)).std())
    assert max(seen) < 1.5 * min(seen)
    large = effects.grain_tile(3.0).astype(float)
    small = effects.grain_tile(0.4).astype(float)

    def neighbours(tile):
        return (tile * np.roll(tile, 1, 1)).mean() / tile.var()

    assert neighbours(large) > 0.9 > 0.5 > neighbours(small)


def test_texture_leaves_large_edges_without_halo():
    rng = np.random.default_rng(2)
    pixels = np.full((400, 400, 3), 0.01)
    pixels[:, 200:] = 0.64  # six EV
    plain, crisp = (
        color.to_oklab(color.decode_srgb(render(scene(pixels), texture=t, **KEEP).pixels / 65535), "p3")[200, :, 0]
        for t in (0, 0.5)
    )
    height = plain.max() - plain.min()
    assert (crisp - plain).max() < 0.05 * height
    assert (plain - crisp).max() < 0.05 * height
    fine = 0.18 * (1 + 0.08 * rng.normal(size=(400, 400, 1))) * np.ones(3)
    before, after = (
        color.to_oklab(
            color.decode_srgb(render(scene(fine, noise=(1e-9, 1e-12)), texture=t, **KEEP).pixels / 65535), "p3"
        )[..., 0].std()
        for t in (0, 0.5)
    )
    assert after > 1.2 * before


KEEP = {"look": "neutral", "auto_exposure": False, "sharpen": 0}


def test_halation_is_red_near_lamps_and_nothing_elsewhere():
    pixels = np.full((300, 400, 3), 0.02)
    pixels[145:155, 195:205] = 60
    dark = effects.glow(pixels.astype(np.float32), Halation(), 1.5)
    assert (dark == 0).all()
    added = effects.glow(pixels.astype(np.float32), Halation(glow=1.0), 1.5)
    scale = added.shape[1] / 300
    near = int(150 * scale), int(212 * scale)
    assert added[0][near] > 2 * added[1][near] > 0
    assert added[:, 5, 5].max() < 1e-5
    even = effects.glow(np.full((60, 80, 3), 0.2, np.float32), Halation(1, 1), 1.5)
    assert even.max() < 1e-3


def test_sectors_share_every_hue_smoothly():
    angles = np.linspace(0, 360, 3601)
    weights = sector_weights(angles)
    assert weights.sum(axis=-1) == pytest.approx(1)
    assert np.abs(np.diff(weights, axis=0)).max() < 0.01
    assert weights[0] == pytest.approx(weights[-1])
    for i, centre in enumerate(HUES.values()):
        assert sector_weights(centre)[i] == pytest.approx(1)


def test_bend_is_smooth_and_neutral_at_zero():
    ev = np.linspace(-12, 8, 2001)
    assert (bend(ev, Tone()) == 0).all()
    tone = Tone(brightness=0.2, slope=0.3, toe=0.2)
    assert np.abs(np.diff(bend(ev, tone), n=2)).max() < 1e-4
    assert np.gradient(bend(ev, tone), ev)[1200] == pytest.approx(0.3, abs=0.01)
    assert np.gradient(bend(ev, tone), ev)[100] == pytest.approx(0.2, abs=0.01)


def test_no_curve_ever_falls():
    ev = np.linspace(-16, 12, 1401)
    for slope in (-0.6, 1):
        for width in (0.3, 1, 3):
            for toe in (-0.5, 1):
                assert np.gradient(ev + bend(ev, Tone(slope=slope, width=width, toe=toe)), ev).min() > 0.2


def test_parts_do_what_they_say():
    sky = rec2020([(90, 130, 200)])
    plain = look_lab(sky, Look(), look_curve(Look(), WHITE))
    from dataclasses import replace

    hues = Look().hues
    darker = Look(hues=replace(hues, blue=Sector(chroma=-0.3, hue=5, lightness=-0.2)))
    changed = look_lab(sky, darker, look_curve(darker, WHITE))
    assert changed[0, 0] < plain[0, 0]
    assert chroma(changed) < 0.85 * chroma(plain)
    assert 2 < float(((angle(changed) - angle(plain) + 180) % 360 - 180)[0]) <= 5.2
    tinted = Look(split=Split(Tint(250, 0.05), Tint(70, 0.02)))
    for level, hue in ((0.02, 250), (0.6, 70)):
        grey = look_lab(np.full((1, 3), level), tinted, look_curve(tinted, WHITE))
        assert chroma(grey) > 0.01
        assert apart(angle(grey), hue) < 20
    grey = np.full((1, 3), 0.18)
    assert chroma(look_lab(grey, replace(Look(), grain=Grain(0.5)), look_curve(Look(), WHITE))) < 1e-9


def test_on_photographs_authentic_is_calmer_than_vibrant(shared):
    from PIL import Image

    photos = sorted((shared / "truth" / "photos").glob("*.jpg"))
    assert photos
    means = {"authentic": [], "neutral": [], "vibrant": []}
    for path in photos:
        with Image.open(path) as photo:
            photo.draft("RGB", (400, 400))
            pixels = rec2020(np.asarray(photo.convert("RGB"))[::3, ::3])
        for name, found in means.items():
            made = color.to_oklab(color.decode_srgb(apply_look(pixels.clip(0), load_look(name), 1.0)), "srgb")
            found.append(chroma(made).mean())
    for calm, neutral, lively in zip(*means.values(), strict=True):
        if neutral > 0.005:  # one is black and white
            assert calm < neutral + 1e-4
            assert calm < lively
    assert np.mean(means["authentic"]) < 0.93 * np.mean(means["vibrant"])

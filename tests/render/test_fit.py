"""Fitting a look: known looks are found again, from pictures that lie askew and were compressed."""

import functools
import io

import numpy as np
import pytest
from PIL import Image

from fotohaus.render import color
from fotohaus.render.color_pairs import color_pairs
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.fit import ColorPairs, fit_look
from fotohaus.render.look import Chroma, Hues, Look, Mono, Sector, Split, Tint, Tone, parse_look, to_toml
from fotohaus.render.look_color import apply_look
from fotohaus.render.looks import load_look
from fotohaus.render.match import match

OF_ITS_OWN = Look(
    warmth=0.25,
    tone=Tone(brightness=-0.2, slope=0.12, width=1.1, toe=-0.1, shoulder=0.2, black=0.004),
    chroma=Chroma(amount=0.12, shadows=-0.2, highlights=0.1, restraint=1.5),
    hues=Hues(orange=Sector(hue=6, chroma=0.1), green=Sector(chroma=-0.3, hue=12), blue=Sector(0.15, -8, -0.1)),
    split=Split(Tint(220, 0.012), Tint(70, 0.01)),
)
LEARNED = ("Ashim_DSilva", "Jonas_Nilsson_Lee", "Pablo_Garcia_Saldana")
HELD_OUT = ("Julia_Craice", "Photo_by_SpaceX", "Rob_Bye", "Sunset_by_the_Pier")


def the_look(name):
    return OF_ITS_OWN if name == "of its own" else load_look(name)


@functools.cache
def photo(folder, name):
    """A photograph taken for a scene: linear Rec. 2020."""
    with Image.open(folder / f"{name}.jpg") as image:
        image.draft("RGB", (1200, 1200))
        image = image.convert("RGB")
        image.thumbnail((360, 360))
    return linear(np.asarray(image) / 255)


def linear(encoded):
    matrix = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    return (color.decode_srgb(encoded) @ matrix.T).astype(np.float32)


@functools.cache
def collage(seed, height=300, width=420):
    """Papers of all colours on a shaded ground, lit from one side."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    scene = 0.15 + 0.1 * np.stack([np.sin(x / 90 + k) * np.cos(y / 70 - k) for k in range(3)], axis=-1)
    for _ in range(90):
        top, left = random.integers(-20, height), random.integers(-20, width)
        tall, wide = random.integers(20, 90, 2)
        turn, strength = random.random() * 2 * np.pi, random.random() ** 0.7
        colour = 0.5 + 0.45 * strength * np.cos(turn + np.array([0, 2.1, 4.2]))
        scene[max(top, 0) : top + tall, max(left, 0) : left + wide] = colour**2 * 2.0 ** random.uniform(-3.5, 0.3)
    return (scene * 2.0 ** (1.5 * (x / width - 0.5))[..., None]).astype(np.float32)


def rendered(scene, look, ev=0.0):
    metered = auto_exposure(scene)
    return apply_look(scene * 2.0 ** (metered.ev + ev), look, metered.white(metered.ev + ev))


def askew(picture, scale=1.02, shift=(3, -4), crop=6, quality=88):
    """The picture larger, shifted by some pixels, cropped, and out of a JPEG."""
    image = Image.fromarray(np.rint(picture * 255).astype(np.uint8))
    width, height = image.size
    image = image.transform(
        image.size, Image.Transform.AFFINE, (1 / scale, 0, shift[1], 0, 1 / scale, shift[0]), Image.Resampling.BICUBIC
    ).crop((crop, crop, width - crop, height - crop))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return color.decode_srgb(np.asarray(Image.open(file)) / 255)


def learned(scenes, look, evs=None, **how):
    evs = evs or [0.0] * len(scenes)
    return fit_look(
        [
            color_pairs(scene, askew(rendered(scene, look, ev), **how), auto_exposure(scene), most=500)[0]
            for scene, ev in zip(scenes, evs, strict=True)
        ]
    )


def apart(scenes, look, other):
    """Mean CIEDE2000 of each scene in two looks."""
    return [
        float(delta_e_2000(*(cie_lab(color.decode_srgb(rendered(part, one))) for one in (look, other))).mean())
        for part in (scene[::3, ::3] for scene in scenes)
    ]


# The numbers


@pytest.mark.parametrize(
    ("first", "second", "difference"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
        ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
        ((40, 0, 0), (40, 0, 0), 0),
    ],
)
def test_ciede2000_of_the_published_pairs(first, second, difference):
    assert delta_e_2000(first, second) == pytest.approx(difference, abs=1e-4)
    assert delta_e_2000(second, first) == pytest.approx(difference, abs=1e-4)


def test_lab_of_white_and_red():
    assert cie_lab([1, 1, 1]) == pytest.approx([100, 0, 0], abs=1e-6)
    assert cie_lab([1, 0, 0]) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("name", ["authentic", "of its own"])
def test_exact_colours_give_the_look_back(name):
    look, random = the_look(name), np.random.default_rng(1)
    scene = random.random((1200, 3)) ** 2 * 2.0 ** random.uniform(-4, 1.5, (1200, 1))
    metered = auto_exposure(scene.reshape(30, 40, 3).astype(np.float32))
    scene = scene * 2.0**metered.ev
    lab = cie_lab(color.decode_srgb(apply_look(scene, look, metered.white(metered.ev))))
    fit = fit_look([ColorPairs(scene, lab, random.random(1200), np.ones(1200), metered)])
    assert fit.after < 0.1
    assert fit.before > 1
    assert fit.look.tone.slope == pytest.approx(look.tone.slope, abs=0.05)
    assert fit.look.tone.brightness == pytest.approx(look.tone.brightness, abs=0.05)
    assert fit.look.hues.green.hue == pytest.approx(look.hues.green.hue, abs=1)
    assert fit.look.vignette == 0


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="too few"):
        fit_look([])


# Where a picture lies


@pytest.mark.parametrize(("scale", "shift", "crop"), [(1.0, (0, 0), 0), (1.02, (5, -4), 0), (1.3, (20, 30), 10)])
def test_a_picture_is_found_on_its_scene(scale, shift, crop):
    scene = collage(3)
    shown = askew(rendered(scene, load_look("vibrant")), scale, shift, crop)
    placement = match(scene.astype(float) @ color.LUMINANCE, shown @ color.rgb_to_xyz("srgb")[1])
    assert placement.likeness > 0.8, placement
    for y, x in ((150, 210), (70, 80), (210, 300)):
        v, u = (y + 0.5 - 150) / 210, (x + 0.5 - 210) / 210
        radial, half = 1 + placement.bulge * (v * v + u * u), max(shown.shape) / 2
        found = [
            (s * at * radial + d) * half + n / 2
            for s, at, d, n in zip(placement.scale, (v, u), placement.shift, shown.shape, strict=False)
        ]
        wanted = [(at + 0.5 - d) * scale - crop for at, d in zip((y, x), shift, strict=True)]
        assert found == pytest.approx(wanted, abs=1.5)


def test_another_picture_is_refused():
    with pytest.raises(ValueError, match="something else"):
        color_pairs(collage(1), askew(rendered(collage(2), Look())), auto_exposure(collage(1)))


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_a_picture_of_nothing_is_refused(value):
    with pytest.raises(ValueError, match="something else"):
        color_pairs(collage(1), np.full((200, 300, 3), value), auto_exposure(collage(1)))


# Looks found again


def test_a_look_is_learned_from_papers():
    fit = learned([collage(1), collage(2)], OF_ITS_OWN)
    assert parse_look(to_toml(fit.look)) is not None
    assert fit.after < 0.5 * fit.before
    assert max(apart([collage(7), collage(8)], OF_ITS_OWN, fit.look)) < 1.5
    assert {part.name for part in fit.residuals} >= {"red", "green", "blue"}
    assert all(part.colors > 0 and part.mean >= 0 for part in fit.residuals)


@pytest.mark.parametrize("name", ["authentic", "vibrant", "natural", "of its own"])
def test_a_look_is_learned_from_photographs(shared, name):
    folder, look = shared / "truth" / "photos", the_look(name)
    fit = learned([photo(folder, one) for one in LEARNED], look)
    errors = apart([photo(folder, one) for one in HELD_OUT], look, fit.look)
    assert np.mean(errors) < 1
    assert max(errors) < 1.5


def test_each_pictures_own_exposure_is_not_the_looks():
    fit = learned([collage(1), collage(2)], load_look("vibrant"), [0.4, -0.4])
    assert fit.ev == pytest.approx([0.4, -0.4], abs=0.1)
    assert max(apart([collage(7)], load_look("vibrant"), fit.look)) < 1.5


def test_darker_corners_are_a_vignette():
    scene = collage(4)
    from fotohaus.render.effects import vignette

    metered = auto_exposure(scene)
    shaded = scene * vignette(scene.shape[:2], 0.4)[..., None]
    shown = apply_look(shaded * 2.0**metered.ev, Look(), metered.white(metered.ev))
    fit = fit_look([color_pairs(scene, askew(shown, 1, (0, 0), 0), metered)[0]])
    assert fit.look.vignette == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize(("name", "most"), [("mono", 1.5), ("mono-contrast", 3), ("sepia", 1.5)])
def test_black_and_white_is_seen_to_be_so(name, most):
    fit = learned([collage(1), collage(2)], load_look(name))
    assert fit.look.mono.amount == 1
    assert apart([collage(7)], load_look(name), fit.look)[0] < most


def test_colour_is_not_taken_for_black_and_white():
    assert learned([collage(1)], load_look("natural")).look.mono == Mono()

"""The whole of render: what must hold for every scene."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, gamut, render, tone
from fotohaus.render.picture import Picture
from fotohaus.render.tone import filmic_curve
from fotohaus.report import Report

GAMUTS = ("srgb", "p3")
# 1.0 is metered as highlights at log2(1 / 0.18) EV, so an untouched exposure puts white there.
CAMERA = {"look": "neutral", "auto_exposure": False, "sharpen": 0}


def scene(pixels, **more):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)), **more)


def colours(count=4000, seed=0):
    """Random linear Rec. 2020 colours over 16 EV, from grey to the edge of the gamut."""
    rng = np.random.default_rng(seed)
    level = 2.0 ** rng.uniform(-10, 6, (1, count, 1))
    return (rng.random((1, count, 3)) ** rng.uniform(0.1, 4, (1, count, 1)) * level).astype(np.float32)


def reference(pixels, curve, space):
    """The same maths in float64 without sharpening."""
    lab = gamut.map_lab(tone.tone_map(pixels, curve), space)
    return color.encode_srgb(np.clip(color.from_oklab(lab, space), 0, 1))


def oklab_of(picture):
    return color.to_oklab(color.decode_srgb(picture.pixels / 65535), picture.gamut)


@pytest.mark.parametrize("space", GAMUTS)
def test_kernel_agrees_with_the_formulas(space):
    pixels = colours()
    picture = render(scene(pixels), gamut=space, **CAMERA)
    highlights = np.quantile(np.log2(np.sort(pixels[0].astype(float) @ color.LUMINANCE) / 0.18), 0.998)
    assert highlights > 5  # so the softest shoulder is in use, whatever the meter samples
    wanted = reference(pixels, filmic_curve(0.18 * 2**6), space)
    assert np.abs(picture.pixels / 65535 - wanted).max() < 0.2 / 255


def test_tone_off_is_a_plain_clip():
    pixels = colours(seed=1)
    for space in GAMUTS:
        matrix = np.linalg.solve(color.rgb_to_xyz(space), color.rgb_to_xyz("rec2020"))
        picture = render(scene(pixels), gamut=space, off="tone", ev=1, **CAMERA)
        wanted = color.encode_srgb(np.clip(2 * pixels.astype(float) @ matrix.T, 0, 1))
        # Oklab's published matrices carry ten digits and the kernel's seven.
        assert np.abs(picture.pixels / 65535 - wanted).max() < 0.2 / 255


@pytest.mark.parametrize("space", GAMUTS)
@pytest.mark.parametrize("off", [(), ("tone",)])
def test_neutrals_stay_exactly_neutral_and_in_order(space, off):
    level = np.concatenate([[0], 2.0 ** np.linspace(-20, 10, 5000)])
    pixels = np.repeat(level[None, :, None], 3, axis=2)
    for strength in (0, 1):
        out = render(scene(pixels), gamut=space, off=off, **{**CAMERA, "sharpen": strength}).pixels[0].astype(int)
        assert (out == out[:, :1]).all()
        assert out[0, 0] == 0
        assert out[-1, 0] == 65535
        if strength == 0:
            assert (np.diff(out[:, 0]) >= 0).all()


def test_mid_grey_lands_at_mid_grey():
    picture = render(scene(np.full((32, 32, 3), 0.18)), **CAMERA)
    assert color.decode_srgb(picture.pixels / 65535) == pytest.approx(0.18, rel=2e-3)


@pytest.mark.parametrize("space", GAMUTS)
def test_hue_and_order_hold_over_fourteen_ev(space):
    angle = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    pure = np.clip(0.5 + np.stack([np.cos(angle + k * 2 * np.pi / 3) for k in (0, 2, 1)], axis=-1), 0, 1)
    ev = np.linspace(-6, 8, 561)
    pixels = 0.18 * pure[:, None] * 2.0 ** ev[None, :, None]
    picture = render(scene(pixels), gamut=space, **CAMERA)
    lab, source = oklab_of(picture), color.to_oklab(pixels)
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    turn = np.arctan2(lab[..., 2], lab[..., 1]) - np.arctan2(source[..., 2], source[..., 1])
    turn = np.degrees(np.abs(np.angle(np.exp(1j * turn))))
    assert turn[chroma > 0.02].max() < 0.5
    # Brighter light is never darker, no step is a jump, and nothing stands still before white.
    step = np.diff(lab[..., 0], axis=1)
    assert step.min() > -2e-5
    assert step.max() < 0.02
    assert np.abs(np.diff(chroma, axis=1)).max() < 0.006
    still = (np.diff(picture.pixels.astype(int), axis=1) == 0).all(axis=-1)
    assert not (still & (lab[:, 1:, 0] < 0.97) & (lab[:, 1:, 0] > 0.1)).any()
    # Every colour ends close to white.
    assert (chroma[:, -1] < 0.08).all()


def test_hue_holds_in_another_perceptual_space():
    colour = pytest.importorskip("colour")
    ev = np.linspace(-4, 4, 33)
    for name, rgb in {"red": (0.9, 0.12, 0.08), "orange": (0.9, 0.4, 0.05), "sky": (0.2, 0.4, 0.9)}.items():
        pixels = 0.18 * np.array(rgb) * 2.0 ** ev[None, :, None]
        picture = render(scene(pixels), gamut="srgb", **CAMERA)
        linear = color.decode_srgb(picture.pixels / 65535)

        def hue(values, space):
            jab = colour.XYZ_to_Jzazbz(values @ color.rgb_to_xyz(space).T * 203)
            return np.arctan2(jab[..., 2], jab[..., 1]), np.hypot(jab[..., 1], jab[..., 2])

        # The same light level on both sides: JzAzBz hues move with level even along a straight ray of light.
        after, chroma = hue(linear, "srgb")
        scaled = pixels * (linear @ color.rgb_to_xyz("srgb")[1] / (pixels @ color.LUMINANCE))[..., None]
        before, _ = hue(scaled, "rec2020")
        turn = np.degrees(np.abs(np.angle(np.exp(1j * (after - before)))))
        assert turn[chroma > 0.01].max() < 8, name


def test_smooth_ramp_has_neither_steps_nor_plateaus():
    x = np.linspace(0, 1, 4000)[None, :, None]
    sky = (1 - x) * [0.08, 0.2, 0.6] + x * [2.5, 2.0, 1.6]
    out = render(scene(np.repeat(sky, 8, axis=0)), **{**CAMERA, "sharpen": 0.5}).pixels[4].astype(int)
    # The longest run of equal neighbours in all channels, before white is reached.
    still = (np.diff(out, axis=0) == 0).all(axis=1) & (out[1:].min(axis=1) < 64000)
    assert still.sum() == 0
    assert np.abs(np.diff(out, axis=0)).max() < 300


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 19), st.just(3)), elements=st.floats(width=32)),
    st.sampled_from(GAMUTS),
    st.sampled_from([(), ("tone",), ("sharpen",)]),
)
def test_any_input_gives_a_picture(pixels, space, off):
    picture = render(scene(pixels, noise=(1e-3, 1e-5)), gamut=space, off=off)
    assert picture.pixels.shape == pixels.shape
    assert picture.pixels.dtype == np.uint16
    black = np.isnan(pixels).all(axis=-1)
    if off:  # with both on, a neighbour's sharpening can't reach a black pixel either, but for its overshoot
        assert (picture.pixels[black] == 0).all() or "tone" in off


def test_non_finite_pixels_are_black_or_white_and_leave_the_rest_alone():
    pixels = np.full((40, 40, 3), 0.18, np.float32)
    clean = render(scene(pixels), look="neutral", sharpen=0).pixels
    pixels[3, 3], pixels[5, 5], pixels[7, 7] = np.nan, np.inf, -np.inf
    out = render(scene(pixels), look="neutral", sharpen=0).pixels
    assert (out[3, 3] == 0).all()
    assert (out[5, 5] == 65535).all()
    assert (out[7, 7] == 0).all()
    out[[3, 5, 7], [3, 5, 7]] = clean[0, 0]
    assert np.abs(out.astype(int) - clean).max() <= 1


def test_exposures_are_equivalent():
    pixels = colours(2500).reshape(50, 50, 3)
    bright = render(scene(4 * pixels), ev=-1, **CAMERA)
    dark = render(scene(pixels), ev=1, **CAMERA)
    assert np.abs(bright.pixels.astype(int) - dark.pixels).max() <= 1


def test_bytes_do_not_depend_on_threads_or_memory_layout():
    pixels = colours(200 * 300).reshape(200, 300, 3)
    s = scene(pixels, noise=(1e-4, 1e-6))
    try:
        kernels.set_threads(1)
        one = render(s).pixels.tobytes()
        kernels.set_threads(5)
        five = render(s).pixels.tobytes()
    finally:
        kernels.set_threads(0)
    assert one == five == render(replace(s, pixels=pixels)).pixels.tobytes()


def test_picture_carries_recipe_and_report_says_why():
    report = Report()
    picture = render(scene(np.full((8, 8, 3), 0.05)), look="neutral", ev=0.5, gamut="srgb", report=report)
    assert picture.recipe.ev == 0.5
    assert picture.gamut == picture.recipe.gamut == "srgb"
    assert [s.name for s in report.stages] == ["exposure", "hdr", "picture"]
    assert any("mid-tones" in note for note in report.stages[0].notes)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_wrong_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="must be float32 of shape"):
        render(Scene(np.zeros(shape, np.float32)))


def test_wrong_choices_are_refused():
    with pytest.raises(ValueError, match="sharpen"):
        render(scene(np.zeros((2, 2, 3))), sharpen=7)


@pytest.mark.parametrize("space", GAMUTS)
def test_notebook_shows_the_right_colours(space):
    import io

    from PIL import Image

    pixels = np.full((300, 2100, 3), 1, np.float32) * [0.3, 0.15, 0.1]
    shown = Image.open(io.BytesIO(render(scene(pixels), gamut=space, **CAMERA)._repr_png_()))
    assert shown.size == (1024, 146)
    direct = render(scene(pixels), gamut="srgb", **CAMERA).pixels[0, 0] / 257
    assert np.asarray(shown)[50, 50] == pytest.approx(direct, abs=1)


def test_picture_default_is_a_picture():
    assert isinstance(render(scene(np.zeros((1, 1, 3)))), Picture)


def test_the_verb_and_the_stages_are_reached_by_name():
    room = importlib.import_module("fotohaus.render")  # `import fotohaus.render as room` names the verb
    render(scene(np.zeros((8, 8, 3))))
    assert callable(room.render)
    assert all(hasattr(room, name) for name in room.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = room.nothing

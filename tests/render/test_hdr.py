"""The HDR rendition: where it parts from the SDR one, what it does beyond, and the gain map between them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.profile_look import Curve, ProfileLook
from fotohaus.develop.scene import Scene
from fotohaus.develop.shading import Shading
from fotohaus.recipe import Recipe
from fotohaus.render import color, render
from fotohaus.render.hdr import LEAST_SLOPE, PARTING, hdr_curve, hdr_pixels
from fotohaus.render.look_curve import look_curve
from fotohaus.render.looks import load_look, looks
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report
from fotohaus.strips import in_threads, strips

PLAIN = {"auto_exposure": False, "sharpen": 0}
BARE = {**PLAIN, "grain": 0, "texture": 0, "vignette": 0, "local_tone": 0, "off": "halation"}
LUMINANCE = color.rgb_to_xyz("p3")[1]
TO_P3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020"))


def scene(pixels, **more):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)), **more)


def blurred(light, times=2):
    """As behind a lens: (H, W, 3) through a 3-tap binomial, so many times."""
    for axis in (0, 1):
        for _ in range(times):
            near = np.concatenate([np.take(light, [0], axis), light, np.take(light, [-1], axis)], axis)
            n = light.shape[axis]
            low, mid, high = (np.take(near, range(i, i + n), axis) for i in range(3))
            light = 0.25 * low + 0.5 * mid + 0.25 * high
    return light


def street(height=512, width=768, scale=1):
    """A dim street with lamps, a lit shop window, and a bright sky; with `scale`, so many times as large."""
    rng = np.random.default_rng(3)
    light = 0.05 * np.exp2(rng.uniform(-1.5, 1.5, (height // 32 + 1, width // 32 + 1, 3)))
    light = light.repeat(32, 0).repeat(32, 1)[:height, :width]
    light[: height // 5] = np.linspace(0.9, 4, width)[:, None] * np.array([0.8, 0.95, 1.3])
    v, u = np.mgrid[:height, :width]
    for _ in range(12):
        y, x, r = rng.uniform(0.3, 0.9) * height, rng.uniform(0, 1) * width, rng.uniform(6, 14)
        light[(v - y) ** 2 + (u - x) ** 2 < r**2] = rng.uniform(10, 40) * np.array([1, rng.uniform(0.5, 1), 0.4])
    light[height // 2 : height // 2 + 60, 60:180] = 2.5, 2.2, 1.6
    return blurred(light.repeat(scale, 0).repeat(scale, 1))


def both(rendering):
    """The SDR and the HDR rendition, linear, in P3."""
    parts = strips(rendering.shape[0])
    sdr = np.concatenate([rendering.rows(*part) for part in parts])
    hdr = np.concatenate([rendering.hdr_rows(*part) for part in parts])
    assert hdr.dtype == np.float32
    assert hdr.shape == sdr.shape
    return color.decode_srgb(sdr / 65535), hdr @ TO_P3.T


def decoded(sdr, gain):
    """ISO 21496-1, 6.3, with bilinear interpolation between the centres of the map's pixels."""
    share = gain.pixels.reshape(*gain.pixels.shape[:2], -1) / 255
    for axis in (0, 1):
        count = share.shape[axis]
        place = np.clip((np.arange(sdr.shape[axis]) + 0.5) * count / sdr.shape[axis] - 0.5, 0, count - 1)
        first = place.astype(int)
        rest = np.expand_dims(place - first, (1 - axis, 2))
        low, high = (np.take(share, np.minimum(i, count - 1), axis) for i in (first, first + 1))
        share = low + rest * (high - low)
    low, high, gamma, before, after = map(np.array, (gain.low, gain.high, gain.gamma, gain.offset_sdr, gain.offset_hdr))
    return (sdr + before) * 2 ** (low + share ** (1 / gamma) * (high - low)) - after


def stops_apart(first, second, least=1e-4):
    return np.abs(np.log2(np.maximum(first, least) / np.maximum(second, least)))


@pytest.mark.parametrize("name", looks())
@pytest.mark.parametrize("white", [0.18 * 2**2.5, 0.18 * 2**4, 0.18 * 2**6])
@pytest.mark.parametrize("headroom", [0.5, 2.3, 4.0])
def test_the_curve_parts_smoothly_and_arrives_softly(name, white, headroom):
    curve = look_curve(load_look(name), white)
    hdr = hdr_curve(curve, 0.18 * 2.0**9, headroom)
    assert hdr.headroom == headroom
    ev = np.arange(-8, 7.9, 1 / 64)
    level = 0.18 * 2**ev
    gain = hdr.gain(level)
    assert (gain >= 0).all()
    assert (gain[curve(level) < PARTING] == 0).all()
    assert (gain[curve(level) > 0.9] > 0).all()
    shown = np.log2(curve(level)) + gain
    slope = np.diff(shown) * 64
    assert (slope >= -1e-9).all()  # brighter light is never darker
    # No corner: from one 64th of an EV to the next the slope hardly changes, least of all where they part.
    bend = np.abs(np.diff(slope))
    assert bend[(ev[1:-1] > -1) & (gain[1:-1] < 0.5 * headroom)].max() < 0.05
    assert bend.max() < 0.25
    assert gain.max() <= headroom
    assert gain[-1] > 0.97 * headroom
    arrival = slope[(shown[1:] > headroom - 0.02) & (gain[1:] > 0)]
    assert arrival.size == 0 or arrival.max() < 0.5
    assert slope[(gain[1:] > 0.3 * headroom) & (gain[1:] < 0.5 * headroom)].min() > 0.3 * LEAST_SLOPE


def test_little_light_above_white_is_little_headroom_and_none_is_none():
    curve = look_curve(load_look("neutral"), 0.18 * 2**3)
    used = [hdr_curve(curve, 0.18 * 2.0**ev, 2.3).headroom for ev in (1, 2, 2.5, 3, 3.5, 4, 6)]
    assert used == sorted(used)
    assert used[:2] == [0, 0]
    assert 0.1 < used[3] < 1
    assert used[-1] == 2.3


@pytest.mark.parametrize("name", ["neutral", "authentic", "vibrant", "mono", "sepia"])
def test_kernel_agrees_with_the_formulas(name):
    rng = np.random.default_rng(0)
    level = 2.0 ** rng.uniform(-10, 6, (32, 400, 1))
    pixels = rng.random((32, 400, 3)) ** rng.uniform(0.1, 3, (32, 400, 1)) * level
    rendering = Rendering(scene(pixels), Recipe(look=name, **BARE), Report())
    _, hdr = both(rendering)
    curve = look_curve(load_look(name), 0.18 * 2**6)  # 1 % of the light is brighter
    wanted = hdr_pixels(pixels, rendering.look, curve, rendering._hdr.curve, "p3")
    assert rendering.headroom == 2.3
    # The tables are straight between their entries.
    assert np.quantile(stops_apart(hdr, wanted, 0.01), 0.999) < 0.03
    assert stops_apart(hdr, wanted, 0.01).max() < 0.08


@pytest.mark.parametrize("name", looks())
def test_one_picture_below_white_and_brighter_above(name):
    rendering = Rendering(scene(street()), Recipe(look=name), Report())
    sdr, hdr = both(rendering)
    light = [v @ LUMINANCE for v in (sdr, hdr)]
    below = sdr.max(-1) < 0.6
    assert below.mean() > 0.4
    assert np.abs(hdr - sdr)[below].max() < 2e-4
    assert (light[1] - light[0]).min() > -2e-3
    assert hdr.max() <= 2**rendering.headroom * 1.0001
    assert rendering.headroom == 2.3
    assert light[1].max() > 0.97 * 2**2.3  # lamps get there
    assert 0.002 < (light[1] > 1.5).mean() < 0.25


def test_colours_keep_their_hue_all_the_way_up_and_more_of_themselves():
    ev = np.linspace(-4, 6, 400)
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    lab = np.stack([np.full(24, 0.7), 0.11 * np.cos(turn), 0.11 * np.sin(turn)], axis=-1)
    pixels = np.maximum(color.from_oklab(lab, "rec2020"), 0)[:, None] * 2.0 ** ev[:, None]
    rendering = Rendering(scene(np.repeat(pixels, 2, axis=0)), Recipe(look="neutral", **BARE), Report())
    sdr, hdr = (v[::2] for v in both(rendering))
    wanted, shown, plain = color.to_oklab(pixels), color.to_oklab(hdr, "p3"), color.to_oklab(sdr, "p3")
    chroma = [np.hypot(v[..., 1], v[..., 2]) / np.maximum(v[..., 0], 1e-6) for v in (plain, shown)]
    angle = [np.arctan2(v[..., 2], v[..., 1]) for v in (wanted, shown)]
    apart = np.degrees(np.abs(np.angle(np.exp(1j * (angle[1] - angle[0])))))
    assert apart[chroma[1] > 0.02].max() < 1.5
    assert (chroma[1] >= chroma[0] - 2e-3).all()
    parted = (shown[..., 0] > 1.1) & (shown[..., 0] < 1.5)
    assert chroma[1][parted].mean() > 1.5 * chroma[0][parted].mean()
    assert np.diff(shown[..., 0], axis=1).min() > -1e-4


@pytest.mark.parametrize(
    ("size", "choices"),
    [
        ("quarter", {}),
        ("quarter", {"look": "authentic"}),
        ("half", {}),
        ("half", {"look": "mono"}),
        ("half", {"gain_map": "rgb"}),
    ],
)
@pytest.mark.parametrize("shape", [(512, 768), (501, 763)])
def test_the_gain_map_leads_to_the_hdr_rendition(size, choices, shape):
    light = street(*shape, 2 if size == "quarter" else 1)
    shape = light.shape[:2]
    rendering = Rendering(scene(light), Recipe(gain_size=size, **choices), Report())
    rendering.collect_gain_map()
    sdr, hdr = both(rendering)
    gain = rendering.gain_map()
    block = {"half": 2, "quarter": 4}[size]
    assert gain.pixels.shape[:2] == tuple(round(n / block) for n in shape)
    assert gain.pixels.dtype == np.uint8
    assert gain.headroom == rendering.headroom
    seen = decoded(sdr, gain)
    light = [v @ LUMINANCE for v in (seen, hdr)]
    apart = stops_apart(*light)
    assert np.median(apart) < 0.005
    assert np.quantile(apart, 0.99) < (0.15 if size == "half" else 0.25)
    assert abs(light[0].max() / light[1].max() - 1) < 0.03
    # Nothing was left out: without a map, the 99th percentile is stops off.
    assert np.quantile(stops_apart(sdr @ LUMINANCE, light[1]), 0.99) > 0.8
    if "gain_map" in choices:
        assert gain.pixels.ndim == 3
        assert np.quantile(stops_apart(seen, hdr, 2e-3), 0.99) < 0.3


@pytest.mark.parametrize("choices", [{}, {"look": "authentic", "local_tone": 1.0}, {"look": "mono"}])
@pytest.mark.parametrize("kind", ["grey", "rgb"])
def test_nothing_that_shines_is_passed_by(choices, kind):
    """What the map's makers leave out as too dark has no gain in a map without anything left out."""
    light = street(300, 450) * np.linspace(0.1, 1, 450)[:, None]
    maps = []
    for everything in (False, True):
        rendering = Rendering(scene(light), Recipe(gain_map=kind, **choices), Report())
        rendering.collect_gain_map()
        if everything:
            rendering._gains._level = rendering._gains._least = -1.0
        for part in strips(300):
            rendering.rows(*part)
        maps.append(rendering.gain_map())
    assert np.array_equal(maps[0].pixels, maps[1].pixels)
    none = round(-maps[0].low[0] * 255 / (maps[0].high[0] - maps[0].low[0]))
    assert 0.5 < (maps[0].pixels == none).mean() < 0.99


def test_glow_on_black_is_not_passed_by(tmp_path):
    """In a black and white of blue, what a blue lamp spreads over black may shine by itself."""
    mix = "amount = 1\nred = -0.9\ngreen = 0\nblue = 2"
    (tmp_path / "blue.toml").write_text(f"version = 1\n[mono]\n{mix}\n[halation]\nglow = 1\nbloom = 1")
    light = np.full((512, 512, 3), 0.2, np.float32)
    light[:, 130:256], light[:, 256:] = 0, (6, 6, 60)
    choices = Recipe(look=str(tmp_path / "blue.toml"), auto_exposure=False)
    rendering = Rendering(scene(light), choices, Report())
    rendering.collect_gain_map()
    for part in strips(512):
        rendering.rows(*part)
    assert rendering.gain_map().pixels[200, 246:256].min() > 10


def test_no_reader_gets_beyond_the_peak():
    """White beside a saturated lamp, each with the other's gain: as a reader has it who looks for the map elsewhere."""
    rendering = Rendering(scene(street()), Recipe(gain_map="rgb"), Report())
    rendering.collect_gain_map()
    sdr, _ = both(rendering)
    gain = rendering.gain_map()
    around = [np.roll(gain.pixels, shift, (0, 1)) for shift in ((0, 1), (1, 0), (0, -1), (-1, 0))]
    strongest = replace(gain, pixels=np.max(around, axis=0))
    assert decoded(sdr, strongest).max() < 2**rendering.headroom * 1.01


def test_flat_highlights_decode_within_the_last_bit():
    """Steps of light in large fields: here only the map's own eight bits are between."""
    level = np.repeat(np.repeat(2.0 ** np.linspace(-3, 5, 16), 64)[None, :, None], 64, axis=0) * np.ones(3)
    for choices in ({}, {"gain_map": "rgb"}):
        rendering = Rendering(scene(level), Recipe(**BARE, **choices), Report())
        rendering.collect_gain_map()
        sdr, hdr = both(rendering)
        seen = decoded(sdr, rendering.gain_map())
        inside = np.arange(1024) % 64 // 16 == 1
        assert stops_apart(seen, hdr)[:, inside].max() < 0.012


def test_a_picture_without_highlights_has_no_gain_and_says_so():
    report = Report()
    flat = np.full((64, 96, 3), 0.2) * np.linspace(0.5, 1, 96)[:, None]
    rendering = Rendering(scene(flat), Recipe(**PLAIN), report)
    rendering.collect_gain_map()
    sdr, hdr = both(rendering)
    assert rendering.headroom == 0
    assert rendering.gain_map() is None
    assert np.abs(sdr - hdr).max() < 2e-4
    assert any("no highlights" in note for stage in report.stages for note in stage.notes)


@pytest.mark.parametrize("choices", [{"sdr": True}, {"headroom": 0}])
def test_left_out_when_asked_for(choices):
    picture = render(scene(street(96, 128)), **choices)
    assert picture.gain is None
    rendering = Rendering(scene(street(96, 128)), Recipe(**choices), Report())
    assert rendering.hdr_rows(0, 96).max() <= 1.0001


def test_headroom_is_what_was_chosen():
    for headroom in (0.7, 1.5, 3.0):
        rendering = Rendering(scene(street(192, 256)), Recipe(headroom=headroom), Report())
        top = rendering.hdr_rows(0, 192).max()
        assert 0.97 * 2**headroom < top < 1.0001 * 2**headroom


@pytest.mark.parametrize("choices", [{}, {"look": "authentic"}, {"off": "tone"}, {"gain_map": "rgb", "look": "vivid"}])
def test_strips_and_their_order_do_not_matter(choices):
    light = street(333, 250)
    recipe = Recipe(gain_size="quarter", **choices)
    whole = Rendering(scene(light), recipe, Report())
    whole.collect_gain_map()
    picture, hdr = whole.rows(0, 333), whole.hdr_rows(0, 333)
    cut = Rendering(scene(light), recipe, Report())
    cut.collect_gain_map()
    edges = [0, 1, 14, 15, 131, 132, 134, 200, 333]
    parts = [*reversed(list(pairwise(edges))), (100, 180), (3, 4)]
    for part, rows in zip(parts, in_threads(lambda part: cut.rows(*part), parts), strict=True):
        assert (rows == picture[slice(*part)]).all()
        assert (cut.hdr_rows(*part) == hdr[slice(*part)]).all()
    assert (cut.gain_map().pixels == whole.gain_map().pixels).all()
    # The map costs the picture nothing.
    assert (Rendering(scene(light), recipe, Report()).rows(0, 333) == picture).all()
    assert Rendering(scene(light), recipe, Report()).gain_map() is None


def test_a_picture_carries_its_gain():
    light = street(192, 256)
    picture = render(scene(light), look="authentic")
    assert picture.gain_map() is picture.gain
    assert picture.gain.pixels.shape == (192, 256)  # a small picture's is as large
    assert picture.gain.pixels.max() >= 250


def test_dark_next_to_bright_stays_dark():
    """A black bar before a bright sky: the gain of the sky must not light the bar up."""
    light = np.full((256, 512, 3), 5.0)
    light[:, 100:140] = light[:, 301:306] = 0.004
    light[100:] = 0.1
    rendering = Rendering(scene(blurred(light)), Recipe(gain_size="quarter", **PLAIN), Report())
    rendering.collect_gain_map()
    sdr, hdr = both(rendering)
    seen = decoded(sdr, rendering.gain_map())
    middle = slice(10, 80), slice(104, 136)
    assert stops_apart(seen[middle], hdr[middle]).max() < 0.02
    # Right at the edge, for a pixel or two, no more light than 2 % of the sky's.
    assert (seen - hdr)[10:80, 101:139].max() < 0.02 * hdr.max()


def test_a_table_as_the_look_keeps_its_colours(tmp_path):
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")[::-1], -1).reshape(-1, 3) * [0.95, 0.9, 0.8]
    lines = "\n".join(" ".join(f"{v:.4f}" for v in entry) for entry in corners)
    path = tmp_path / "warm.cube"
    path.write_text(f"LUT_3D_SIZE 2\n{lines}\n")
    rendering = Rendering(scene(street(192, 256)), Recipe(look=str(path)), Report())
    sdr, hdr = both(rendering)
    assert hdr.max() > 3
    shining = (sdr.min(-1) > 0.1) & (hdr.max(-1) > 1.5 * sdr.max(-1))
    gain = np.log2(hdr / np.maximum(sdr, 1e-6))[shining]
    assert gain.size
    assert np.ptp(gain, axis=-1).max() < 0.01


def test_the_makers_look_keeps_its_colours_and_gets_the_neutral_gain():
    rising = Curve((1 - (1 - np.linspace(0, 1, 4097)) ** 2.2).astype(np.float32), 0.0)
    look = ProfileLook(None, np.ones((1, 1, 1), np.float32), Shading(), None, rising, (), (), False, False)
    rendering = Rendering(scene(street(192, 256), camera_look=look), Recipe(look="camera", **PLAIN), Report())
    rendering.collect_gain_map()
    sdr, hdr = both(rendering)
    assert np.median(stops_apart(sdr, both(Rendering(scene(street(192, 256)), Recipe(**PLAIN), Report()))[0])) > 0.1
    assert hdr.max() > 3
    seen = decoded(sdr, rendering.gain_map())
    assert np.quantile(stops_apart(seen, hdr, 1e-3), 0.999) < 0.02


def test_without_a_tone_curve_light_goes_on_as_it_is():
    """So that what was HDR before, and is brought through with its tone, stays what it was."""
    level = np.repeat(np.repeat(2.0 ** np.linspace(-4, 2, 25), 16)[None, :, None], 32, axis=0) * np.ones(3)
    level[:16] *= 0.9, 0.7, 0.5
    rendering = Rendering(
        scene(level @ np.linalg.inv(TO_P3).T), Recipe(look="neutral", **{**PLAIN, "off": "tone"}), Report()
    )
    _, hdr = both(rendering)
    assert rendering.headroom == pytest.approx(2, abs=0.02)
    assert stops_apart(hdr, level).max() < 0.02
    bright = Rendering(scene(8 * level), Recipe(look="neutral", **{**PLAIN, "off": "tone"}), Report())
    _, hdr = both(bright)
    assert bright.headroom == 2.3
    assert hdr.max() == pytest.approx(2**2.3, rel=0.01)
    assert (np.diff(hdr[0, ::16, 1]) > 0).all()


@pytest.mark.parametrize("look", ["authentic", "mono"])
def test_fine_leaves_before_lamps_keep_to_the_hdr_rendition(look):
    """Pictures made small, or of small cameras, have their finest light and dark pixel by pixel: so has their map."""
    light = np.exp2(np.random.default_rng(2).normal(-1.5, 2.5, (1000, 1500, 1))) * np.ones(3)
    rendering = Rendering(scene(blurred(light, 1)), Recipe(look=look, grain=0), Report())
    rendering.collect_gain_map()
    sdr, hdr = both(rendering)
    apart = stops_apart(*(v @ LUMINANCE for v in (decoded(sdr, rendering.gain_map()), hdr)), least=0.02)
    assert np.quantile(apart, 0.99) < 0.15


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 20), (17, 5), (40, 1)])
@pytest.mark.parametrize("choices", [{}, {"gain_map": "rgb", "look": "authentic"}, {"off": "tone"}])
def test_any_shape_and_any_value(shape, choices):
    light = np.random.default_rng(0).exponential(3, (*shape, 3))
    light[0, 0] = np.nan, np.inf, -np.inf
    for more in ({"gain_size": "quarter"}, {"gain_size": "half"}, {}):
        rendering = Rendering(scene(light), Recipe(**PLAIN, **choices, **more), Report())
        rendering.collect_gain_map()
        hdr = rendering.hdr_rows(0, shape[0])
        rendering.rows(0, shape[0])
        assert np.isfinite(hdr).all()
        assert hdr.shape == (*shape, 3)
        gain = rendering.gain_map()
        assert gain is None or min(gain.pixels.shape) >= 1

"""Look-up tables: read, written, applied, and made from looks."""

import struct
import time
import tracemalloc
import zlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.errors import ReadError
from fotohaus.recipe import Recipe
from fotohaus.render import color, lut, render
from fotohaus.render.look import Look
from fotohaus.render.look_color import apply_look
from fotohaus.render.looks import load_look
from fotohaus.render.lut import Applied, Lut, parse_cube, parse_hald, read_lut, to_cube, to_hald
from fotohaus.render.lut_export import INPUTS, look_cube, to_scene
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report

PLAIN = {"local_tone": 0, "sharpen": 0, "vignette": 0, "grain": 0, "texture": 0}


def identity(edge):
    steps = np.linspace(0, 1, edge)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij")[::-1], axis=-1)


def noise(shape=(17, 23, 3), seed=1):
    return np.random.default_rng(seed).integers(0, 65536, shape, np.uint16)


def tetrahedral(cube, v):
    """The textbook: a corner of the cell, then a step along each axis, the largest fraction first."""
    edge = len(cube)
    out = np.empty(v.shape)
    for at in np.ndindex(v.shape[:-1]):
        place = v[at] * (edge - 1)
        cell = np.minimum(place.astype(int), edge - 2)
        part = place - cell
        corner = cell.copy()
        value = cube[tuple(corner[::-1])].copy()
        for axis in np.argsort(-part, kind="stable"):
            before = cube[tuple(corner[::-1])]
            corner[axis] += 1
            value += part[axis] * (cube[tuple(corner[::-1])] - before)
        out[at] = value
    return out


def delta_e(a, b):
    """CIEDE2000 of encoded sRGB."""
    colour = pytest.importorskip("colour")
    white = color.D65
    lab = [colour.XYZ_to_Lab(color.decode_srgb(v) @ color.rgb_to_xyz("srgb").T, white) for v in (a, b)]
    return colour.delta_E(*lab, method="CIE 2000")


def light(count=4000, seed=2):
    """Colours of a scene: surfaces of any hue over 10 EV, within Rec. 709."""
    rng = np.random.default_rng(seed)
    level = 0.18 * 2 ** rng.uniform(-6, 3.5, (count, 1))
    surface = rng.beta(2, 2, (count, 3)) * 2
    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    return level * surface @ to_rec2020.T


def scene(pixels):
    return Scene(kernels.planar(np.ascontiguousarray(pixels, np.float32)))


# Applying


def test_the_identity_changes_nothing():
    pixels = noise()
    for table in (Lut(cube=np.float32(identity(2))), Lut(cube=np.float32(identity(33)))):
        assert np.abs(Applied(table).rows(pixels).astype(int) - pixels).max() <= 1


def test_interpolation_is_tetrahedral():
    rng = np.random.default_rng(5)
    cube = rng.uniform(-0.2, 1.2, (5, 5, 5, 3)).astype(np.float32)
    pixels = noise()
    pixels[0, :4] = [[0, 0, 0], [65535, 65535, 65535], [65535, 0, 0], [30000, 30000, 30000]]
    expected = np.clip(tetrahedral(cube, pixels / 65535), 0, 1) * 65535
    assert np.abs(Applied(Lut(cube=cube)).rows(pixels) - expected).max() < 1


def test_the_order_of_the_axes():
    cube = np.zeros((2, 2, 2, 3), np.float32)
    cube[0, 0, 1] = [0.1, 0.2, 0.3]  # red
    out = Applied(Lut(cube=cube)).rows(np.array([[[65535, 0, 0], [0, 0, 65535]]], np.uint16))
    np.testing.assert_allclose(out[0, 0] / 65535, [0.1, 0.2, 0.3], atol=1e-5)
    assert not out[0, 1].any()


def test_strength_blends():
    pixels = noise()
    table = Lut(cube=np.float32(1 - identity(2)))
    half = Applied(table, 0.25).rows(pixels)
    assert np.abs(half - (0.75 * pixels + 0.25 * (65535.0 - pixels))).max() < 1


def test_another_gamut_is_the_same_colour():
    pixels = noise()
    out = Applied(Lut(cube=np.float32(identity(2))), gamut="p3").rows(pixels) / 65535
    matrix = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("srgb"))
    expected = color.encode_srgb(np.clip(color.decode_srgb(pixels / 65535) @ matrix.T, 0, 1))
    assert np.abs(out - expected).max() < 4 / 65535
    grey = np.repeat(np.arange(0, 65536, 97, np.uint16)[None, :, None], 3, axis=2)
    out = Applied(Lut(cube=np.float32(identity(2))), gamut="p3").rows(grey)
    assert (out == out[..., :1]).all()


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 7, 3), (70, 9, 3)])
def test_any_shape_and_any_strip(shape):
    pixels = noise(shape)
    applied = Applied(Lut(cube=np.float32(identity(3) ** 2)), 0.7, "p3")
    whole = applied.rows(pixels)
    assert np.array_equal(np.concatenate([applied.rows(pixels[i : i + 1]) for i in range(shape[0])]), whole)


def test_a_curve_with_its_domain_then_a_cube():
    text = b"LUT_1D_SIZE 3\nLUT_1D_INPUT_RANGE 0.0 2.0\nLUT_3D_SIZE 2\n0 0 0\n0.25 1 0.5\n1 1 1\n"
    text += b"\n".join(b"%d %d %d" % (r, g, b) for b in (0, 1) for g in (0, 1) for r in (0, 1))
    out = Applied(parse_cube(text)).rows(np.array([[[32768, 32768, 65535]]], np.uint16)) / 65535
    np.testing.assert_allclose(out[0, 0], [0.125, 0.5, 0.5], atol=1e-4)


# Files


def test_cube_files_survive():
    cube = np.random.default_rng(3).uniform(0, 1, (4, 4, 4, 3))
    back = parse_cube(to_cube(cube, 'A "title"', ("says",), "p3"))
    np.testing.assert_allclose(back.cube, cube, atol=1e-6)
    assert (back.title, back.space) == ("A 'title'", "p3")


def test_hald_files_survive():
    cube = np.random.default_rng(3).uniform(0, 1, (9, 9, 9, 3))
    data = to_hald(cube)
    assert imagecodecs.png_decode(data).shape == (27, 27, 3)
    np.testing.assert_allclose(parse_hald(data).cube, cube, atol=1e-5)


def test_a_hald_identity_runs_red_first():
    pixels = imagecodecs.png_decode(to_hald(identity(4)))
    assert pixels[0, 1].tolist() == [21845, 0, 0]
    assert pixels[0, 4].tolist() == [0, 21845, 0]


def test_comments_blank_lines_and_line_ends():
    text = '\ufeff# a\r\nTITLE "x"\r\n\r\nLUT_1D_SIZE 2\r\n#b\r\nDOMAIN_MIN 0 0 0\r\n0 0 0 # c\r\n\r\n# d\r\n1 1 1\r\n'
    assert parse_cube(text.encode()).curve.tolist() == [[0, 0, 0], [1, 1, 1]]


CUBE = b"LUT_3D_SIZE 2\n" + b"0 0 0\n" * 8


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "neither LUT_1D_SIZE"),
        (b"TITLE x\n0 0 0\n", "neither LUT_1D_SIZE"),
        (CUBE[:-6], "has fewer"),
        (CUBE + b"0 0 0\n", "has more"),
        (CUBE + b"0 0 0\n" * 100_000, "has more"),
        (b"# x\n" * 100_000 + CUBE, "no values"),
        (CUBE.replace(b"0 0 0\n", b"0 0\n", 1), "not three numbers|fewer"),
        (b"LUT_3D_SIZE 2\n" + b"0 0 0 0\n" * 8, "not three numbers"),
        (b"LUT_3D_SIZE 4\n" + b"0 0 0\n" * 63 + b"0 " * 2000, "not three numbers"),
        (CUBE.replace(b"0 0 0", b"0 nan 0", 1), "not finite"),
        (CUBE.replace(b"0 0 0", b"0 -inf 0", 1), "not finite"),
        (CUBE.replace(b"0 0 0", b"0 1e39 0", 1), "not finite"),
        (CUBE.replace(b"0 0 0", b"0 zero 0", 1), "not three numbers"),
        (b"LUT_3D_SIZE 130\n0 0 0\n", "from 2 to 129"),
        (b"LUT_3D_SIZE 1\n0 0 0\n", "from 2 to 129"),
        (b"LUT_3D_SIZE 99999999999999999999\n0 0 0\n", "from 2 to 129"),
        (b"LUT_3D_SIZE -3\n0 0 0\n", "from 2 to 129"),
        (b"LUT_1D_SIZE 65537\n0 0 0\n", "from 2 to 65536"),
        (b"LUT_3D_SIZE 129\n0 0 0\n", "says 2146689 lines"),
        (b"DOMAIN_MIN 1 1 1\n" + CUBE, "range"),
        (b"DOMAIN_MAX nan 1 1\n" + CUBE, "range"),
        (b"DOMAIN_MAX 1 1\n" + CUBE, "3 numbers"),
        (b"# fotohaus input: slog3\n" + CUBE, "for slog3"),
        (b"hello there\n" + CUBE, "line 1"),
        (bytes(range(256)) * 9, "no text"),
        (b"\xff\xd8\xff\xe0 JFIF", "line 1"),
    ],
)
def test_what_is_no_cube_is_one_line(tmp_path, data, says):
    path = tmp_path / "x.cube"
    path.write_bytes(data)
    with pytest.raises(ReadError, match=says) as raised:
        read_lut(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < len(str(path)) + 150


def png(width, height, depth=8, kind=2, data=b""):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no PNG"),
        (b"\xff\xd8" + bytes(100), "no PNG"),
        (png(9, 9), "8, 27, 64"),
        (png(2**31 - 1, 2**31 - 1), "8, 27, 64"),
        (png(64, 512), "8, 27, 64"),
        (png(13**3, 13**3), "8, 27, 64"),
        (png(8, 8, kind=0), "RGB of 8 or 16"),
        (png(8, 8, kind=3), "RGB of 8 or 16"),
        (png(8, 8)[:45], "damaged"),
        (png(8, 8)[:33], "damaged"),
    ],
)
def test_what_is_no_hald_clut_is_one_line(tmp_path, data, says):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    with pytest.raises(ReadError, match=says) as raised:
        read_lut(path)
    assert "\n" not in str(raised.value)


def test_what_is_no_file(tmp_path, monkeypatch):
    with pytest.raises(ReadError, match="no such file"):
        read_lut(tmp_path / "x.cube")
    (tmp_path / "folder.cube").mkdir()
    with pytest.raises(ReadError, match="no file"):
        read_lut(tmp_path / "folder.cube")
    path = tmp_path / "large.cube"
    with open(path, "wb") as file:
        file.truncate(10**10)
    with pytest.raises(ReadError, match="more than"):
        read_lut(path)


@pytest.mark.parametrize(
    ("start", "rest", "says"),
    [
        (b"LUT_3D_SIZE 2000\n", b"0.5 0.5 0.5\n", "from 2 to 129"),
        (b"LUT_3D_SIZE 33\n", b"0", "has more"),
        (b"LUT_3D_SIZE 129\n", b"0.1 ", "not three numbers"),
        (b"LUT_3D_SIZE 2\n", b"\n", "no values"),
        (b"LUT_3D_SIZE 2\n", b"\r", "no values"),
        (b"", b"A", "no values"),
        (b"LUT_3D_SIZE 2\n0 0 0\n", b"#\n", "has more"),
    ],
)
def test_large_junk_is_refused_soon_and_not_copied(start, rest, says):
    data = start + rest * (60_000_000 // len(rest))
    tracemalloc.start()
    begun = time.process_time()
    with pytest.raises(ValueError, match=says):
        parse_cube(data)
    taken, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 2
    assert most < 10e6  # beyond the file's own


def test_line_ends_of_any_kind():
    for end in (b"\n", b"\r\n", b"\r"):
        text = b"\xef\xbb\xbf" + b"LUT_3D_SIZE 2" + end + (b"0.25 0.5 1" + end) * 8
        assert parse_cube(text).cube.reshape(-1, 3).tolist() == [[0.25, 0.5, 1]] * 8


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"LUT_3D_SIZE 2\n", b"LUT_1D_SIZE 2\n", png(8, 8)[:60]]))
def test_junk_is_refused_or_read(data, before):
    for parse in (parse_cube, parse_hald):
        try:
            table = parse(before + data)
        except ValueError as error:
            refused = str(error)
        else:
            refused = ""
            for values in (table.cube, table.curve):
                assert values is None or np.isfinite(values).all()
        assert "\n" not in refused


# From looks


def test_the_neutral_rendition_is_undone():
    light_in = light()
    shown = color.decode_srgb(apply_look(light_in, Look(), 2.0))
    again = apply_look(to_scene(shown, 2.0), Look(), 2.0)
    assert np.percentile(np.abs(again - color.encode_srgb(shown)), 90) < 1e-4
    grey = np.repeat(0.18 * 2.0 ** np.arange(-8, 3)[:, None], 3, axis=1)
    np.testing.assert_allclose(to_scene(color.decode_srgb(apply_look(grey, Look(), 2.0)), 2.0), grey, rtol=1e-3)


def test_the_neutral_look_is_the_identity():
    np.testing.assert_allclose(look_cube(Look(), 9), identity(9), atol=1e-9)


@pytest.mark.parametrize("name", ["authentic", "vibrant", "mono-contrast", "sepia"])
def test_a_table_on_the_neutral_rendition_is_the_look(name):
    given = light()
    look = load_look(name)
    neutral = np.rint(apply_look(given, Look(), 2.0) * 65535).astype(np.uint16)[None]
    table = parse_cube(to_cube(look_cube(look, 33), name))
    apart = delta_e(Applied(table).rows(neutral)[0] / 65535, apply_look(given, look, 2.0))
    unlike = delta_e(neutral[0] / 65535, apply_look(given, look, 2.0))
    assert apart.mean() < 1
    assert np.percentile(apart, 95) < 4
    assert unlike.mean() > 3 * apart.mean()


def test_dark_strong_colours_get_no_light_ones_around_them():
    # Noise in deep shadows: entries of a table lie far apart there.
    given = np.abs(np.random.default_rng(1).normal(0.001, 0.003, (3000, 3)))
    look = load_look("sepia")
    neutral = np.rint(apply_look(given, Look(), 2.0) * 65535).astype(np.uint16)[None]
    out = Applied(Lut(cube=np.float32(look_cube(look, 33)))).rows(neutral)[0] / 65535
    assert (out - apply_look(given, look, 2.0)).max() < 0.12


@pytest.mark.parametrize(
    ("takes", "name", "space"),
    [("slog3", "S-Log3", "S-Gamut3.Cine"), ("logc3", "ARRI LogC3", "ARRI Wide Gamut 3")],
)
def test_logs_are_the_makers(takes, name, space):
    colour = pytest.importorskip("colour")
    values = np.linspace(0, 1, 33)
    expected = colour.cctf_decoding(values, function=name)
    np.testing.assert_allclose(INPUTS[takes].decode(values), expected, atol=2e-3, rtol=1e-3)
    np.testing.assert_allclose(INPUTS[takes].space, colour.RGB_COLOURSPACES[space].primaries, atol=1e-4)
    cube = look_cube(Look(), 9, takes)
    grey = cube[range(9), range(9), range(9)]
    np.testing.assert_allclose(grey, grey[:, :1].repeat(3, axis=1), atol=1e-6)
    assert (np.diff(grey[:, 0]) >= 0).all()


# In a photo


def rendered(**choices):
    pixels = light(60 * 80).reshape(60, 80, 3)
    return render(scene(pixels), Recipe(auto_exposure=False, **choices))


@pytest.mark.parametrize("gamut", ["srgb", "p3"])
def test_a_table_as_the_look(tmp_path, gamut):
    path = tmp_path / "authentic.cube"
    path.write_bytes(to_cube(look_cube(load_look("authentic"), 33), "x"))
    made = rendered(look=str(path), gamut=gamut, **PLAIN)
    expected = rendered(look="authentic", gamut=gamut, **PLAIN)
    matrix = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz(gamut))
    a, b = (color.encode_srgb(np.clip(color.decode_srgb(p.pixels / 65535) @ matrix.T, 0, 1)) for p in (made, expected))
    assert delta_e(a, b).mean() < 1.5
    assert made.gamut == gamut


def test_strength_and_stages(tmp_path):
    path = tmp_path / "dark.cube"
    path.write_bytes(to_cube(identity(2) * 0, "black"))
    neutral = rendered(look="neutral", gamut="srgb").pixels
    assert not rendered(gamut="srgb", look=str(path)).pixels.any()
    half = rendered(gamut="srgb", look=str(path), strength=0.5).pixels
    assert np.abs(half - neutral / 2).max() <= 1
    assert np.array_equal(rendered(gamut="srgb", look=str(path), strength=0).pixels, neutral)
    off = rendered(gamut="srgb", look=str(path), off="tone").pixels
    assert np.array_equal(off, rendered(look="neutral", gamut="srgb", off="tone").pixels)


def test_strips_are_the_picture(tmp_path):
    path = tmp_path / "hald.png"
    path.write_bytes(to_hald(identity(4) ** 1.5))
    rendering = Rendering(scene(light(60 * 80).reshape(60, 80, 3)), Recipe(look=str(path), grain=0.5), Report())
    whole = rendering.picture().pixels
    assert np.array_equal(np.concatenate([rendering.rows(0, 13), rendering.rows(13, 60)]), whole)


def test_a_table_has_no_numbers():
    with pytest.raises(ReadError, match="a table, not a look"):
        load_look("some.cube")


def test_a_table_is_read_once(tmp_path, monkeypatch):
    path = tmp_path / "x.cube"
    path.write_bytes(CUBE)
    first = read_lut(path)
    monkeypatch.setattr(lut, "parse_cube", None)
    assert read_lut(path) is first

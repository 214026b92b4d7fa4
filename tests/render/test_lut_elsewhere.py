"""Exported tables in others' hands: applied to the neutral rendition of photographs, they give the look's colour."""

import functools
import shutil
import subprocess
import warnings

import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, render
from fotohaus.render.difference import cie_lab, delta_e_2000
from fotohaus.render.looks import load_look, looks
from fotohaus.render.lut import to_cube, to_hald
from fotohaus.render.lut_export import look_cube

GLOBAL = {"local_tone": 0, "sharpen": 0, "vignette": 0, "grain": 0, "texture": 0, "off": "halation"}
PHOTOS = ("Ashim_DSilva", "Sunset_by_the_Pier", "Pablo_Garcia_Saldana")
PACKAGED = ("authentic", "vibrant", "natural", "vivid", "mono", "mono-contrast", "sepia", "blue")


@functools.cache
def taken(folder, name):
    """A photograph taken for a scene."""
    with Image.open(folder / f"{name}.jpg") as image:
        image.draft("RGB", (400, 400))
        image = image.convert("RGB")
        image.thumbnail((240, 240))
    light = color.decode_srgb(np.asarray(image) / 255)
    matrix = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    return Scene(kernels.planar(np.ascontiguousarray(light @ matrix.T, np.float32)))


@functools.cache
def table_of(look, edge, gamut="srgb"):
    return look_cube(load_look(look), edge, gamut)


def shown(scene, look, gamut="srgb"):
    return render(scene, look=look, gamut=gamut, **GLOBAL).pixels


def apart(first, second, gamut="srgb"):
    """Mean CIEDE2000 of two encoded pictures."""
    matrix = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz(gamut))
    return float(delta_e_2000(*(cie_lab(color.decode_srgb(v) @ matrix.T) for v in (first, second))).mean())


def test_every_packaged_look_is_exported():
    assert set(looks()) >= set(PACKAGED)


@pytest.mark.parametrize(
    ("look", "edge", "gamut", "most"),
    [
        *((look, 33, "srgb", 1.0) for look in PACKAGED),
        ("authentic", 33, "p3", 1.0),
        ("vibrant", 33, "p3", 1.0),
        ("authentic", 17, "srgb", 1.3),
    ],
)
def test_colour_science_makes_the_look_of_it(shared, tmp_path, look, edge, gamut, most):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        colour = pytest.importorskip("colour")
    path = tmp_path / "look.cube"
    path.write_bytes(to_cube(table_of(look, edge, gamut), look, space=gamut))
    table = colour.io.read_LUT(str(path))
    for name in PHOTOS:
        scene = taken(shared / "truth" / "photos", name)
        neutral, wanted = (shown(scene, which, gamut) / 65535 for which in ("neutral", look))
        made = table.apply(neutral, interpolator=colour.algebra.table_interpolation_tetrahedral)
        assert apart(np.clip(made, 0, 1), wanted, gamut) < most
        assert apart(neutral, wanted, gamut) > 1.3


FFMPEG = shutil.which("ffmpeg")


def filtered(pixels, *arguments):
    """A picture of 16 bits through ffmpeg."""
    height, width = pixels.shape[:2]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb48le"]
    command = [
        FFMPEG,
        "-v",
        "error",
        *raw,
        "-s",
        f"{width}x{height}",
        "-i",
        "-",
        *arguments,
        "-frames:v",
        "1",
        *raw,
        "-",
    ]
    done = subprocess.run(command, input=pixels.astype("<u2").tobytes(), capture_output=True, check=True, timeout=60)
    return np.frombuffer(done.stdout, "<u2").reshape(height, width, 3) / 65535


@pytest.mark.skipif(FFMPEG is None, reason="no ffmpeg here")
@pytest.mark.parametrize("look", PACKAGED)
def test_ffmpeg_makes_the_look_of_it(shared, tmp_path, look):
    cube, hald = tmp_path / "look.cube", tmp_path / "look.png"
    cube.write_bytes(to_cube(table_of(look, 33), look))
    hald.write_bytes(to_hald(table_of(look, 36)))
    for name in PHOTOS:
        scene = taken(shared / "truth" / "photos", name)
        neutral, wanted = shown(scene, "neutral"), shown(scene, look) / 65535
        by_cube = filtered(neutral, "-vf", f"lut3d=file={cube}:interp=tetrahedral")
        by_hald = filtered(neutral, "-i", str(hald), "-filter_complex", "[0:v][1:v]haldclut=interp=tetrahedral")
        assert apart(by_cube, wanted) < 1
        assert apart(by_hald, wanted) < 1


@pytest.mark.parametrize("look", ["authentic", "mono-contrast"])
def test_a_hald_applied_by_pillow_makes_the_look_of_it(shared, look):
    """The picture of 16 bits is a cube in rows, red first: Pillow's own table, trilinear, of 8 bits."""
    from PIL import ImageFilter

    edge = 25
    values = look_cube(load_look(look), edge)
    table = ImageFilter.Color3DLUT(edge, values.reshape(-1).tolist())
    scene = taken(shared / "truth" / "photos", "Sunset_by_the_Pier")
    neutral = Image.fromarray((shown(scene, "neutral") // 257).astype(np.uint8))
    made = np.asarray(neutral.filter(table)) / 255
    assert apart(made, shown(scene, look) / 65535) < 1.3


@pytest.mark.parametrize("takes", ["srgb", "p3", "linear", "slog3", "logc3"])
def test_a_file_says_what_it_takes_and_what_it_leaves_out(takes):
    from fotohaus.render.lut_export import comments

    text = to_cube(look_cube(load_look("authentic"), 2, takes), "x", comments(takes), takes).decode()
    said = [line for line in text.splitlines() if line.startswith("#")]
    named = {
        "srgb": "sRGB",
        "p3": "Display P3",
        "linear": "linear sRGB",
        "slog3": "S-Gamut3.Cine",
        "logc3": "ARRI Wide",
    }
    assert any(named[takes] in line and "Gives:" in line for line in said)
    assert any("local tone" in line and "grain" in line and "vignette" in line for line in said)

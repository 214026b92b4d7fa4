"""Pictures cropped and made smaller: light kept, no halos, the same by any strips, the gain map with its base."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.output.renditions import Lit, scenery

from fotohaus.develop.scene import Scene
from fotohaus.output import read_recipe, write
from fotohaus.output.resized import Resized, Window, crop_window, fitted
from fotohaus.output.transfer import to_light
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.picture import Picture
from fotohaus.report import Report


def sixteen(light: np.ndarray) -> np.ndarray:
    return np.rint(color.encode_srgb(np.clip(light, 0, 1)) * 65535).astype(np.uint16)


def grey(light: np.ndarray) -> Picture:
    return Picture(sixteen(np.repeat(light[..., None], 3, axis=-1)))


def small(picture: Picture, long_edge: int, **choices: object) -> np.ndarray:
    made = fitted(picture, Recipe(long_edge=long_edge, **choices))
    return made.rows(0, made.shape[0])


@pytest.mark.parametrize(
    ("shape", "crop", "window"),
    [
        ((3000, 4000), "3:2", (167, 0, 2666, 4000)),
        ((4000, 3000), "3:2", (0, 167, 4000, 2666)),
        ((3000, 4000), "2:3", (0, 1000, 3000, 2000)),
        ((3000, 4000), "1:1", (0, 500, 3000, 3000)),
        ((3000, 4000), "65:24", (762, 0, 1476, 4000)),
        ((3000, 4000), "4:3", (0, 0, 3000, 4000)),
        ((2667, 4000), "3:2", (0, 0, 2667, 4000)),
        ((3000, 4000), "3:2@0.5,0.3", (0, 0, 2666, 4000)),
        ((3000, 4000), "3:2@0.1,0.52", (227, 0, 2666, 4000)),
        ((3000, 4000), "3:2@0,1", (334, 0, 2666, 4000)),
        ((3000, 4000), "1:1@0.6,0.5", (0, 900, 3000, 3000)),
        ((4000, 3000), "3:2@0.9,0.5", (0, 334, 4000, 2666)),
    ],
)
def test_crops(shape: tuple[int, int], crop: str, window: tuple[int, int, int, int]) -> None:
    assert crop_window(shape, crop) == window


@given(st.integers(1, 9000), st.integers(1, 9000), st.sampled_from(["3:2", "2:3", "16:9", "1:1", "65:24", "1:20"]))
def test_a_crop_lies_in_the_middle_and_is_done_once(height: int, width: int, crop: str) -> None:
    window = crop_window((height, width), crop)
    assert 0 <= window.top <= height - window.height - window.top <= window.top + 1
    assert 0 <= window.left <= width - window.left - window.width <= window.left + 1
    assert window.height == height or window.width == width
    again = crop_window((window.height, window.width), crop)
    assert (again.height, again.width) == (window.height, window.width)


@given(st.integers(1, 9000), st.integers(1, 9000), st.floats(0, 1), st.floats(0, 1))
def test_a_crop_with_a_place_is_as_large_and_inside(height: int, width: int, x: float, y: float) -> None:
    window, middle = crop_window((height, width), f"16:9@{x:.4f},{y:.4f}"), crop_window((height, width), "16:9")
    assert window[2:] == middle[2:]
    assert 0 <= window.top <= height - window.height
    assert 0 <= window.left <= width - window.width
    for begin, side, cropped, share in ((window.top, height, window.height, y), (window.left, width, window.width, x)):
        off = abs(begin + cropped / 2 - side * share)
        assert off <= 1.5 or begin in (0, side - cropped)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("3x2 @ .5,0.3", None), ("3x2 @ 0.5, 0.30", "3:2@0.5,0.3"), ("3:2@0.5,0.5", "3:2"), ("16/9@1,0", "16:9@1,0")],
)
def test_the_normal_form_of_a_crop(text: str, normal: str | None) -> None:
    if normal is None:
        with pytest.raises(ValueError, match=r"3:2@0\.5,0\.3"):
            Recipe(crop=text)
    else:
        assert Recipe(crop=text).crop == normal


@pytest.mark.parametrize("text", ["3:2@", "3:2@0.5", "3:2@2,0.5", "3:2@-0.1,0.5", "3:2@0.5,0.3,0.2", "@0.5,0.3"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"3:2@0\.5,0\.3|two shares"):
        Recipe(crop=text)


def test_a_crop_alone_changes_no_pixel() -> None:
    picture = Lit(scenery(200, 300))
    made = fitted(picture, Recipe(crop="1:1"))
    assert made.shape == (200, 200)
    assert np.array_equal(made.rows(0, 200), picture.pixels[:, 50:250])
    assert np.array_equal(made.rows(37, 55), picture.pixels[37:55, 50:250])
    assert np.array_equal(made.hdr_rows(37, 55), picture.light[37:55, 50:250])


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 90), st.integers(2, 130), st.integers(16, 140), st.integers(0, 50))
def test_strips_make_the_same_picture(height: int, width: int, long_edge: int, cut: int) -> None:
    picture = Lit(scenery(height, width), cell=1)
    made = fitted(picture, Recipe(long_edge=long_edge))
    whole = made.rows(0, made.shape[0])
    assert whole.shape == (*made.shape, 3)
    assert max(made.shape) == min(long_edge, max(height, width))
    cut = min(cut, made.shape[0])
    parts = [made.rows(*part) for part in ((0, cut), (cut, made.shape[0])) if part[0] < part[1]]
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_large_one_is_made_in_pieces() -> None:
    picture = grey(np.random.default_rng(0).uniform(0, 1, (3000, 64)))
    made = Resized(picture, Window(0, 0, 3000, 64), (300, 6))
    parts = [made.rows(top, top + 50) for top in range(0, 300, 50)]
    assert np.array_equal(np.concatenate(parts), made.rows(0, 300))


@pytest.mark.parametrize("long_edge", [16, 100, 233, 399])
def test_a_flat_picture_stays_flat(long_edge: int) -> None:
    flat = Picture(np.broadcast_to(np.array([9000, 30000, 65535], np.uint16), (300, 400, 3)))
    made = small(flat, long_edge).astype(int)
    assert np.abs(made - [9000, 30000, 65535]).max() <= 8


def test_nothing_is_made_larger(picture: Picture) -> None:
    assert fitted(picture, Recipe(long_edge=4000)) is picture
    assert fitted(picture, Recipe()) is picture


def test_light_is_averaged_not_its_code() -> None:
    # Lines of one pixel, white and black: half the light.
    lines = np.tile([[1.0, 0.0]], (200, 100))
    assert np.abs(to_light(small(grey(lines), 50)).mean() - 0.5) < 0.01


def lamps() -> np.ndarray:
    y, x = np.mgrid[:320, :320] + 0.5
    light = np.full((320, 320), 0.01)
    for i in range(4):
        for j in range(4):
            away = np.hypot(x - (40 + 80.3 * i), y - (40 + 79.6 * j))
            light = np.maximum(light, np.clip(2.5 + j - away, 0, 1))
    return light


def test_lamps_have_no_rings_and_keep_their_light() -> None:
    light = lamps()
    made = small(grey(light), 100)
    lanczos = np.asarray(
        Image.fromarray(light.astype(np.float32)).resize((100, 100), Image.Resampling.LANCZOS)
    )  # the usual way
    around = int(sixteen(np.array([0.01]))[0])
    assert made.min() > around - 4 * 257
    assert sixteen(lanczos).min() < around - 20 * 257
    assert to_light(made)[..., 0].mean() == pytest.approx(light.mean(), rel=0.15)
    soft = small(grey(light), 100, sharpen=0.0)
    assert to_light(soft)[..., 0].mean() == pytest.approx(light.mean(), rel=0.003)
    assert np.array_equal(soft, small(grey(light), 100, off=("sharpen",)))


def test_edges_are_crisp_and_not_crunchy() -> None:
    x = np.arange(640) - 321.3
    edge = np.broadcast_to(np.clip(x + 0.5, 0, 1) * 0.4 + 0.1, (64, 640))

    def steepest(samples: np.ndarray) -> tuple[float, float, float]:
        low, high = (float(v) for v in sixteen(np.array([0.1, 0.5])))
        share = (samples[3, :, 1] - low) / (high - low)
        return np.abs(np.diff(share)).max(), share.min(), share.max()

    crisp, low, high = steepest(small(grey(edge), 200))
    soft, *_ = steepest(small(grey(edge), 200, sharpen=0.0))
    assert crisp > 1.1 * soft
    assert low > -0.04
    assert 1.005 < high < 1.08


def test_fine_lines_do_not_alias() -> None:
    # 0.42 cycles a pixel are 1.34 a pixel of the small picture: beyond what it can show.
    lines = 0.4 + 0.3 * np.sin(2 * np.pi * 0.42 * np.arange(640))
    made = to_light(small(grey(np.broadcast_to(lines, (64, 640))), 200))[2:-2, 3:-3]
    assert made.std() < 0.01


def test_hdr_is_made_smaller_too() -> None:
    picture = Lit(scenery(300, 400, brightest=6.0))
    made = fitted(picture, Recipe(long_edge=100, crop="4:3"))
    light = made.hdr_rows(0, 75)
    assert light.dtype == np.float32
    assert light.shape == (75, 100, 3)
    assert light.mean() == pytest.approx(picture.light.mean(), rel=0.03)
    assert light.max() == pytest.approx(6.0, rel=0.05)
    assert np.array_equal(np.concatenate([made.hdr_rows(0, 40), made.hdr_rows(40, 75)]), light)


@pytest.mark.parametrize(
    ("crop", "long_edge", "shape"),
    [
        ("3:2", 480, (320, 480)),
        ("2:3", 480, (480, 320)),
        ("65:24", 650, (240, 650)),
        ("4:5", 500, (500, 400)),
        ("1.85:1", 370, (200, 370)),
        ("4:3", 640, (480, 640)),  # nothing to cut
        ("20:1", 799, (40, 799)),  # hardly smaller
    ],
)
def test_a_small_picture_has_the_ratio_that_was_asked_for(crop: str, long_edge: int, shape: tuple[int, int]) -> None:
    """Not that of the window that it is cut out with, whose sides are even."""
    picture = Lit(np.full((600, 800, 3), 0.2))
    made = fitted(picture, Recipe(crop=crop, long_edge=long_edge))
    assert made.shape == shape
    assert made.rows(0, shape[0]).shape == (*shape, 3)
    window = crop_window((600, 800), crop)
    assert made.shape[0] <= window.height
    assert made.shape[1] <= window.width


@pytest.mark.parametrize("size", ["auto", "half"])
@pytest.mark.parametrize("long_edge", [None, 1600, 400])
@pytest.mark.parametrize("shape", [(1600, 1200), (1201, 902)])
def test_the_gain_map_goes_with_its_base(shape: tuple[int, int], long_edge: int | None, size: str) -> None:
    picture = Lit(np.full((*shape, 3), 0.2), Recipe(gain_size=size))
    made = fitted(picture, Recipe(crop="16:9", long_edge=long_edge))
    window = crop_window(shape, "16:9")
    for top in range(0, made.shape[0], 256):
        made.rows(top, min(made.shape[0], top + 256))
    gain = made.gain_map()
    assert gain is not None
    rows, columns = gain.pixels.shape
    assert columns / rows == pytest.approx(made.shape[1] / made.shape[0], rel=0.02)
    # As fine as the large picture's, but no finer than the small picture, or than half of it where half is asked for.
    finest = max(made.shape) / (2 if size == "half" else 1)
    assert max(rows, columns) == pytest.approx(min(finest, max(window.height, window.width) / picture.cell), abs=1.5)
    # Where a row of the map lies in the large picture, and what stands there.
    middle = window.top + (np.arange(rows) + 0.5) / rows * window.height
    height = picture.full.shape[0]
    expected = np.interp(middle / shape[0] * height - 0.5, np.arange(height), picture.full[:, 0])
    assert np.abs(gain.pixels[:, columns // 2] - expected).max() < 1.5
    assert (gain.high, gain.headroom) == ((2.0,) * 3, 2.0)


def test_a_gain_map_in_colours_keeps_them() -> None:
    from dataclasses import replace

    picture = Lit(np.full((160, 120, 3), 0.2))
    full = picture.gain_map()
    colored = replace(full, pixels=np.broadcast_to(np.array([10, 20, 30], np.uint8), (40, 30, 3)).copy())
    picture.gain_map = lambda: colored  # type: ignore[method-assign]
    made = fitted(picture, Recipe(crop="1:1", long_edge=64)).gain_map()
    assert made is not None
    assert made.pixels.shape == (30, 30, 3)
    assert (made.pixels == [10, 20, 30]).all()


@pytest.mark.parametrize("name", ["p.jpg", "p.avif", "p.tif", "p.png"])
def test_files_are_cropped_and_made_smaller(tmp_path: Path, picture: Picture, name: str) -> None:
    recipe = Recipe(crop="1:1", long_edge=48)
    path = write(picture, tmp_path / name, recipe=recipe)
    assert read_recipe(path) == recipe
    with Image.open(path) as image:
        assert image.size == (48, 48)
    program = shutil.which("exiftool")
    if program is not None and name != "p.tif":
        told = subprocess.run([program, "-j", "-ExifImageWidth", path], capture_output=True, text=True, check=False)
        assert json.loads(told.stdout)[0]["ExifImageWidth"] == 48


def test_a_scene_stays_whole_and_that_is_said(tmp_path: Path, scene: Scene) -> None:
    report = Report()
    write(scene, tmp_path / "p.exr", recipe=Recipe(crop="1:1", long_edge=48), report=report)
    assert report.warnings == ["--crop and --long-edge left aside: a .exr file holds all that was recorded"]

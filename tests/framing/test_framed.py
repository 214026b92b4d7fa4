"""A rendition in its frame: the same pixels, strip by strip, and a gain map that leaves the paper alone."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.framing.framed import Framed, framed, framed_gain_map
from fotohaus.framing.layout import Layout
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe
from fotohaus.render.gain_map import GainMap
from fotohaus.render.picture import Picture

RNG = np.random.default_rng(5)
CAPTURE = CaptureInfo(make="Barnes", model="Testcam", iso=100, f_number=2.8)


def picture(high: int = 300, wide: int = 420, gain: GainMap | None = None) -> Picture:
    pixels = RNG.integers(0, 65536, (high, wide, 3), dtype=np.uint16)
    return Picture(pixels, "p3", Recipe(), CAPTURE, gain)


@pytest.mark.parametrize("name", ["strip", "polaroid", "passepartout", "caption"])
def test_the_picture_is_untouched_and_strips_make_the_whole(name: str) -> None:
    inside = picture()
    whole = framed(inside, Recipe(frame=name, caption="Ein Bild"))
    layout = whole.layout
    pixels = whole.rows(0, whole.shape[0])
    assert pixels.shape == (*whole.shape, 3)
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels[layout.top : layout.top + 300, layout.left : layout.left + 420], inside.pixels)
    parts = [whole.rows(top, min(top + 37, whole.shape[0])) for top in range(0, whole.shape[0], 37)]
    assert np.array_equal(np.concatenate(parts), pixels)
    assert np.array_equal(whole.picture().pixels, pixels)
    assert (pixels[layout.top + 300 :].min(axis=(1, 2)) < 20000).any(), "there is type on the paper"


def test_paper_has_its_colour_in_the_pictures_gamut() -> None:
    warm = Layout((40, 32), 0, 0, (16, 32), "#fbf0e0")
    p3 = Framed(replace(picture(16, 32), gamut="p3"), warm).rows(30, 31)[0, 0]
    srgb = Framed(replace(picture(16, 32), gamut="srgb"), warm).rows(30, 31)[0, 0]
    assert (srgb == np.array([0xFB, 0xF0, 0xE0]) * 257).all()
    assert p3[0] < srgb[0]
    assert p3[2] > srgb[2]
    white = Framed(picture(16, 32), replace(warm, paper="#ffffff")).rows(30, 31)
    assert (white == 65535).all(), "exact white takes no dither"


def gains(map_: GainMap) -> np.ndarray:
    low, high = np.array(map_.low), np.array(map_.high)
    pixels = map_.pixels if map_.pixels.ndim == 3 else map_.pixels[..., None]
    return low[: pixels.shape[2]] + (pixels / 255.0) ** (1 / map_.gamma[0]) * (high - low)[: pixels.shape[2]]


@pytest.mark.parametrize("channels", [0, 3])
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_gain_map_that_fits_the_grid_is_kept_as_it_is(channels: int, scale: int) -> None:
    layout = Layout((320 + 16 + 96, 480 + 32), 16, 16, (320, 480), "#ffffff")
    shape = (320 // scale, 480 // scale, *([channels] if channels else []))
    map_ = GainMap(RNG.integers(0, 256, shape, dtype=np.uint8), (0.0,) * 3, (3.0,) * 3, headroom=3.0)
    got = framed_gain_map(map_, layout)
    assert got.pixels.shape[:2] == (432 // scale, 512 // scale)
    at = 16 // scale
    inner = got.pixels[at : at + shape[0], at : at + shape[1]]
    assert np.array_equal(inner[1:-1, 1:-1], map_.pixels[1:-1, 1:-1])
    outer = got.pixels.astype(int)
    outer[at + 1 : at + shape[0] - 1, at + 1 : at + shape[1] - 1] = 0
    assert not outer.any(), "the paper and what touches it gain nothing"


def test_a_strip_leaves_the_other_edges_alone() -> None:
    layout = Layout((320 + 96, 480), 0, 0, (320, 480), "#ffffff")
    map_ = GainMap(RNG.integers(1, 256, (160, 240), dtype=np.uint8), (0.0,) * 3, (3.0,) * 3, headroom=3.0)
    got = framed_gain_map(map_, layout).pixels
    assert np.array_equal(got[:159], map_.pixels[:159])
    assert not got[159:].any()


@pytest.mark.parametrize(("low", "high"), [(-1.0, 3.0), (0.5, 2.0), (-2.0, -0.25)])
def test_paper_stays_at_sdr_white_whatever_the_range(low: float, high: float) -> None:
    layout = Layout((320 + 96, 480), 0, 0, (320, 480), "#ffffff")
    map_ = GainMap(RNG.integers(0, 256, (80, 120), dtype=np.uint8), (low,) * 3, (high,) * 3, (1.2,) * 3, headroom=3.0)
    got = framed_gain_map(map_, layout)
    assert np.abs(gains(got)[81:]).max() <= (got.high[0] - got.low[0]) / 255
    assert np.abs(gains(got)[:79] - gains(map_)[:79]).max() < 0.03


def test_a_gain_map_off_the_grid_lies_over_the_same_places() -> None:
    """A ramp laid over the picture is that ramp still, wherever the map's pixels fall."""
    layout = Layout((301 + 96 + 16, 401 + 48), 16, 32, (301, 401), "#ffffff")
    ramp = np.broadcast_to(np.linspace(10, 250, 101), (76, 101))
    map_ = GainMap(np.rint(ramp).astype(np.uint8), (0.0,) * 3, (2.0,) * 3, headroom=2.0)
    got = framed_gain_map(map_, layout).pixels
    x = (np.arange(got.shape[1]) + 0.5) * 449 / got.shape[1]
    place = (x - 32) * 101 / 401 - 0.5
    inside = (place > 2) & (place < 98)
    middle = got[got.shape[0] // 2]
    assert np.abs(middle[inside] - np.interp(place[inside], range(101), np.linspace(10, 250, 101))).max() <= 1.5
    assert not middle[x < 28].any()


def test_a_recipe_s_frame_is_written(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from PIL import Image

    from fotohaus.output import read_recipe, write

    recipe = Recipe(frame="polaroid", caption="שלום & <Hallo>")
    for name in ("a.jpg", "a.png", "a.tif"):
        path = write(replace(picture(), recipe=recipe), tmp_path / name)
        with Image.open(path) if name != "a.tif" else Image.open(tmp_path / "a.jpg") as image:
            assert image.size == framed(picture(), recipe).shape[::-1]
        assert read_recipe(path) == recipe


def test_hdr_rows_have_paper_at_sdr_white() -> None:
    class Bright:
        gamut, recipe, capture, shape = "p3", Recipe(), CAPTURE, (32, 48)

        def hdr_rows(self, top: int, bottom: int) -> np.ndarray:
            return np.full((bottom - top, 48, 3), 5.0, np.float32)

    rows = Framed(Bright(), Layout((64, 48), 0, 0, (32, 48), "#ffffff")).hdr_rows(0, 64)  # type: ignore[arg-type]
    assert rows.dtype == np.float32
    assert (rows[:32] == 5).all()
    assert rows[32:] == pytest.approx(1.0, abs=1e-4)

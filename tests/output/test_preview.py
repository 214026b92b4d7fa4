"""What a DNG shows of itself: the photo that its recipe makes, in small, as the mosaic lies."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import fotohaus as fh
from fotohaus.develop.geometry import orient
from fotohaus.output.preview import LONGEST, as_stored, preview
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.recipe import Recipe
from fotohaus.render import color

NEUTRAL = (0.5, 1.0, 0.6)


def photo(height: int, width: int, **changes: object) -> RawImage:
    """Dark above, bright below, red at the right; little enough noise to compare pictures."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    light = 300 + 9000 * (0.1 + 0.8 * y)
    red = light * np.where(x > 0.5, 0.9, NEUTRAL[0])
    blue = light * np.where(x > 0.5, 0.2, NEUTRAL[2])
    mosaic = light + np.random.default_rng(1).normal(0, 8, light.shape)
    mosaic[::2, ::2], mosaic[1::2, 1::2] = red[::2, ::2], blue[1::2, 1::2]
    levels = np.full((2, 2), 256, np.float32), np.full((2, 2), 16383, np.float32)
    matrix = np.array([[1.03, -0.42, -0.06], [-0.23, 1.06, 0.19], [0.01, 0.11, 0.55]])
    calibration = ColorCalibration(matrix, as_shot_neutral=NEUTRAL)
    crop = Rectangle(4, 6, height - 8, width - 12)
    raw = RawImage((mosaic + 256).clip(0, 16383).astype(np.uint16), "RGGB", *levels, calibration, crop)
    return replace(raw, **changes)  # type: ignore[arg-type]


def test_the_preview_is_the_photo_in_small() -> None:
    raw, recipe = photo(600, 800), Recipe(gamut="srgb", ev=0.5)
    small = preview(raw, recipe)
    assert small is not None
    assert small.shape == (296, 394, 3)
    picture = fh.render(fh.develop(raw), recipe).pixels / 257
    whole = picture[: 296 * 2, : 394 * 2].reshape(296, 2, 394, 2, 3).mean((1, 3))
    assert np.abs(small - whole)[8:-8, 8:-8].mean() < 2
    brighter = preview(raw, replace(recipe, ev=1.5))
    assert brighter is not None
    assert brighter.mean() > small.mean() + 10


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_lies_as_the_mosaic_does(orientation: int) -> None:
    raw = photo(120, 160)
    upright = preview(raw, Recipe())
    turned = preview(replace(raw, orientation=orientation), Recipe())
    assert upright is not None
    assert turned is not None
    assert turned.shape == upright.shape
    # The same decisions but for rounding, since the metering sees other samples.
    assert np.abs(turned.astype(int) - upright).mean() < 2
    array = np.arange(12).reshape(3, 4)
    assert np.array_equal(orient(as_stored(array, orientation), orientation), array)


def test_it_is_never_larger_than_a_screen() -> None:
    small = preview(photo(1000, 4000), Recipe())
    assert small is not None
    assert max(small.shape) == LONGEST
    assert small.shape[0] == round((1000 - 8) / (4000 - 12) * LONGEST)


@pytest.mark.parametrize("size", [(2, 2), (20, 3000), (3000, 20)])
def test_odd_shapes_have_one_too(size: tuple[int, int]) -> None:
    small = preview(photo(*size, crop=Rectangle(0, 0, *size)), Recipe())
    assert small is not None
    assert min(small.shape[:2]) >= 1


def test_what_cannot_be_developed_is_written_without(tmp_path: Path) -> None:
    color_matrix = ColorCalibration(np.zeros((3, 3)), as_shot_neutral=NEUTRAL)
    raw = photo(120, 160, color=color_matrix)
    assert preview(raw, Recipe()) is None
    report = fh.Report()
    with tifffile.TiffFile(fh.write(raw, tmp_path / "p.dng", report=report)) as file:
        assert file.pages[0].shape == (120, 160)
    assert "none: " in report.stages[0].parts[0].notes[0]


def test_write_puts_it_into_the_file(tmp_path: Path) -> None:
    raw = photo(600, 800, orientation=6)
    recipe = Recipe(gamut="p3", dng_compression="jxl", dng_distance=0.01)
    path = fh.write(raw, tmp_path / "p.dng", recipe=recipe)
    with tifffile.TiffFile(path) as file:
        first = file.pages[0]
        assert max(first.shape) == 256
        main, last = first.pages
        assert main.tags[259].value == 52546
        data = file.filehandle
        data.seek(last.tags[273].value[0])
        coded = data.read(last.tags[279].value[0])
        assert first.tags[274].value == 6
    wanted = preview(raw, recipe)
    with Image.open(io.BytesIO(coded)) as shown:
        assert wanted is not None
        assert np.abs(np.asarray(shown).astype(int) - wanted).mean() < 2
    # Red is at the right of the stored mosaic, whatever turn it shows.
    values = color.decode_srgb(wanted / 255)
    assert values[:, -50:, 0].mean() > 2 * values[:, -50:, 2].mean()
    assert fh.read_recipe(path) == recipe

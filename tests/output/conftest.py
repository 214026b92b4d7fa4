"""Small nouns to write, with everything in them that could leak or break."""

from datetime import datetime

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.raw.image import CaptureInfo, ColorCalibration, RawImage, Rectangle
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture

HEIGHT, WIDTH = 96, 140


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(ev=0.7, quality=95, gamut="p3", off=("sharpen",))


@pytest.fixture
def capture() -> CaptureInfo:
    return CaptureInfo(
        make="Barnes",
        model="Testcam 1",
        unique_model="Barnes Testcam 1",
        taken=datetime(2026, 1, 2, 3, 4, 5),
        subsecond="25",
        utc_offset="+08:00",
        exposure_time=1 / 455,
        f_number=1.9,
        iso=1600,
        focal_length=8.7,
        lens_model="8.7 mm",
        artist="Ärtist",
        serial="SERIAL-4711",
        owner="Jane Private",
        position=(48.858, -2.2945),
        sources=('/home/jane-secret/a <&> "1" ]]>.dng', "C:\\secret-folder\\b.dng", "c\udcff\x01.dng"),
        frames=3,
    )


@pytest.fixture
def picture(recipe: Recipe, capture: CaptureInfo) -> Picture:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.stack([x * 460, y * 680, (x + y) * 270 + 77], axis=-1).astype(np.uint16)
    return Picture(pixels, "p3", recipe, capture)


@pytest.fixture
def scene(capture: CaptureInfo) -> Scene:
    pixels = kernels.empty((HEIGHT, WIDTH, 3))
    pixels[...] = np.random.default_rng(3).gamma(0.5, 0.5, pixels.shape)
    return Scene(pixels, (1e-4, 1e-6), (0.35, 0.36), capture)


@pytest.fixture
def raw(capture: CaptureInfo) -> RawImage:
    mosaic = np.random.default_rng(4).integers(200, 4095, (HEIGHT, WIDTH)).astype(np.uint16)
    matrix = np.array([[1.03, -0.42, -0.06], [-0.23, 1.06, 0.19], [0.01, 0.11, 0.55]])
    levels = np.full((2, 2), 256, np.float32), np.full((2, 2), 4095, np.float32)
    color = ColorCalibration(matrix, as_shot_neutral=(0.5, 1.0, 0.6))
    return RawImage(mosaic, "RGGB", *levels, color, Rectangle(8, 8, HEIGHT - 16, WIDTH - 16), capture=capture)

"""Raw images made from known scenes, for the tests of this room: the `scenes` fixture is this module."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

from fotohaus.develop.color import REC2020_TO_XYZ
from fotohaus.develop.geometry import orient
from fotohaus.develop.scene import Scene
from fotohaus.raw.image import CfaPattern, ColorCalibration, NoiseProfile, RawImage, Rectangle

# XYZ (D65) to linear sRGB and a camera that mixes channels a little; green is twice as sensitive as red.
SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
MIX = np.array([[0.62, 0.32, 0.06], [0.18, 0.72, 0.10], [0.04, 0.28, 0.68]])
NEUTRAL = np.array([0.5, 1.0, 0.62])
CAMERA = ColorCalibration(color_matrix_1=np.diag(NEUTRAL) @ MIX @ SRGB_FROM_XYZ, as_shot_neutral=tuple(NEUTRAL))
BLACK, WHITE = 256, 4095
# As good as none: where a file says nothing, noise is estimated, and fine detail of made-up scenes may look like it.
NO_NOISE = NoiseProfile((1e-7,) * 3, (1e-9,) * 3)

CHART = json.loads((Path(__file__).parent / "colorchecker.json").read_text())

# EXIF orientation that undoes each.
UNDO = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def channel(cfa: CfaPattern, y: int, x: int) -> int:
    return "RGB".index(cfa[2 * (y & 1) + (x & 1)])


def mosaic_of(image: NDArray[np.floating], cfa: CfaPattern) -> NDArray[np.float32]:
    """The samples that a CFA takes of an (H, W, 3) image."""
    out = np.empty(image.shape[:2], np.float32)
    for y in (0, 1):
        for x in (0, 1):
            out[y::2, x::2] = image[y::2, x::2, channel(cfa, y, x)]
    return out


def raw_of(
    camera: NDArray[np.floating], cfa: CfaPattern = "RGGB", orientation: int = 1, crop: Rectangle | None = None, **more
) -> RawImage:
    """A raw image of camera values (1 = white level) as seen upright, stored as `orientation` says."""
    stored = orient(camera, UNDO[orientation])
    samples = np.clip(np.round(mosaic_of(stored, cfa) * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
    levels = {"black": np.full((2, 2), BLACK, np.float32), "white": np.full((2, 2), WHITE, np.float32)}
    return RawImage(
        samples,
        cfa,
        color=more.pop("color", CAMERA),
        noise=more.pop("noise", NO_NOISE),
        crop=crop or Rectangle(0, 0, *samples.shape),
        orientation=orientation,
        **levels,
        **more,
    )


def smooth_scene(height: int = 96, width: int = 128, seed: int = 1) -> NDArray[np.float64]:
    """Camera values between 0.05 and 0.45, detail at several scales but none near the sampling limit."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    image = np.zeros((height, width, 3))
    for _ in range(12):
        fy, fx = rng.uniform(-0.09, 0.09, 2)
        wave = np.cos(2 * np.pi * (fy * y + fx * x) + rng.uniform(0, 6))
        image += wave[..., None] * (0.8 + 0.2 * rng.uniform(-1, 1, 3))
    image = (image - image.min()) / (image.max() - image.min())
    return 0.05 + 0.4 * image * NEUTRAL


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    return sys.modules[__name__]


def chart_error(scene: Scene) -> tuple[float, float]:
    """Mean delta E 2000 of the Canon chart's 24 patches, exposure normalised, and the largest chroma of its greys."""
    import colour

    half = CHART["half_size"]
    patches = np.array(
        [scene.pixels[y - half : y + half, x - half : x + half].mean((0, 1)) for x, y in CHART["centres"]]
    )
    reference = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"]
    expected = colour.xyY_to_XYZ(np.array(list(reference.data.values())))
    adapt = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ((0.3127, 0.3290)), colour.xy_to_XYZ(reference.illuminant), transform="Bradford"
    )
    got = patches @ REC2020_TO_XYZ.T @ adapt.T
    got *= expected[18:23, 1].sum() / got[18:23, 1].sum()
    lab, lab_expected = (colour.XYZ_to_Lab(xyz, reference.illuminant) for xyz in (got, expected))
    return colour.delta_E(lab_expected, lab, method="CIE 2000").mean(), np.hypot(*lab[19:22, 1:].T).max()

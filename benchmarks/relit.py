"""Pictures under known lights, as a sensor sees them: what an automatic white balance is trained and measured on.

Views into HDR panoramas and finished photographs, whose authors' white counts as right, are made linear and lit by
daylight, lamps, fluorescent tubes and LEDs (`lights`), seen through a camera's matrices, exposed as a phone does,
clipped where the sensor clips, and made noisy. Photographs are pushed until their whites clip as well: a finished
picture's highlights end at white, a sensor's do not.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common import DATA
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020
from fotohaus.raw import read_raw
from fotohaus.raw.image import ColorCalibration
from fotohaus.raw.temperature import D65, adaptation, rgb_to_xyz, temperature_to_xy

Pixels = NDArray[np.float64]

SRGB_TO_XYZ = rgb_to_xyz(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), D65)
OUTDOORS = {"bridge", "city", "dawn", "forest", "night", "park", "sky", "sunrise", "sunset", "venice"}
VIEWS = 12  # of a panorama
VIEW = (72, 96)  # rows, columns: as many pixels as the panoramas have
PHOTO = 240  # px, the longer side

FILES = {"HERO6": "gopro_hero6_mural.dng", "Canon": "canon_colorchecker.dng", "Fusion": "gopro_fusion_front.dng"}
# XYZ (D65) to camera, times 10000, as published for cameras of other makers.
MATRICES = {
    "Nikon D700": (8139, -2171, -663, -8747, 16541, 2295, -1925, 2008, 8093),
    "Sony A7": (5271, -712, -347, -6153, 13653, 2763, -1601, 2366, 7242),
    "Fujifilm X-T1": (8458, -2451, -855, -4597, 12447, 2407, -1475, 2482, 6526),
}


@dataclass(frozen=True)
class Scene:
    """Linear sRGB under D65, (H, W, 3), and what of it is to be believed."""

    name: str
    linear: Pixels
    valid: NDArray[np.bool_]
    finished: bool  # a photograph: its highlights were cut
    outdoors: bool | None = None


@dataclass(frozen=True)
class Relit:
    """A scene under a light: camera values, 1 where the sensor clips, and the response to the light, largest 1."""

    scene: Scene
    camera: Pixels
    valid: NDArray[np.bool_]
    color: ColorCalibration
    light: Pixels
    white_xy: tuple[float, float]


def cameras() -> dict[str, ColorCalibration]:
    """Calibrations without a white of their own."""
    found = {name: read_raw(DATA / "raw" / file).color for name, file in FILES.items()}
    found |= {
        name: ColorCalibration(np.array(numbers).reshape(3, 3) / 10000, illuminant_1=21)
        for name, numbers in MATRICES.items()
    }
    return {n: replace(color, as_shot_neutral=None, as_shot_white_xy=None) for n, color in found.items()}


def _views(path: str) -> Iterator[Pixels]:
    """Views into an equirectangular panorama, 75 degrees wide, all round, some up and some down."""
    import OpenEXR

    with OpenEXR.File(path) as file:
        sphere = np.nan_to_num(np.maximum(file.channels()["RGB"].pixels.astype(np.float64), 0))
    height, width = sphere.shape[:2]
    rows, columns = VIEW
    half = np.tan(np.radians(75) / 2)
    x, y = np.meshgrid(np.linspace(-half, half, columns), np.linspace(-half, half, rows) * rows / columns)
    for i in range(VIEWS):
        yaw, pitch = 2 * np.pi * i / VIEWS, np.radians((-20, 0, 15)[i % 3])
        down, ahead = y * np.cos(pitch) + np.sin(-pitch), np.cos(pitch) - y * np.sin(-pitch)
        longitude, latitude = yaw + np.arctan2(x, ahead), np.arctan2(down, np.hypot(x, ahead))
        at = (latitude / np.pi + 0.5) * (height - 1), longitude / (2 * np.pi) * width
        yield sphere[np.rint(at[0]).astype(int), np.rint(at[1]).astype(int) % width]


def panoramas() -> Iterator[Scene]:
    for path in sorted((DATA / "hdr").glob("*.exr")):
        for linear in _views(str(path)):
            yield Scene(path.stem, linear, np.ones(VIEW, bool), False, path.stem in OUTDOORS)


def photographs(*folders: str, parts: bool = False) -> Iterator[Scene]:
    """The photographs of folders; parts: and of each its four quarters."""
    for path in sorted(p for f in folders for p in (DATA / f).iterdir() if p.suffix in {".jpg", ".png", ".tif"}):
        image = Image.open(path).convert("RGB")
        width, height = image.size
        quarters = [(x, y, x + width // 2, y + height // 2) for x in (0, width // 2) for y in (0, height // 2)]
        for box in ((0, 0, width, height), *(quarters if parts else ())):
            part = image.crop(box)
            part.thumbnail((PHOTO, PHOTO), Image.Resampling.BOX)
            values = np.asarray(part, np.float64) / 255
            linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
            yield Scene(path.stem, linear, values.max(axis=2) < 0.97, True)


@lru_cache
def scenes(held_out: bool) -> tuple[Scene, ...]:
    """Every third panorama and photograph is held out from training; Kodak's and McMaster's pictures all are."""
    found = [list(panoramas()), list(photographs("truth/photos", parts=not held_out))]
    chosen: list[Scene] = []
    for group in found:
        names = sorted({scene.name for scene in group})
        kept = {name for i, name in enumerate(names) if (i % 3 == 2) == held_out}
        chosen += [scene for scene in group if scene.name in kept]
    return (*chosen, *(photographs("truth/kodak", "truth/mcmaster") if held_out else ()))


def light(rng: np.random.Generator, outdoors: bool | None) -> tuple[float, float]:
    """A light: kelvin and tint. Outdoors daylight; indoors mostly lamps; where it is not known, either."""
    kind = rng.random()
    if outdoors or (outdoors is None and kind < 0.4) or kind < 0.2:
        return 1e6 / rng.uniform(1e6 / 10000, 1e6 / 4200), rng.normal(8, 4)  # the daylight locus
    if kind < 0.6:
        return rng.uniform(2500, 3400), rng.normal(0, 3)  # tungsten
    if kind < 0.8:
        return float(rng.choice([2900, 3500, 4100, 5000, 6500])) * rng.normal(1, 0.03), rng.normal(14, 8)  # fluorescent
    return 1e6 / rng.uniform(1e6 / 6500, 1e6 / 2700), rng.normal(0, 10)  # LED


def xyz_to_camera(color: ColorCalibration, white: tuple[float, float]) -> Pixels:
    """XYZ under a light to camera values, the light's own at most 1: the inverse of how a file is developed."""
    balanced = camera_to_rec2020(color, white_xy=white)
    to_d65 = REC2020_TO_XYZ @ balanced.matrix @ np.diag(balanced.multipliers)
    return np.asarray(np.linalg.inv(to_d65) @ adaptation(white, D65))


def relight(scene: Scene, color: ColorCalibration, rng: np.random.Generator) -> Relit:
    """A scene under a light drawn at random, exposed, clipped and noisy."""
    kelvin, tint = light(rng, scene.outdoors)
    white = temperature_to_xy(kelvin, tint)
    # Spectra are not matrices: surfaces of one colour under D65 differ under another light.
    wrong = np.eye(3) + rng.normal(0, 0.015, (3, 3))
    wrong /= (wrong @ np.ones(3))[:, None]
    to_camera = xyz_to_camera(color, white) @ adaptation(D65, white) @ SRGB_TO_XYZ @ wrong
    camera = np.maximum(scene.linear @ to_camera.T, 0)
    if scene.finished:
        camera *= np.exp(rng.uniform(np.log(1.0), np.log(2.5))) / camera.max()
    else:
        brightness = camera.max(axis=2)
        mean = np.exp(np.log(brightness + 1e-6 * brightness.max()).mean())
        camera *= min(0.15 / mean, 1 / np.quantile(brightness, 0.97)) * 2 ** rng.uniform(-1, 0.5)
    scale = 10 ** rng.uniform(-5, -3)
    camera = camera + rng.normal(size=camera.shape) * np.sqrt(scale * camera + scale**2) / 2
    valid = scene.valid & (camera.max(axis=2) < 0.97)
    response = 1 / camera_to_rec2020(color, white_xy=white).multipliers
    return Relit(scene, camera.clip(0, 1), valid, color, response, white)


def relit(held_out: bool, lights: int, seed: int = 1) -> Iterator[Relit]:
    """Every scene under so many lights, each seen by a camera drawn at random."""
    known = list(cameras().values())
    for i, scene in enumerate(scenes(held_out)):
        rng = np.random.default_rng([seed, i, zlib.crc32(scene.name.encode())])
        for _ in range(4 * lights if scene.finished and held_out else lights):
            made = relight(scene, known[rng.integers(len(known))], rng)
            if made.valid.sum() >= 0.1 * made.valid.size:
                yield made


def angle(a: Pixels, b: Pixels) -> float:
    """Degrees between two camera responses."""
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return float(np.degrees(np.arccos(min(1.0, cosine))))

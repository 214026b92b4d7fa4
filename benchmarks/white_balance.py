"""Automatic white balance: the angle between the light that is found and the light that is there.

    python benchmarks/white_balance.py

Finished photographs, taken as neutral under D65, are made linear, put under known lights of 2500 to 10000 K and tints
around the daylight locus, and seen by two real cameras (the matrices in their files). No camera white is given. Error:
degrees between camera responses to the light found and the true one. Finished photographs help max-RGB: their
highlights end at white. Then real files, against the white that the camera or the chart states.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
from PIL import Image

from common import DATA, ROOT, table
from fotohaus.develop.auto_white import grey_edge, shades_of_grey
from fotohaus.develop.color import camera_to_rec2020
from fotohaus.develop.temperature import (
    D55,
    D65,
    adaptation,
    rgb_to_xyz,
    temperature_to_xy,
    xy_to_xyz,
)
from fotohaus.develop.white_balance import find_white
from fotohaus.raw import read_raw
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.white_choice import Auto

SRGB = rgb_to_xyz(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)), D65)
CAMERAS = {"HERO6": "gopro_hero6_mural.dng", "Canon": "canon_colorchecker.dng"}
FILES = {**CAMERAS, "Fusion": "gopro_fusion_front.dng"}
LIGHTS = 6  # per picture and camera


def angle(a: np.ndarray, b: np.ndarray) -> float:
    cosine = float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def response(color: ColorCalibration, white: tuple[float, float]) -> np.ndarray:
    return np.asarray(1 / camera_to_rec2020(color, white_xy=white).multipliers)


def xyz_to_camera(color: ColorCalibration, white: tuple[float, float]) -> np.ndarray:
    """XYZ under a light to camera values, the light's own at most 1: the inverse of how the file is developed."""
    balanced = camera_to_rec2020(color, white_xy=white)
    rec2020 = rgb_to_xyz(((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65)
    to_d65 = rec2020 @ balanced.matrix @ np.diag(balanced.multipliers)
    return np.asarray(np.linalg.inv(to_d65) @ adaptation(white, D65))


def pictures() -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for path in [*sorted((DATA / "truth/kodak").glob("*.png")), *sorted((DATA / "truth/photos").glob("*.jpg"))]:
        image = Image.open(path).convert("RGB")
        image.thumbnail((600, 600))
        values = np.asarray(image, np.float64) / 255
        linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
        found.append((linear, values.max(axis=2) < 0.985))
    return found


def automatic(camera: np.ndarray, valid: np.ndarray, color: ColorCalibration) -> np.ndarray:
    """Through the whole of `--wb auto`, on linear raw whose clipped pixels are clipped."""
    # Well below where a spike of the histogram counts as saturation.
    mosaic = np.where(valid[..., None], camera / camera[valid].max() * 50000, 65535).astype(np.uint16)
    levels = np.zeros((1, 3), np.float32), np.full((1, 3), 65535, np.float32)
    raw = RawImage(mosaic, None, *levels, color, Rectangle(0, 0, *valid.shape))
    white = find_white(raw, color, Auto())
    assert white is not None
    return response(color, white)


METHODS = {
    "fotohaus auto": automatic,
    "shades of grey, p = 5 (Finlayson 2004)": lambda c, v, _: shades_of_grey(c, v),
    "grey edge, p = 5 (van de Weijer 2007)": lambda c, v, _: grey_edge(c, v),
    "grey world": lambda c, v, _: c[v].mean(axis=0),
    "max-RGB": lambda c, v, _: c[v].max(axis=0),
    "as D55": lambda c, v, color: response(color, D55),
}


def main() -> None:
    rng = np.random.default_rng(1)
    colors = {name: read_raw(DATA / "raw" / file).color for name, file in CAMERAS.items()}
    errors: dict[str, list[float]] = {name: [] for name in METHODS}
    for linear, valid in pictures():
        for color in colors.values():
            blind = replace(color, as_shot_neutral=None, as_shot_white_xy=None)
            for _ in range(LIGHTS):
                light = temperature_to_xy(1e6 / rng.uniform(100, 400), rng.normal(5, 10))
                seen = xyz_to_camera(color, light) @ adaptation(D65, light) @ SRGB
                camera = np.maximum(linear @ seen.T, 0)
                truth = seen @ np.linalg.inv(SRGB) @ xy_to_xyz(D65)
                for name, method in METHODS.items():
                    errors[name].append(angle(method(camera, valid, blind), truth))
    rows = [
        [name, *(f"{v:.2f}" for v in (np.mean(e), np.median(e), np.quantile(e, 0.9), np.max(e)))]
        for name, e in errors.items()
    ]
    print(table(("error in degrees", "mean", "median", "90 %", "largest"), rows))

    chart = np.array(json.loads((ROOT / "tests/develop/colorchecker.json").read_text())["neutral"])
    rows = []
    for name, file in FILES.items():
        raw = read_raw(DATA / "raw" / file)
        white = find_white(raw, raw.color, Auto())
        own, found = camera_to_rec2020(raw.color), camera_to_rec2020(raw.color, white_xy=white)
        whites = [f"{c.temperature:.0f} K, {c.tint:+.0f}" for c in (own, found)]
        to_chart = f"{angle(1 / found.multipliers, chart):.1f}" if name == "Canon" else ""
        rows.append([name, *whites, f"{angle(1 / own.multipliers, 1 / found.multipliers):.1f}", to_chart])
    print()
    print(table(("real file", "as shot", "auto", "degrees between", "auto to the chart's greys"), rows))


if __name__ == "__main__":
    main()

"""Colour of a real camera: a ColorChecker through the pipeline, against its published colours.

    python benchmarks/colorchecker.py

Mean and largest CIE delta E 2000 of the 24 patches after one exposure factor: that of the greys' light, and, in the
first column, that of the least mean. The chart is lit by a lamp, the file's
white balance is that of the window behind it: so colour is judged with the neutral of the chart's own grey patches.
Beside it run LibRaw, with its own matrix, and Adobe's DNG SDK, with the file's, both with the same neutral; and the
file's matrix on the means of the mosaic's samples, without any demosaic. The window's light lies over the chart as a
veil, which lifts the black patch; "veil taken off" subtracts from all patches what the black one has too much.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import rawpy

import adobe_sdk
from common import DATA, ROOT, table
from fotohaus.develop import develop
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020, white_of_neutral
from fotohaus.develop.profile_tables import prophoto_to_rec2020
from fotohaus.raw import read_raw
from fotohaus.raw.image import PLANES, RawImage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour

CHART = json.loads((ROOT / "tests" / "develop" / "colorchecker.json").read_text())
REFERENCE = colour.CCS_COLOURCHECKERS["ColorChecker24 - After November 2014"]
EXPECTED = colour.xyY_to_XYZ(np.array(list(REFERENCE.data.values())))


def patches(image: np.ndarray) -> np.ndarray:
    half = CHART["half_size"]
    return np.array([image[y - half : y + half, x - half : x + half].mean((0, 1)) for x, y in CHART["centres"]])


def row(name: str, xyz: np.ndarray) -> list[object]:
    """A line of the table for 24 patches in XYZ (D65)."""
    adapt = colour.adaptation.matrix_chromatic_adaptation_VonKries(
        colour.xy_to_XYZ((0.3127, 0.3290)), colour.xy_to_XYZ(REFERENCE.illuminant), transform="Bradford"
    )
    got = xyz @ adapt.T
    got = got * EXPECTED[18:23, 1].sum() / got[18:23, 1].sum()
    expected = colour.XYZ_to_Lab(EXPECTED, REFERENCE.illuminant)

    def error(factor: float) -> np.ndarray:
        lab = colour.XYZ_to_Lab(got * factor, REFERENCE.illuminant)
        return np.asarray(colour.delta_E(expected, lab, method="CIE 2000"))

    least = min(float(error(factor).mean()) for factor in np.linspace(0.85, 1.15, 61))
    by_greys = error(1.0)
    grey = np.hypot(*colour.XYZ_to_Lab(got, REFERENCE.illuminant)[19:22, 1:].T)
    figures = (least, by_greys.mean(), by_greys[:18].mean(), by_greys.max(), grey.max())
    return [name, *(f"{v:.2f}" for v in figures)]


def libraw(path: Path) -> np.ndarray:
    gains = 1 / np.array(CHART["neutral"])
    with rawpy.imread(str(path)) as raw:
        image = raw.postprocess(
            user_wb=[*gains, gains[1]],
            output_color=rawpy.ColorSpace.XYZ,
            gamma=(1, 1),
            no_auto_bright=True,
            output_bps=16,
        )
    return np.asarray(image / 65535.0)


def samples(raw: RawImage) -> np.ndarray:
    """Means of the mosaic's samples of the patches, in linear Rec. 2020."""
    half, means = CHART["half_size"], np.zeros((len(CHART["centres"]), 3))
    for place, name in enumerate(raw.cfa or ""):
        row, column = divmod(place, 2)
        black = float(raw.black[row, column])
        plane = (raw.mosaic[row::2, column::2].astype(np.float64) - black) / (float(raw.white[row, column]) - black)
        for i, (x, y) in enumerate(CHART["centres"]):
            top, left = (y + raw.crop.top - half) // 2, (x + raw.crop.left - half) // 2
            mean = plane[top : top + half, left : left + half].mean()
            means[i, PLANES.index(name)] += mean / (raw.cfa or "").count(name)
    color = camera_to_rec2020(raw.color)
    return np.asarray((means * color.multipliers) @ color.matrix.T)


def unveiled(values: np.ndarray) -> np.ndarray:
    """Patches without what the black one has beyond its share of the greys' light."""
    light = values[18:22].sum(0) / EXPECTED[18:22, 1].sum()
    return np.asarray(values - (values[23] - light * EXPECTED[23, 1]))


def adobe(path: Path, white: tuple[float, float]) -> list[list[object]]:
    if adobe_sdk.library() is None:
        return []
    render = patches(adobe_sdk.stages(path, white=white).render) @ prophoto_to_rec2020().T
    return [row("Adobe's SDK, white of the chart", render @ REC2020_TO_XYZ.T)]


def main() -> None:
    path = DATA / "raw" / CHART["file"]
    raw = read_raw(path)
    balanced = replace(raw, color=replace(raw.color, as_shot_neutral=tuple(CHART["neutral"])))
    x, y = CHART["centres"][20]
    mine = patches(develop(balanced).pixels)
    rows = [
        row("fotohaus, white of the chart", mine @ REC2020_TO_XYZ.T),
        row("the same, veil taken off", unveiled(mine) @ REC2020_TO_XYZ.T),
        row("without demosaic", samples(balanced) @ REC2020_TO_XYZ.T),
        row("LibRaw, white of the chart", patches(libraw(path))),
        *adobe(path, white_of_neutral(raw.color, np.array(CHART["neutral"]))),
        row(f"fotohaus, --wb pick:{x},{y}", patches(develop(raw, wb=f"pick:{x},{y}").pixels) @ REC2020_TO_XYZ.T),
        row("fotohaus, the camera's white", patches(develop(raw).pixels) @ REC2020_TO_XYZ.T),
    ]
    print(table(("delta E 2000", "least mean", "mean", "mean of colours", "largest", "chroma of mid greys"), rows))


if __name__ == "__main__":
    main()

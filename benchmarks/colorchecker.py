"""Colour of a real camera: a ColorChecker through the pipeline, against its published colours.

    python benchmarks/colorchecker.py

Mean and largest CIE delta E 2000 of the 24 patches after one exposure factor. The chart is lit by a lamp, the file's
white balance is that of the window behind it: so colour is judged with the neutral of the chart's own grey patches.
LibRaw runs beside it, with its own matrix and the same neutral.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import rawpy

from common import DATA, ROOT, table
from fotohaus.develop import develop
from fotohaus.develop.color import REC2020_TO_XYZ
from fotohaus.raw import read_raw

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
    lab, expected = (colour.XYZ_to_Lab(values, REFERENCE.illuminant) for values in (got, EXPECTED))
    error = colour.delta_E(expected, lab, method="CIE 2000")
    grey = np.hypot(*lab[19:22, 1:].T)
    return [name, *(f"{v:.2f}" for v in (error.mean(), error[:18].mean(), error.max(), grey.max()))]


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


def main() -> None:
    path = DATA / "raw" / CHART["file"]
    raw = read_raw(path)
    balanced = replace(raw, color=replace(raw.color, as_shot_neutral=tuple(CHART["neutral"])))
    x, y = CHART["centres"][20]
    rows = [
        row("fotohaus, white of the chart", patches(develop(balanced).pixels) @ REC2020_TO_XYZ.T),
        row("LibRaw, white of the chart", patches(libraw(path))),
        row(f"fotohaus, --wb pick:{x},{y}", patches(develop(raw, wb=f"pick:{x},{y}").pixels) @ REC2020_TO_XYZ.T),
        row("fotohaus, the camera's white", patches(develop(raw).pixels) @ REC2020_TO_XYZ.T),
    ]
    print(table(("delta E 2000", "mean", "mean of colours", "largest", "chroma of mid greys"), rows))


if __name__ == "__main__":
    main()

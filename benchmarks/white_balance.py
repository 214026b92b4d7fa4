"""Automatic white balance: the angle between the light that is found and the light that is there.

    python benchmarks/white_balance.py

Pictures that the automatic white never learned from, relit as benchmarks/relit.py describes: views into six HDR
panoramas, two photographs, and, as harder ones, the photographs of the Kodak and McMaster sets. Six cameras; none gives
a white. Error: degrees between the camera's responses to the light found and to the true one, by the methods of others
too. Then real files against the white that the camera or the chart states, and the time that 12 MP take.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import replace
from statistics import median

import numpy as np
import rawpy

import relit
from common import DATA, ROOT, table
from fotohaus.develop.auto_white import estimate_light, estimate_white
from fotohaus.develop.color import camera_to_rec2020
from fotohaus.develop.white_balance import find_white
from fotohaus.raw import read_raw
from fotohaus.raw.temperature import D55, temperature_to_xy
from fotohaus.white_choice import Auto
from relit import Relit, angle

NORM = 5


def norm(values: np.ndarray, power: float = NORM) -> np.ndarray:
    return np.asarray(np.mean(values**power, axis=0) ** (1 / power))


def seen(picture: Relit) -> np.ndarray:
    return picture.camera[picture.valid & (picture.camera.min(axis=2) > 0)]


def grey_edge(picture: Relit) -> np.ndarray:
    """First order, after smoothing."""
    smooth = sum(picture.camera[i : i - 3 or None, j : j - 3 or None] for i in (0, 1, 2) for j in (0, 1, 2)) / 9
    whole = [picture.valid[i : i - 4 or None, j : j - 4 or None] for i in range(5) for j in range(5)]
    valid = np.all(whole, axis=0)
    dy, dx = smooth[1:, :-1] - smooth[:-1, :-1], smooth[:-1, 1:] - smooth[:-1, :-1]
    return norm(np.hypot(dx, dy)[: valid.shape[0], : valid.shape[1]][valid]) + 1e-12


def fotohaus(picture: Relit, brightness: float | None = None) -> np.ndarray:
    found = estimate_light(picture.camera, picture.valid, picture.color, brightness)
    return response(picture, temperature_to_xy(1e6 / found[0], found[1]) if found else D55)


def with_exposure(picture: Relit) -> np.ndarray:
    """As bright as what is outdoors and indoors is; unknown for photographs."""
    outdoors = picture.scene.outdoors
    rng = np.random.default_rng(int(picture.camera.sum()))
    return fotohaus(picture, None if outdoors is None else rng.normal(13, 2) if outdoors else rng.normal(6, 2))


def response(picture: Relit, white: tuple[float, float]) -> np.ndarray:
    return np.asarray(1 / camera_to_rec2020(picture.color, white_xy=white).multipliers)


METHODS = {
    "fotohaus, the light": fotohaus,
    "fotohaus, exposure known": with_exposure,
    "fotohaus, the white taken": lambda p: response(p, estimate_white(p.camera, p.valid, p.color)),
    "shades of grey, p = 5 (Finlayson 2004)": lambda p: norm(seen(p)),
    "grey edge, p = 5 (van de Weijer 2007)": grey_edge,
    "grey world": lambda p: seen(p).mean(axis=0),
    "max-RGB": lambda p: seen(p).max(axis=0),
    "as D55": lambda p: response(p, D55),
}


def kind(picture: Relit) -> str:
    name = picture.scene.name
    if not picture.scene.finished:
        return "panoramas"
    return "Kodak" if name.startswith("kodim") else "McMaster" if name.isdigit() else "photographs"


def main() -> None:
    pictures = list(relit.relit(held_out=True, lights=2))
    kinds = [kind(p) for p in pictures]
    rows = []
    for name, method in METHODS.items():
        errors = np.array([angle(method(p), p.light) for p in pictures])
        parts: dict[str, list[float]] = defaultdict(list)
        for k, error in zip(kinds, errors, strict=True):
            parts[k].append(error)
        worst = np.sort(errors)[-len(errors) // 4 :]
        figures = [
            errors.mean(),
            np.median(errors),
            worst.mean(),
            errors.max(),
            *(np.mean(parts[k]) for k in sorted(parts)),
        ]
        rows.append([name, *(f"{f:.2f}" for f in figures)])
    columns = [f"{k} ({kinds.count(k)})" for k in sorted(set(kinds))]
    print(table(("degrees", "mean", "median", "worst quarter", "largest", *columns), rows))

    chart = np.array(json.loads((ROOT / "tests/develop/colorchecker.json").read_text())["neutral"])
    rows = []
    for name, file in relit.FILES.items():
        raw = read_raw(DATA / "raw" / file)
        own = camera_to_rec2020(raw.color)
        blind = replace(raw.color, as_shot_neutral=None, as_shot_white_xy=None)
        whites = [camera_to_rec2020(raw.color, white_xy=find_white(raw, c, Auto())) for c in (raw.color, blind)]
        with rawpy.imread(str(DATA / "raw" / file)) as other:
            other.postprocess(use_auto_wb=True, half_size=True, output_bps=8)
            libraw = np.array(other.auto_whitebalance[:3]) if hasattr(other, "auto_whitebalance") else None
        to = chart if name == "Canon" else 1 / own.multipliers
        row = [name, *(f"{c.temperature:.0f} K, {c.tint:+.0f}" for c in (own, *whites))]
        row += [f"{angle(1 / c.multipliers, 1 / own.multipliers):.1f}" for c in whites]
        row.append("" if libraw is None else f"{angle(1 / libraw, 1 / own.multipliers):.1f}")
        row.append(f"{angle(1 / whites[0].multipliers, to):.1f}" if name == "Canon" else "")
        times = []
        for _ in range(5):
            begin = time.process_time()
            find_white(raw, raw.color, Auto())
            times.append(time.process_time() - begin)
        rows.append([*row, f"{1000 * median(times):.0f}"])
    heads = (
        "real file",
        "as shot",
        "auto",
        "auto, blind",
        "degrees",
        "blind",
        "LibRaw's",
        "auto to the chart",
        "CPU ms",
    )
    print()
    print(table(heads, rows))


if __name__ == "__main__":
    main()

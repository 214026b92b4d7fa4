"""Quad Bayer mosaics: remosaiced to full resolution, beside binning, in dB on known pictures, and the time for 12 MP.

    python benchmarks/quad.py

Mean CPSNR of the sRGB pictures that the demosaic makes of: the remosaiced mosaic; one in which every sample is the
nearest of its colour; the binned mosaic, enlarged (Lanczos); and the mosaic that a Bayer sensor of that size gives.
"""

from __future__ import annotations

import time
from statistics import median

import numpy as np
from PIL import Image

from common import DATA, table
from fotohaus.develop.demosaic import demosaic
from fotohaus.raw.cfa import Filters
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.raw.remosaic import remosaiced
from fotohaus.report import Report

NEUTRAL = np.array([0.5, 1.0, 0.62])
SETS = {"Kodak": "truth/kodak/*.png", "McMaster": "truth/mcmaster/*.tif"}
BORDER = 12


def colors(height: int, width: int, cell: int) -> np.ndarray:
    y, x = np.indices((height, width)) // cell % 2
    return x + y


def raw_of(mosaic: np.ndarray) -> RawImage:
    levels = np.zeros((2, 2), np.float32), np.full((2, 2), 65535, np.float32)
    color = ColorCalibration(np.eye(3), as_shot_neutral=tuple(NEUTRAL))
    return RawImage(mosaic, "RGGB", *levels, color, Rectangle(0, 0, *mosaic.shape))


def picture(mosaic: np.ndarray) -> np.ndarray:
    """sRGB, 0 to 255, of a Bayer mosaic."""
    balanced = mosaic / 65535 / NEUTRAL[colors(*mosaic.shape, 1)]
    light = np.clip(demosaic(balanced.astype(np.float32), "RGGB"), 0, 1)
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055) * 255)


def nearest(mosaic: np.ndarray, own: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    out, best = np.zeros_like(mosaic), np.full(mosaic.shape, 99)
    for dy, dx in np.ndindex(7, 7):
        shift, distance = (3 - dy, 3 - dx), (dy - 3) ** 2 + (dx - 3) ** 2
        fits = (np.roll(own, shift, (0, 1)) == wanted) & (distance < best)
        out[fits], best[fits] = np.roll(mosaic, shift, (0, 1))[fits], distance
    return out


def enlarged(mosaic: np.ndarray) -> np.ndarray:
    height, width = mosaic.shape
    small = picture(mosaic.reshape(height // 2, 2, width // 2, 2).mean((1, 3)))
    return np.asarray(
        Image.fromarray(np.rint(small).astype(np.uint8)).resize((width, height), Image.Resampling.LANCZOS)
    )


def cpsnr(found: np.ndarray, truth: np.ndarray) -> float:
    inner = slice(BORDER, -BORDER)
    return float(10 * np.log10(255**2 / np.mean((found[inner, inner] - truth[inner, inner]) ** 2)))


def main() -> None:
    filters = Filters("mosaic", "RGGB", 2)
    rows: dict[str, list[str]] = {}
    for pattern in SETS.values():
        scores: dict[str, list[float]] = {}
        for path in sorted(DATA.glob(pattern)):
            truth = np.asarray(Image.open(path).convert("RGB"), np.float64)
            height, width = (n // 4 * 4 for n in truth.shape[:2])
            truth = truth[:height, :width]
            values = truth / 255
            light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) * NEUTRAL
            y, x = np.indices((height, width))
            own, wanted = colors(height, width, 2), colors(height, width, 1)
            quad, bayer = (np.rint(light[y, x, c] * 65535).astype(np.uint16) for c in (own, wanted))
            made = {
                "remosaiced": picture(remosaiced(raw_of(quad), filters, Report()).mosaic),
                "nearest of its colour": picture(nearest(quad, own, wanted)),
                "binned, enlarged": enlarged(quad),
                "a Bayer sensor": picture(bayer),
            }
            for name, found in made.items():
                scores.setdefault(name, []).append(cpsnr(found, truth))
        for name, found in scores.items():
            rows.setdefault(name, []).append(f"{np.mean(found):.2f}")
    print(table(("dB", *SETS), [[name, *values] for name, values in rows.items()]))

    big = raw_of(np.random.default_rng(0).integers(0, 65535, (3000, 4000)).astype(np.uint16))
    times = []
    for _ in range(5):
        begin = time.perf_counter(), time.process_time()
        remosaiced(big, filters, Report())
        times.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    wall, cpu = (1000 * median(t) for t in zip(*times, strict=True))
    print(f"12 MP: {wall:.0f} ms, {cpu:.0f} ms of processor time")


if __name__ == "__main__":
    main()

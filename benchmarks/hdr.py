"""The HDR rendition and its gain map: agreement with the SDR one, what the map's decoding gives back, what it costs.

Decoding is ISO 21496-1's, bilinear, in NumPy, from the map's 8 bits and the picture's 16. Errors are in stops: of
luminance, and of the channel that is furthest off (in the picture's primaries; light under 0.002 counts as 0.002).
Panoramas are enlarged to 8 MP. One strip of rows in three is compared. Times are of one thread, medians, for 12 MP.

`python benchmarks/hdr.py [PANORAMA...]`
"""

from __future__ import annotations

import sys
import time
from statistics import median

import cv2
import numpy as np

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop.pipeline import prepare
from fotohaus.develop.scene import Scene
from fotohaus.raw import read_raw
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.gain_map import GainMap
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report
from fotohaus.strips import strips

TO_REC2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
TO_P3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020")).astype(np.float32)
LUMINANCE = color.rgb_to_xyz("p3")[1].astype(np.float32)
LINEAR = color.decode_srgb(np.arange(65536) / 65535).astype(np.float32)
ENLARGED = 4096, 2048


def panorama(name: str) -> Scene:
    import OpenEXR

    with OpenEXR.File(str(DATA / "hdr" / f"{name}.exr")) as file:
        light = np.maximum(file.channels()["RGB"].pixels[..., :3], 0) @ TO_REC2020.T.astype(np.float32)
    # Logarithms, so that the sun does not ring.
    large = np.exp(cv2.resize(np.log(light + 1e-6), ENLARGED, interpolation=cv2.INTER_CUBIC)) - np.float32(1e-6)
    return Scene(kernels.planar(np.maximum(large, 0)), overview=light)


def decode(sdr: np.ndarray, gain: GainMap, top: int, height: int) -> np.ndarray:
    """HDR rows from those of the SDR rendition, linear, from `top` on, of a picture of `height` rows."""
    pixels = gain.pixels.reshape(*gain.pixels.shape[:2], -1)
    rows, columns = pixels.shape[:2]

    def between(place: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        place = np.clip(place, 0, count - 1)
        first = place.astype(int)
        return first, np.minimum(first + 1, count - 1), (place - first).astype(np.float32)

    above, below, down = between((np.arange(top, top + len(sdr)) + 0.5) * rows / height - 0.5, rows)
    left, right, across = between((np.arange(sdr.shape[1]) + 0.5) * columns / sdr.shape[1] - 0.5, columns)
    share = pixels.astype(np.float32) / 255
    share = share[above] + (share[below] - share[above]) * down[:, None, None]
    share = share[:, left] + (share[:, right] - share[:, left]) * across[:, None]
    low, high, gamma, before, after = (
        np.array(v, np.float32) for v in (gain.low, gain.high, gain.gamma, gain.offset_sdr, gain.offset_hdr)
    )
    return np.asarray((sdr + before) * 2 ** (low + share ** (1 / gamma) * (high - low)) - after)


def compare(scene: object, **choices: object) -> list[object]:
    rendering = Rendering(scene, Recipe(**choices), Report())
    rendering.collect_gain_map()
    parts = strips(rendering.shape[0])
    made = {part: rendering.rows(*part) for part in parts}
    gain = rendering.gain_map()
    luminance, channels, shining, below, lowest = [], [], 0.0, 0.0, 0.0
    peaks = np.zeros(2)
    for part in parts[::3]:
        rows = LINEAR[made[part]]
        hdr = rendering.hdr_rows(*part) @ TO_P3.T
        seen = rows if gain is None else decode(rows, gain, part[0], rendering.shape[0])
        y, wanted, plain = (v @ LUMINANCE for v in (seen, hdr, rows))
        peaks = np.maximum(peaks, (y.max(), wanted.max()))
        luminance.append(np.abs(np.log2(np.maximum(y, 1e-4) / np.maximum(wanted, 1e-4))).ravel())
        off = np.abs(np.log2(np.maximum(seen, 2e-3) / np.maximum(hdr, 2e-3)))
        channels.append(off.max(-1).ravel())
        shining += float((wanted > 1.05 * plain).sum())
        under = rows.max(-1) < 0.65
        below = max(below, float(np.abs(hdr - rows)[under].max(initial=0)))
        lowest = min(lowest, float((wanted - plain).min()))
    y, off = np.concatenate(luminance), np.concatenate(channels)
    errors = [f"{np.median(y):.3f} {np.quantile(y, 0.99):.3f}", f"{np.median(off):.3f} {np.quantile(off, 0.99):.3f}"]
    share = f"{100 * shining / y.size:.1f}"
    return [f"{rendering.headroom:.2f}", share, f"{below:.0e}", f"{lowest:.0e}", *errors, f"{peaks[0] / peaks[1]:.3f}"]


HEADS = ["", "headroom", "% above SDR", "apart below", "HDR - SDR", "luminance", "channel", "peak"]


def agreement() -> str:
    names = sys.argv[1:] or ["night", "sunset", "hall", "forest"]
    rows: list[list[object]] = []
    for name in ("canon_colorchecker", "gopro_hero6_mural", "gopro_fusion_front"):
        development = prepare(read_raw(DATA / "raw" / f"{name}.dng"))
        for choices in ({"look": "neutral"}, {"look": "authentic"}, {"look": "authentic", "gain_map": "rgb"}):
            rows.append([" ".join([name, *choices.values()]), *compare(development, **choices)])
    for name in names:
        scene = panorama(name)
        for choices in ({"look": "neutral"}, {"look": "neutral", "gain_map": "rgb"}):
            rows.append([" ".join([name, *choices.values()]), *compare(scene, **choices)])
    return table(HEADS, rows)


def speed() -> str:
    """Of a scene as HERO6's frame is: its highlights are 5 % of it."""
    rng = np.random.default_rng(0)
    height, width = 1000, 4000
    coarse = (2.0 ** rng.uniform(-8, 2, (13, 51, 3))).repeat(80, 0).repeat(80, 1)[:height, :width]
    light = (coarse * (1 + 0.05 * rng.normal(size=coarse.shape))).astype(np.float32)
    scene = Scene(kernels.planar(light), noise=(2e-4, 1e-6), overview=light[::12, ::12])
    kernels.set_threads(1)
    kinds: dict[str, dict[str, object]] = {
        "neutral": {"look": "neutral"},
        "authentic": {"look": "authentic"},
        "authentic, quarter": {"look": "authentic", "gain_size": "quarter"},
        "authentic, rgb": {"look": "authentic", "gain_map": "rgb"},
    }
    rows: list[list[object]] = []
    for name, choices in kinds.items():
        times: dict[str, list[float]] = {"plain": [], "map": [], "decide": [], "hdr": []}

        def timed(what: str, rendering: Rendering, hdr: bool = False, into: dict[str, list[float]] = times) -> None:
            start = time.thread_time()
            for strip in strips(height):
                (rendering.hdr_rows if hdr else rendering.rows)(*strip)
            into[what].append((time.thread_time() - start) * 3e3)

        for _ in range(7):
            plain, shining = (Rendering(scene, Recipe(**choices), Report()) for _ in range(2))
            start = time.thread_time()
            shining.collect_gain_map()
            times["decide"].append((time.thread_time() - start) * 1e3)
            timed("plain", plain)
            timed("map", shining)
        timed("hdr", plain, hdr=True)
        costs = median(b - a for a, b in zip(times["plain"], times["map"], strict=True))
        rows.append(
            [
                name,
                *(round(v) for v in (median(times["plain"]), costs)),
                median(times["decide"]),
                round(times["hdr"][0]),
            ]
        )
    kernels.set_threads(0)
    return table(["ms of one core", "SDR", "gain map", "to decide", "hdr_rows"], rows)


if __name__ == "__main__":
    print(speed(), end="\n\n", flush=True)
    print(agreement())

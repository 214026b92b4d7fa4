"""The looks in numbers: what tells them apart, and what they cost.

Colours are the ColorChecker Classic's and the CC0 photographs of the data folder, through each look's global colour;
the scene's white is 3.5 EV over mid-grey. Times are the best of four: of one thread for 12 MP, and on all cores from a
scene to its picture, for 12 MP and for a preview of 1 MP, deciding included.
"""

from __future__ import annotations

import time
from math import ceil

import numpy as np
from PIL import Image

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop.development import OVERVIEW
from fotohaus.develop.scene import Scene
from fotohaus.recipe import Recipe
from fotohaus.render import color
from fotohaus.render.look_color import apply_look
from fotohaus.render.look_curve import look_curve
from fotohaus.render.looks import load_look, looks
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report
from fotohaus.strips import strips

WHITE = 0.18 * 2**3.5
PATCHES = [
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
]  # fmt: skip
SKIN = [(115, 82, 68), (194, 150, 130), (240, 205, 180), (224, 172, 140), (141, 85, 60), (92, 56, 40), (198, 134, 103)]
TO_REC2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))


def oklab(srgb8: object, look: str) -> np.ndarray:
    """Oklab of 8-bit sRGB colours, taken as light of a scene, in a look."""
    light = color.decode_srgb(np.asarray(srgb8) / 255) @ TO_REC2020.T
    return color.to_oklab(color.decode_srgb(apply_look(np.maximum(light, 0), load_look(look), WHITE)), "srgb")


def chroma(lab: np.ndarray) -> float:
    return float(np.hypot(lab[..., 1], lab[..., 2]).mean())


def hue(lab: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))


def photographs() -> list[np.ndarray]:
    found = []
    for path in sorted((DATA / "truth" / "photos").glob("*.jpg")):
        with Image.open(path) as photo:
            photo.draft("RGB", (400, 400))
            found.append(np.asarray(photo.convert("RGB"))[::3, ::3])
    return found


def character() -> str:
    photos = photographs()
    neutral = look_curve(load_look("neutral"), WHITE)
    plain = chroma(oklab(PATCHES, "neutral"))
    seen = [chroma(oklab(photo, "neutral")) for photo in photos]
    rows: list[list[object]] = []
    for name in looks():
        look = load_look(name)
        curve = look_curve(look, WHITE)
        level = 0.18 * 2 ** np.array([-0.05, 0.05])
        row: list[object] = [name, f"{np.diff(np.log2(curve(level)))[0] / 0.1:.2f}"]
        row += [f"{np.log2(curve(v) / neutral(v)):+.2f}" for v in (0.18 * 2**-5, 0.05, 0.18)]
        row.append(f"{chroma(oklab(PATCHES, name)) / plain:.2f}")
        row.append(f"{np.mean([chroma(oklab(p, name)) for p in photos]) / np.mean(seen):.2f}" if photos else "")
        turn = (hue(oklab(SKIN, name)) - hue(oklab(SKIN, "neutral")) + 180) % 360 - 180
        row.append("" if look.mono.amount else f"{np.abs(turn).max():.1f}")
        rows.append(row)
    heads = ["look", "mid-slope", "−5 EV", "5 %", "18 %", "ColorChecker", "photographs", "skin's hue, degrees"]
    return table(heads, rows)


def made_up(height: int, width: int) -> Scene:
    """Patches of light over 10 EV with noise, and what shows all of them at once."""
    rng = np.random.default_rng(0)
    light = 2.0 ** rng.uniform(-8, 2, (-(-height // 80), -(-width // 80), 3)).astype(np.float32)
    light = light.repeat(80, 0).repeat(80, 1)[:height, :width]
    light *= 1 + 0.05 * rng.standard_normal((height, width, 1), np.float32)
    # As large as a raw file's, at most.
    step = ceil((height * width / OVERVIEW) ** 0.5)
    return Scene(kernels.planar(light), noise=(2e-4, 1e-6), overview=kernels.planar(light[::step, ::step]))


def speed() -> str:
    part, whole, preview = made_up(1000, 4000), made_up(3000, 4000), made_up(866, 1155)
    best: dict[str, list[float]] = {name: [1e9] * 4 for name in looks()}

    def told(name: str, place: int, seconds: float) -> None:
        best[name][place] = min(best[name][place], seconds * 1e3)

    for _ in range(4):
        for name in looks():
            kernels.set_threads(1)
            start = time.thread_time()
            rendering = Rendering(part, Recipe(look=name), Report())
            told(name, 1, time.thread_time() - start)
            start = time.thread_time()
            for strip in strips(part.shape[0]):
                rendering.rows(*strip)
            told(name, 0, 3 * (time.thread_time() - start))
            kernels.set_threads(0)
            for place, scene in ((2, whole), (3, preview)):
                start = time.perf_counter()
                Rendering(scene, Recipe(look=name), Report()).picture()
                told(name, place, time.perf_counter() - start)
    heads = ["look", "ms of one core", "of it, deciding", "12 MP, ms", "1 MP, ms"]
    rows = [[name, *map(round, (took[0] + took[1], *took[1:]))] for name, took in best.items()]
    return table(heads, rows)


if __name__ == "__main__":
    print(character(), speed(), sep="\n\n")

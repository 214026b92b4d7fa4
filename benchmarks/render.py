"""Scene to picture: how long it takes, what happens to hues, what the meter chooses, what sharpening does to noise.

Times are the best of five on one 12-MP scene in memory. The peer "OpenCV" does the plain version of the job: matrix,
one curve per channel from a table, clip, unsharp mask on luma. "NumPy" is our own formulas, timed on 1 MP.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop.scene import Scene
from fotohaus.render import color, gamut, render, tone
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.tone import filmic_curve

SHAPE = 3000, 4000, 3
WHITE = 0.18 * 2.0**4
TO_SRGB = np.linalg.solve(color.rgb_to_xyz("srgb"), color.rgb_to_xyz("rec2020"))


def best(work: Callable[[], object], repeats: int = 5) -> float:
    """Milliseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def synthetic() -> np.ndarray:
    """12 MP of smooth light over 10 EV with noise."""
    rng = np.random.default_rng(0)
    coarse = 2.0 ** rng.uniform(-8, 2, (30, 40, 3)).astype(np.float32)
    light = kernels.empty(SHAPE)
    light[...] = cv2.resize(coarse, SHAPE[1::-1], interpolation=cv2.INTER_LINEAR)
    light += rng.normal(0, 0.003, SHAPE).astype(np.float32)
    return light


def per_channel_table() -> np.ndarray:
    x = np.arange(65536) / 65535 * WHITE * 2
    return np.rint(color.encode_srgb(filmic_curve(WHITE)(x)) * 65535).astype(np.uint16)


def opencv(pixels: np.ndarray, lut: np.ndarray) -> np.ndarray:
    linear = cv2.transform(pixels, TO_SRGB.astype(np.float32))
    codes = np.clip(linear * (65535 / (2 * WHITE)), 0, 65535).astype(np.uint16)
    encoded = lut[codes].astype(np.float32)
    luma = cv2.cvtColor(encoded, cv2.COLOR_RGB2GRAY)
    encoded += (1.2 * (luma - cv2.GaussianBlur(luma, (5, 5), 0.75)))[..., None]
    return np.clip(encoded, 0, 65535).astype(np.uint16)


def formulas(pixels: np.ndarray) -> np.ndarray:
    lab = gamut.map_lab(tone.tone_map(pixels, filmic_curve(WHITE)), "srgb")
    return np.rint(color.encode_srgb(np.clip(color.from_oklab(lab, "srgb"), 0, 1)) * 65535).astype(np.uint16)


def speed() -> str:
    light = synthetic()
    scene = Scene(light, noise=(2e-4, 1e-6))
    interleaved, lut = np.ascontiguousarray(light), per_channel_table()
    small = light[:1000, :1000]
    render(scene)
    rows: list[list[object]] = []
    for name, work, scale in (
        ("render", lambda: render(scene, look="neutral"), 1.0),
        ("of it, metering", lambda: auto_exposure(light), 1.0),
        ("render, tone and sharpening off", lambda: render(scene, look="neutral", off=("tone", "sharpen")), 1.0),
        ("OpenCV, per channel", lambda: opencv(interleaved, lut), 1.0),
        ("NumPy, our formulas, unsharpened", lambda: formulas(small), 12.0),
    ):
        rows.append([name, round(best(work, 5 if scale == 1 else 2) * scale)])
    return table(["12 MP", "ms"], rows)


COLOURS = {
    "red lamp": (0.95, 0.08, 0.05),
    "orange sky": (1.0, 0.45, 0.12),
    "skin": (0.75, 0.48, 0.36),
    "leaf": (0.25, 0.5, 0.1),
    "blue sky": (0.25, 0.45, 0.9),
    "blue LED": (0.05, 0.08, 1.0),
    "magenta neon": (0.9, 0.08, 0.8),
}


def hues() -> str:
    ev = np.linspace(-6, 6, 241)
    rows: list[list[object]] = []
    for name, srgb in COLOURS.items():
        rec2020 = np.linalg.solve(TO_SRGB, srgb)
        pixels = (0.18 * rec2020 * 2.0 ** ev[:, None]).astype(np.float32)[None]
        mapped = (
            render(Scene(kernels.planar(pixels)), look="neutral", gamut="srgb", auto_exposure=False, sharpen=0).pixels[
                0
            ]
            / 65535
        )
        curve = filmic_curve(0.18 * 2.0**6)  # what render chooses for this scene too
        plain = color.encode_srgb(np.clip(curve(np.maximum(pixels[0] @ TO_SRGB.T, 0)), 0, 1))
        source = color.to_oklab(pixels[0])
        row: list[object] = [name]
        for encoded in (mapped, plain):
            lab = color.to_oklab(color.decode_srgb(encoded), "srgb")
            turn = np.arctan2(lab[:, 2], lab[:, 1]) - np.arctan2(source[:, 2], source[:, 1])
            coloured = np.hypot(lab[:, 1], lab[:, 2]) > 0.02
            row.append(round(float(np.degrees(np.abs(np.angle(np.exp(1j * turn[coloured])))).max()), 1))
        rows.append(row)
    return table(["largest hue shift over ±6 EV, in degrees of Oklab", "render", "curve per channel"], rows)


def noise() -> str:
    rng = np.random.default_rng(1)
    profile = (4e-4, 2e-6)

    def deviation(pixels: np.ndarray, told: tuple[float, float], strength: float) -> float:
        scene = Scene(kernels.planar(pixels.astype(np.float32)), noise=told)
        encoded = render(scene, look="neutral", auto_exposure=False, sharpen=strength, gamut="srgb").pixels / 65535
        return float(color.to_oklab(color.decode_srgb(encoded), "srgb")[..., 0].std())

    rows: list[list[object]] = []
    for level in (0.02, 0.18, 0.5):
        flat = level + np.sqrt(profile[0] * level + profile[1]) * rng.normal(size=(300, 300, 1)) * np.ones(3)
        plain = deviation(flat, profile, 0)
        told, untold = (deviation(flat, p, 0.5) / plain for p in (profile, (1e-8, 1e-12)))
        rows.append([level, round(told, 2), round(untold, 2)])
    return table(["flat grey with noise", "noise after sharpening 0.5", "without coring"], rows)


def meter() -> str:
    import OpenEXR

    to_rec2020 = np.linalg.inv(TO_SRGB)
    rows: list[list[object]] = []
    for path in sorted((DATA / "hdr").glob("*.exr")):
        with OpenEXR.File(str(path)) as file:
            light = np.maximum(file.channels()["RGB"].pixels[..., :3], 0) @ to_rec2020.T
        chosen = auto_exposure(light.astype(np.float32))
        rows.append([path.stem, round(chosen.ev, 2), chosen.note.partition(": ")[2]])
    return table(["panorama", "EV", "why"], rows)


if __name__ == "__main__":
    print(speed(), hues(), noise(), sep="\n\n")
    if (DATA / "hdr").is_dir():
        print(f"\n{meter()}")

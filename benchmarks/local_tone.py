"""Local tone: time at 12 MP, halos beside steps, texture that is left, and what it does to the panoramas.

Every operator gets the same light: a step between two flat areas, a dark and a bright patch in two corners. "step" is
what comes out of the step in EV, "halo" how far the flat areas' light bends, as a share of that, and "texture" the
share of a fine texture's contrast that is left. The peers are OpenCV's operators with their defaults, which bring light
to the display by themselves; a power of light that compresses as much; a Gaussian base layer, compressed; and the local
Laplacian filter (Paris et al. 2011), in its fast form (Aubry et al. 2014).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from common import DATA, table
from fotohaus import kernels
from fotohaus.render import color
from fotohaus.render.exposure import auto_exposure
from fotohaus.render.local_tone import LocalTone, local_tone, log_level
from fotohaus.render.tone import MID_GREY

Float32 = NDArray[np.float32]
Operator = Callable[[Float32], Float32]
SHAPE = 800, 800
TAKEN, SIGMA = 0.45, 1.4  # share of the contrast that the peers take, and EV that the local Laplacian filter spares


def decided(pixels: Float32) -> LocalTone:
    small = pixels[::4, ::4]
    made = local_tone(small, pixels.shape[:2], strength=1.0, exposure=1.0)
    assert made is not None
    return made


def ours(pixels: Float32) -> Float32:
    return decided(pixels).apply(pixels)


def log_light(pixels: Float32) -> Float32:
    return np.asarray(np.log2(np.maximum(pixels @ color.LUMINANCE, 1e-6) / MID_GREY), np.float32)


def power(pixels: Float32) -> Float32:
    return pixels * np.exp2(-TAKEN * log_light(pixels))[..., None]


def gaussian_base(pixels: Float32) -> Float32:
    base = cv2.GaussianBlur(log_light(pixels), (0, 0), pixels.shape[1] * 0.075)
    return pixels * np.exp2(-TAKEN * base)[..., None]


def local_laplacian(pixels: Float32) -> Float32:
    """Contrast under SIGMA stays, of what is beyond a share is taken; 16 levels of remapping."""
    level = log_light(pixels)
    depth = int(np.log2(min(level.shape))) - 1

    def gaussian(v: Float32) -> list[Float32]:
        made = [v]
        for _ in range(depth):
            made.append(cv2.pyrDown(made[-1]))
        return made

    def laplacian(pyramid: list[Float32]) -> list[Float32]:
        up = [cv2.pyrUp(b, dstsize=a.shape[::-1]) for a, b in pairwise(pyramid)]
        return [*(a - b for a, b in zip(pyramid, up, strict=False)), pyramid[-1]]

    guide = gaussian(level)
    references = np.linspace(level.min() - 1e-3, level.max() + 1e-3, 16)
    spacing = references[1] - references[0]
    out = [np.zeros_like(v) for v in guide[:-1]] + [(1 - TAKEN) * guide[-1]]
    for reference in references:
        apart = level - reference
        beyond = np.maximum(np.abs(apart) - SIGMA, 0)
        mapped = reference + np.sign(apart) * (np.minimum(np.abs(apart), SIGMA) + (1 - TAKEN) * beyond)
        for total, here, detail in zip(out[:-1], guide, laplacian(gaussian(mapped.astype(np.float32))), strict=False):
            total += detail * np.maximum(1 - np.abs(here - reference) / spacing, 0)
    made = out[-1]
    for detail in out[-2::-1]:
        made = detail + cv2.pyrUp(made, dstsize=detail.shape[::-1])
    return pixels * np.exp2(made - level)[..., None]


def interleaved(operator: cv2.Tonemap) -> Operator:
    return lambda pixels: operator.process(np.ascontiguousarray(pixels))


OPERATORS: dict[str, Operator] = {
    "local tone": ours,
    "fast local Laplacian, NumPy": local_laplacian,
    "power of light": power,
    "Gaussian base": gaussian_base,
    "OpenCV Drago": interleaved(cv2.createTonemapDrago(1.0)),
    "OpenCV Reinhard": interleaved(cv2.createTonemapReinhard(1.0)),
    "OpenCV Mantiuk": interleaved(cv2.createTonemapMantiuk(1.0)),
}


def grey(ev: NDArray[np.float64]) -> Float32:
    return kernels.planar(np.repeat((MID_GREY * 2.0**ev)[..., None], 3, axis=2).astype(np.float32))


def step(low: float, high: float) -> NDArray[np.float64]:
    v, u = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return np.where(u - SHAPE[1] / 2 + 0.3 * (v - SHAPE[0] / 2) < 0, low, high)


def halos() -> str:
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.standard_normal(SHAPE), (0, 0), 1.5)
    texture *= 0.2 / texture.std()
    rows: list[list[object]] = []
    for name, work in OPERATORS.items():
        row: list[object] = [name]
        for low, high in ((-4.0, 2.0), (-2.0, 1.0)):
            made = step(low, high)
            patched = made.copy()
            patched[:20, :20], patched[-20:, -20:] = low - 2, high + 1
            flat, rough = (np.log2(np.maximum(work(grey(v))[..., 1], 1e-9)) for v in (patched, patched + texture))
            inner = np.s_[200:-200]
            sides = [(made == side)[inner] for side in (low, high)]
            height = np.median(flat[inner][sides[1]]) - np.median(flat[inner][sides[0]])
            row += [float(height), f"{100 * max(np.ptp(flat[inner][side]) for side in sides) / height:.1f} %"]
            if high - low > 5:
                row += [float((rough - flat)[inner][side].std() / texture.std()) for side in sides]
        rows.append(row)
    heads = ["6 EV: step", "halo", "texture, dark", "texture, light", "3 EV: step", "halo"]
    return table(["", *heads], rows)


def speed() -> str:
    rng = np.random.default_rng(0)
    coarse = (2.0 ** rng.uniform(-6, 4, (30, 40, 3))).astype(np.float32)
    light = kernels.planar(cv2.resize(coarse, (2000, 1500), interpolation=cv2.INTER_LINEAR))
    made = decided(light)

    def milliseconds(work: Callable[[], object], clock: Callable[[], float], times: int = 5) -> float:
        taken = []
        for _ in range(times):
            start = clock()
            work()
            taken.append(clock() - start)
        return median(taken) * 1e3

    def strips() -> None:
        for top in range(0, light.shape[0], 256):
            made.apply(light[top : top + 256], top)

    rows: list[list[object]] = []
    small = light[::6, ::6]
    for name, work, scale, times in (
        ("deciding, once a picture", lambda: local_tone(small, light.shape[:2], strength=1.0, exposure=1.0), 1, 5),
        ("applying, strip by strip", strips, 4, 9),
        *((name, functools.partial(work, light), 4, 1) for name, work in OPERATORS.items() if work is not ours),
    ):
        rows.append(
            [
                name,
                *(round(milliseconds(work, clock, times) * scale) for clock in (time.perf_counter, time.process_time)),
            ]
        )
    return table(["12 MP (measured on less, scaled)", "wall ms", "processor ms"], rows)


def panoramas() -> str:
    import OpenEXR

    to_rec2020 = np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz("srgb"))
    rows: list[list[object]] = []
    for path in sorted((DATA / "hdr").glob("*.exr")):
        with OpenEXR.File(str(path)) as file:
            light = np.maximum(file.channels()["RGB"].pixels[..., :3], 0) @ to_rec2020.T
        pixels = kernels.planar(light.astype(np.float32))
        exposure = 2.0 ** auto_exposure(pixels).ev
        row: list[object] = [path.stem]
        made = local_tone(pixels, pixels.shape[:2], strength=1.0, exposure=exposure)
        toned = pixels if made is None else made.apply(pixels)
        for part in (pixels, toned):
            low, middle, high = np.quantile(log_level(part, exposure, 2.0**-12), (0.05, 0.5, 0.97))
            row += [f"{low:+.1f}", f"{middle:+.1f}", f"{high:+.1f}"]
        rows.append(row)
    return table(["EV over mid-grey", "before: 5 %", "50 %", "97 %", "after: 5 %", "50 %", "97 %"], rows)


if __name__ == "__main__":
    print(speed(), halos(), sep="\n\n")
    if (DATA / "hdr").is_dir():
        print(f"\n{panoramas()}")

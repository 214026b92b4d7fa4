"""Lateral chromatic aberration: known shifts put on photographs, measured and undone, beside RawTherapee's.

    python benchmarks/aberration.py

Shift in px at the corner; PSNR in dB of sRGB codes against the photograph before the shift.
"""

import os
import time

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from common import DATA, table
from fotohaus.develop import aberration
from fotohaus.develop.demosaic import demosaic
from peers_raw import AUTO_ABERRATION, NEUTRAL, expose, psnr, rawtherapee, to_light

PHOTOS = ("Ashim_DSilva", "Photo_by_SpaceX", "Rob_Bye")
SHIFTS = ((0.0, 0.0), (0.4, -0.3), (1.2, -0.8), (3.0, -2.0), (6.0, -4.5))
NOISE = (1e-4, 1e-6)


def photograph(path) -> np.ndarray:
    light = to_light(np.asarray(Image.open(path).convert("RGB"), np.float32) / 255)
    height, width = (n // 4 * 4 for n in light.shape[:2])
    return light[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))


def magnified(image: np.ndarray, radial: dict[int, tuple[float, float]]) -> np.ndarray:
    """Channels in which a point at d from the centre lies at d (1 + a + b r^2)."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    cx, cy, radius = (width - 1) / 2, (height - 1) / 2, 0.5 * np.hypot(width, height)
    out = image.copy()
    for channel, (a, b) in radial.items():
        sx, sy = x - cx, y - cy
        for _ in range(4):
            factor = 1 + a + b * (sx**2 + sy**2) / radius**2
            sx, sy = (x - cx) / factor, (y - cy) / factor
        at = [(s + c).astype(np.float32) for s, c in ((sx, cx), (sy, cy))]
        plane = np.ascontiguousarray(image[..., channel])
        moved = cv2.remap(plane, at[0], at[1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101)
        out[..., channel] = np.maximum(moved, 0)
    return out


def measured(mosaic: NDArray[np.float32]) -> aberration.LateralAberration | None:
    samples = np.rint(mosaic.clip(0, 1) * 65535).astype(np.uint16)
    return aberration.measure(samples, "RGGB", np.zeros((2, 2)), np.full((2, 2), 65535))


def main() -> None:
    rows: list[list[object]] = []
    for name in PHOTOS:
        truth = photograph(DATA / "truth" / "photos" / f"{name}.jpg")
        radius = 0.5 * np.hypot(*truth.shape[:2])
        for red, blue in SHIFTS:
            radial = {0: (0.4 * red / radius, 0.6 * red / radius), 2: (1.3 * blue / radius, -0.3 * blue / radius)}
            seen = expose(cv2.GaussianBlur(magnified(truth, radial), (0, 0), 0.4), *NOISE)
            found = measured(seen)
            r = np.linspace(0, 1, 33)
            errors = [
                np.abs((found.shift(r, p) if found else 0) - radius * (r * radial[c][0] + r**3 * radial[c][1])).max()
                for p, c in (("R", 0), ("B", 2))
            ]
            light = demosaic(seen, "RGGB")
            better = demosaic(aberration.correct(seen, "RGGB", found), "RGGB") if found else light
            peers = [rawtherapee(seen, profile, truth, NOISE) for profile in (NEUTRAL, AUTO_ABERRATION)]
            rows.append(
                [name, f"{red:+.1f} {blue:+.1f}", f"{errors[0]:.2f} {errors[1]:.2f}"]
                + [f"{psnr(p, truth, 40):.2f}" if p is not None else "-" for p in (light, better, *peers)]
            )
    print(table(("photograph", "red, blue", "error", "as seen", "corrected", "RawTherapee", "its auto CA"), rows))

    mosaic = np.random.default_rng(1).random((3000, 4000), np.float32)
    photo = cv2.resize(truth[..., 1], (4000, 3000), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    some = aberration.LateralAberration((1e-4, 2e-4, 0.0), (-1e-4, 3e-4, 0.0), (1999.5, 1499.5), 2500.0)
    for what, run in (
        ("measured", lambda: measured(photo)),
        ("corrected", lambda: aberration.correct(mosaic, "RGGB", some)),
    ):
        wall, processor = [], []
        for _ in range(6):
            start, used = time.perf_counter(), time.process_time()
            run()
            wall.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
        print(f"12 MP {what}: {min(wall):.3f} s, {os.cpu_count()} processors; {min(processor):.3f} s of processor time")


if __name__ == "__main__":
    main()

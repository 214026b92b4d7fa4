"""Capture sharpening: photographs blurred by a known lens, with noise, through a mosaic, against the photographs.

    python benchmarks/capture_sharpening.py

PSNR in dB and SSIM of sRGB codes of the whole path from mosaic to picture; RawTherapee's starts from the same mosaic
and is matched to the truth by a 3 x 3 matrix. Then a real slanted edge: where its MTF falls to a half, its overshoot.
"""

import os
import time

import cv2
import numpy as np
from PIL import Image

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop import capture_sharpening
from fotohaus.develop.color import REC2020_TO_XYZ
from fotohaus.develop.demosaic import demosaic
from peers_raw import CAPTURE_SHARPENING, LUMINANCE, NEUTRAL, expose, psnr, rawtherapee, to_codes, to_light

TO_REC2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]], np.float32)
SHARE = np.array([0.14, 0.50, 0.11]).sum()  # of a sample's variance that the demosaic leaves in luminance
LENSES = ((0.45, 2e-5), (0.6, 2e-5), (0.6, 2e-4), (0.8, 2e-5), (0.8, 2e-4))  # deviation in px, noise per light


def pictures() -> list[np.ndarray]:
    out = []
    for path in sorted((DATA / "truth" / "photos").glob("*.jpg")):
        image = to_light(np.asarray(Image.open(path).convert("RGB"), np.float32) / 255)
        height, width = (n // 3 * 3 for n in image.shape[:2])
        small = image[:height, :width].reshape(height // 3, 3, width // 3, 3, 3).mean((1, 3))
        y, x = small.shape[0] // 2, small.shape[1] // 2
        out.append(np.ascontiguousarray(small[y - 256 : y + 256, x - 320 : x + 320]))
    for name in ("kodim01", "kodim05", "kodim15", "kodim23"):
        out.append(to_light(np.asarray(Image.open(DATA / "truth" / "kodak" / f"{name}.png"), np.float32) / 255))
    return out


def ours(mosaic: np.ndarray, noise: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    light = demosaic(mosaic, "RGGB", matrix=TO_REC2020)
    decided = capture_sharpening.prepare(mosaic, "RGGB", noise)
    sharp = light
    if decided:
        sharp = capture_sharpening.sharpen(light, decided, noise=(SHARE * noise[0], SHARE * noise[1]))
    back = np.linalg.inv(TO_REC2020).T.astype(np.float32)
    return light @ back, sharp @ back


def unsharp(light: np.ndarray) -> np.ndarray:
    """OpenCV's Gaussian, radius 0.8 px, amount 1, on linear luminance, as a ratio."""
    luminance = np.maximum(light @ LUMINANCE, 1e-5)
    detail = luminance - cv2.GaussianBlur(luminance, (0, 0), 0.8)
    return light * np.clip(1 + detail / luminance, 0.2, 5)[..., None]


def ssim(got: np.ndarray, truth: np.ndarray) -> float:
    """Wang et al. 2004, on luminance codes, Gaussian window of 1.5 px."""
    a, b = (to_codes(np.clip(p @ LUMINANCE, 0, 1)).astype(np.float64) for p in (got, truth))
    blur = lambda p: cv2.GaussianBlur(p, (11, 11), 1.5)  # noqa: E731
    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma * ma, blur(b * b) - mb * mb, blur(a * b) - ma * mb
    c1, c2 = 0.01**2, 0.03**2
    index = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    return float(index[16:-16, 16:-16].mean())


def edge_spread(luminance: np.ndarray, bins: int = 4) -> np.ndarray:
    """The profile across a nearly vertical edge, at a quarter of a pixel (ISO 12233)."""
    height, width = luminance.shape
    slope = np.abs(np.diff(luminance, axis=1))
    slope[slope < 0.3 * slope.max()] = 0
    centre = (slope * (np.arange(width - 1) + 0.5)).sum(1) / slope.sum(1)
    line = np.polyfit(np.arange(height), centre, 1)
    distance = np.arange(width)[None] - np.polyval(line, np.arange(height))[:, None]
    index = np.round(distance * bins).astype(int)
    at = np.arange(-10 * bins, 10 * bins + 1)
    return np.array([luminance[index == i].mean() for i in at])


def mtf50(spread: np.ndarray, bins: int = 4) -> float:
    line = np.diff(spread) * np.hanning(len(spread) - 1)
    mtf = np.abs(np.fft.rfft(line, 4096))
    mtf /= mtf[0]
    return float(np.argmax(mtf < 0.5) / 4096 * bins)


def overshoot(spread: np.ndarray) -> tuple[float, float]:
    """Beyond the plateaus, bright and dark, in % of the step."""
    rising = spread if spread[-1] > spread[0] else spread[::-1]
    low, high = np.median(rising[:20]), np.median(rising[-20:])
    return 100 * (rising.max() - high) / (high - low), 100 * (low - rising.min()) / (high - low)


def main() -> None:
    truths = pictures()
    rows: list[list[object]] = []
    for blur, scale in LENSES:
        noise = (scale, scale / 100)
        results: dict[str, list[tuple[float, float]]] = {}
        for truth in truths:
            mosaic = expose(cv2.GaussianBlur(truth, (0, 0), blur), *noise)
            light, sharp = ours(mosaic, noise)
            got = {"demosaic": light, "fotohaus": sharp, "unsharp mask": unsharp(light)}
            got["RawTherapee"] = rawtherapee(mosaic, NEUTRAL, truth, noise)
            got["its capture sharpening"] = rawtherapee(mosaic, NEUTRAL + CAPTURE_SHARPENING, truth, noise)
            for name, picture in got.items():
                if picture is not None:
                    results.setdefault(name, []).append((psnr(picture, truth), ssim(picture, truth)))
        for name, values in results.items():
            mean = np.mean(values, axis=0)
            rows.append([f"{blur} px, {scale:g}", name, f"{mean[0]:.2f}", f"{mean[1]:.4f}"])
    print(table(("blur, noise", "method", "PSNR", "SSIM"), rows))

    mosaic = np.fromfile(DATA / "raw" / "chart_1920x1080_rggb_12bit.raw", np.uint16).reshape(1080, 1920) / np.float32(
        1020
    )
    gains = np.array([[1.37, 0.92], [0.92, 1.0]], np.float32)
    mosaic = np.ascontiguousarray(mosaic * np.tile(gains, (540, 960)) / 1.0, np.float32)
    light = demosaic(mosaic, "RGGB")
    decided = capture_sharpening.prepare(mosaic, "RGGB", (2e-4, 1e-6))
    rows = []
    crop = np.s_[500:630, 805:860]
    for name, picture in (
        ("demosaic", light),
        ("fotohaus", capture_sharpening.sharpen(light, decided, noise=(1.5e-4, 1e-6), white=1.4) if decided else light),
        ("unsharp mask", unsharp(light)),
    ):
        spread = edge_spread((picture @ REC2020_TO_XYZ[1].astype(np.float32))[crop])
        bright, dark = overshoot(spread)
        flat = (picture @ LUMINANCE)[560:600, 870:880].std()
        rows.append([name, f"{mtf50(spread):.3f}", f"{bright:.1f}", f"{dark:.1f}", f"{1e3 * flat:.2f}"])
    print(f"\nchart: {decided}")
    print(table(("slanted edge", "MTF50, cycles/px", "overshoot %", "undershoot %", "noise of grey, 1e-3"), rows))

    pixels = kernels.empty((3000, 4000, 3))
    pixels[...] = np.random.default_rng(1).random(pixels.shape, np.float32) * 0.5
    out = kernels.empty(pixels.shape)
    some = capture_sharpening.CaptureSharpening(0.6, 0.72)
    wall, processor = [], []
    for _ in range(6):
        start, used = time.perf_counter(), time.process_time()
        capture_sharpening.sharpen(pixels, some, out=out)
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    print(f"12 MP: {min(wall):.3f} s on {os.cpu_count()} processors, {min(processor):.3f} s of processor time")


if __name__ == "__main__":
    main()

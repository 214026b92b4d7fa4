"""Single-frame denoising: quality on noisy raws of known pictures and speed, against peers in the same run.

    python benchmarks/denoise.py [--bm3d] [--linear] [--shadows] [--only TEXT] [--pictures FOLDER]

Pictures of both sets are turned to linear light, and seen by a phone-like sensor (white balance gains 2, 1, 1.61; shot
and read noise of ISO 400, 1600 and 6400; black at 64 of 1023, below which noise is cut off). Middles of 256 x 256 are
laid side by side, one raw per set and level, written as a DNG that says its noise; every method makes sRGB of it. PSNR
(all channels) and SSIM (Gaussian window, mean of the channels) of sRGB-encoded values, seams left out.

Peers get their best of several settings, chosen by PSNR on the very pictures that are then shown. OpenCV's and BM3D's
input is the noisy picture by our demosaic. BM3D (not a dependency; `pip install bm3d`) gets our stabilised planes: what
a far slower method makes of them at the same place in the chain. LibRaw runs as its own dcraw_emu.
darktable knows no profile of this sensor: its `denoiseprofile` is given the true one as parameters.

A second table is of linear raw: the same light and noise with all three colours at each pixel. --shadows: photographs
two stops under, and how large their errors of colour are by the size of the blotches, in 255ths.
"""

import argparse
import importlib.util
import os
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from common import DATA, table, tool
from fotohaus import kernels
from fotohaus.denoising.coarse import look_from_afar
from fotohaus.denoising.denoiser import prepare_denoise, prepare_denoise_linear
from fotohaus.denoising.shrink import denoise, denoise_linear
from fotohaus.develop.demosaic import demosaic
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import CaptureInfo, ColorCalibration, RawImage, Rectangle
from fotohaus.simulate.sensor import NEUTRAL, XYZ_FROM_SRGB, phone_noise

CUT, SEAM = 256, 12
BLACK, WHITE = 64, 1023
GAINS = 1 / np.array(NEUTRAL)
FLOOR = -BLACK / (WHITE - BLACK)
LEVELS = (400, 1600, 6400)


def to_light(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


def to_srgb(v: np.ndarray) -> np.ndarray:
    v = np.clip(v, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055)


def pictures(name: str) -> np.ndarray:
    """(3 CUT, n CUT, 3) sRGB, the middles of the set's pictures."""
    cuts = []
    for path in sorted((DATA / "truth" / name).iterdir()):
        image = np.asarray(Image.open(path).convert("RGB"), np.float64) / 255
        top, left = ((n - CUT) // 2 for n in image.shape[:2])
        cuts.append(image[top : top + CUT, left : left + CUT])
    lines = [np.concatenate(cuts[i : i + 3], 1) for i in range(0, len(cuts) // 3 * 3, 3)]
    return np.concatenate(lines)


def sites(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return (y & 1) + (x & 1)


def shoot(picture: np.ndarray, iso: int, exposure: float = 1.0) -> RawImage:
    noise, rng = phone_noise(iso), np.random.default_rng(iso)
    site = sites(*picture.shape[:2])
    light = np.take_along_axis(to_light(picture) * exposure * NEUTRAL, site[..., None], 2)[..., 0]
    scale, offset = noise.scale[0], noise.offset[0]
    seen = rng.poisson(light / scale) * scale + rng.normal(0, offset**0.5, light.shape)
    mosaic = np.clip(np.rint(seen * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
    color = ColorCalibration(np.diag(NEUTRAL) @ np.linalg.inv(XYZ_FROM_SRGB), as_shot_neutral=NEUTRAL)
    levels = (np.full((2, 2), level, np.float32) for level in (BLACK, WHITE))
    capture = CaptureInfo(make="Benchmark", model="Phone", iso=iso)
    return RawImage(mosaic, "RGGB", *levels, color, Rectangle(0, 0, *mosaic.shape), noise=noise, capture=capture)


def white_balanced(raw: RawImage) -> np.ndarray:
    gains = GAINS[sites(*raw.mosaic.shape)]
    return ((raw.mosaic.astype(np.float64) - BLACK) / (WHITE - BLACK) * gains).astype(np.float32)


def develop(mosaic: np.ndarray) -> np.ndarray:
    return to_srgb(demosaic(np.ascontiguousarray(mosaic, np.float32), "RGGB"))


def psnr(got: np.ndarray, truth: np.ndarray) -> float:
    errors = [np.mean((a - b) ** 2) for a, b in zip(inner(got), inner(truth), strict=True)]
    return float(np.mean(-10 * np.log10(errors)))


def inner(image: np.ndarray) -> Iterable[np.ndarray]:
    for y in range(0, image.shape[0], CUT):
        for x in range(0, image.shape[1], CUT):
            yield image[y + SEAM : y + CUT - SEAM, x + SEAM : x + CUT - SEAM]


def ssim(got: np.ndarray, truth: np.ndarray) -> float:
    def blur(v: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(v, (11, 11), 1.5)

    parts = []
    for a, b in zip(inner(got), inner(truth), strict=True):
        a, b = a.astype(np.float64), b.astype(np.float64)
        mean_a, mean_b = blur(a), blur(b)
        vary_a, vary_b, both = blur(a * a) - mean_a**2, blur(b * b) - mean_b**2, blur(a * b) - mean_a * mean_b
        likeness = (2 * mean_a * mean_b + 1e-4) * (2 * both + 9e-4)
        parts.append(np.mean(likeness / ((mean_a**2 + mean_b**2 + 1e-4) * (vary_a + vary_b + 9e-4))))
    return float(np.mean(parts))


def fotohaus(strength: float, *, afar: bool = True) -> Callable[[RawImage, Path], np.ndarray]:
    def run(raw: RawImage, _: Path) -> np.ndarray:
        assert raw.noise
        floor = FLOOR * GAINS[np.array([[0, 1], [1, 2]])]
        plan, mosaic = prepare_denoise("RGGB", raw.noise, GAINS, strength=strength, floor=floor), white_balanced(raw)
        if afar and plan.passes == 2:
            plan = look_from_afar(plan, mosaic.shape, lambda first, last: mosaic[first:last])
        return develop(denoise(mosaic, plan))

    return run


def nothing(raw: RawImage, _: Path) -> np.ndarray:
    return develop(white_balanced(raw))


def opencv(h: float, color: float) -> Callable[[RawImage, Path], np.ndarray]:
    def run(raw: RawImage, _: Path) -> np.ndarray:
        noisy = np.rint(develop(white_balanced(raw)) * 255).astype(np.uint8)
        return cv2.fastNlMeansDenoisingColored(noisy, None, h, color, 7, 21) / 255.0

    return run


def libraw(fbdd: int, threshold: float) -> Callable[[RawImage, Path], np.ndarray]:
    """By LibRaw's own dcraw_emu, from an uncompressed DNG: wavelet denoising ends the process of rawpy 0.28, on any
    file, and LibRaw 0.20 reads no tiles of lossless JPEG below each other."""

    def run(raw: RawImage, path: Path) -> np.ndarray:
        path = path.with_name(f"plain-{path.name}")
        neutral = [n for v in NEUTRAL for n in (round(v * 1000), 1000)]
        matrix = [n for v in raw.color.color_matrix_1.ravel() for n in (round(v * 10000), 10000)]
        tags = [
            (271, 2, 0, "Benchmark", True), (272, 2, 0, "Phone", True), (33421, 3, 2, (2, 2), True),
            (33422, 1, 4, bytes([0, 1, 1, 2]), True), (50706, 1, 4, bytes([1, 4, 0, 0]), True),
            (50708, 2, 0, "Benchmark Phone", True), (50714, 4, 1, BLACK, True), (50717, 4, 1, WHITE, True),
            (50721, 10, 9, matrix, True), (50728, 5, 3, neutral, True), (50778, 3, 1, 21, True),
        ]  # fmt: skip
        tifffile.imwrite(path, raw.mosaic, photometric=32803, metadata=None, extratags=tags)
        options = [
            "-4",
            "-T",
            "-o",
            "0",
            "-w",
            "-W",
            "-q",
            "3",
            "-fbdd",
            fbdd,
            *(["-n", threshold] if threshold else []),
        ]
        command = tool("dcraw_emu", *options, path)
        assert command
        subprocess.run(command, check=True, capture_output=True)
        return to_srgb(tifffile.imread(f"{path}.tiff") / 65535.0)

    return run


def darktable(mode: int, strength: float) -> Callable[[RawImage, Path], np.ndarray]:
    """mode: 0 non-local means, 1 wavelets, None for the module off."""

    def run(raw: RawImage, path: Path) -> np.ndarray:
        assert raw.noise
        curves = [band / 6 for _ in range(6) for band in range(7)] + [0.5] * 42
        parameters = struct.pack(
            "<14fi84f4i",
            1,
            7,
            strength,
            1,
            0,
            0,
            0.1,
            1,
            *raw.noise.scale,
            *raw.noise.offset,
            mode,
            *curves,
            1,
            1,
            1,
            1,
        ).hex()
        path.with_suffix(".xmp").write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5"
 darktable:auto_presets_applied="1" darktable:history_end="1" darktable:iop_order_version="2">
<darktable:history><rdf:Seq><rdf:li darktable:num="0" darktable:operation="denoiseprofile" darktable:enabled="1"
 darktable:modversion="11" darktable:params="{parameters}" darktable:multi_name="" darktable:multi_priority="0"
 darktable:blendop_version="11" darktable:blendop_params=""/></rdf:Seq></darktable:history>
</rdf:Description></rdf:RDF></x:xmpmeta>""")
        out = path.with_suffix(".tif")
        out.unlink(missing_ok=True)
        command = tool("darktable-cli", path, path.with_suffix(".xmp"), out, "--core", "--configdir",
                       path.parent / "dt", "--library", ":memory:", "--conf", "plugins/imageio/format/tiff/bpp=16",
                       "--conf", "plugins/darkroom/workflow=none")  # fmt: skip
        assert command
        subprocess.run(command, check=True, capture_output=True)
        made = tifffile.imread(out) / 65535.0
        # Without the border that a DNG's default crop leaves out.
        edges = [((n - m) // 2, n - m - (n - m) // 2) for n, m in zip(raw.mosaic.shape, made.shape[:2], strict=True)]
        return np.pad(made, (*edges, (0, 0)), mode="edge")

    return run


def bm3d(raw: RawImage, _: Path) -> np.ndarray:
    from bm3d import bm3d as filtered

    assert raw.noise
    plan = prepare_denoise("RGGB", raw.noise, GAINS, strength=1, floor=FLOOR * GAINS[np.array([[0, 1], [1, 2]])])
    mosaic = white_balanced(raw)
    positions = [np.s_[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    slope, intercept = plan.slope.ravel(), plan.intercept.ravel()
    stable = np.stack(
        [np.sqrt(np.maximum(mosaic[p] * s + i, 0)) for p, s, i in zip(positions, slope, intercept, strict=True)]
    )
    planes = np.tensordot(plan.basis, stable, 1)
    clean = np.stack([filtered(plane, 1.0) for plane in planes])
    out = np.empty_like(mosaic)
    for k, u in enumerate(np.tensordot(plan.basis.T, clean, 1)):
        entries = plan.correction.shape[1]
        bias = np.interp((u - plan.first[k]) * ((entries - 1) / 16), np.arange(entries), plan.correction[k])
        out[positions[k]] = (u * u - intercept[k]) / slope[k] + bias
    return develop(out)


def shoot_linear(picture: np.ndarray, iso: int) -> np.ndarray:
    """White-balanced camera RGB, three samples per pixel."""
    noise, rng = phone_noise(iso), np.random.default_rng(iso)
    light = to_light(picture) * NEUTRAL
    seen = rng.poisson(light / noise.scale[0]) * noise.scale[0] + rng.normal(0, noise.offset[0] ** 0.5, light.shape)
    codes = np.clip(np.rint(seen * (WHITE - BLACK) + BLACK), 0, WHITE)
    return ((codes - BLACK) / (WHITE - BLACK) * GAINS).astype(np.float32)


def linear(sets: dict[str, np.ndarray]) -> None:
    rows: dict[str, list[str]] = {"none": [], "fotohaus, one pass": [], "fotohaus": [], "OpenCV, best of six": []}
    used = []
    for iso in LEVELS:
        for truth in sets.values():
            seen = shoot_linear(truth, iso)
            made = {"none": to_srgb(seen)}
            for name, passes in (("fotohaus, one pass", 1), ("fotohaus", None)):
                floor = FLOOR * GAINS
                plan = prepare_denoise_linear(phone_noise(iso), GAINS, strength=1, floor=floor, passes=passes)
                start = time.process_time()
                if plan.passes == 2:
                    plan = look_from_afar(plan, seen.shape[:2], lambda first, last, seen=seen: seen[first:last])
                made[name] = to_srgb(denoise_linear(seen, plan))
                if passes:
                    used.append((time.process_time() - start) / truth.shape[0] / truth.shape[1] * 1e9)
            noisy = np.rint(made["none"] * 255).astype(np.uint8)
            tried = [
                cv2.fastNlMeansDenoisingColored(noisy, None, h, c, 7, 21) / 255.0
                for h, c in ((3, 6), (6, 10), (10, 15), (15, 25), (25, 40), (40, 60))
            ]
            made["OpenCV, best of six"] = max(tried, key=lambda image: psnr(image, truth))
            for name, image in made.items():
                rows[name].append(f"{psnr(image, truth):.2f} / {ssim(image, truth):.3f}")
    headers = ("linear raw", *(f"ISO {iso}, {name}" for iso in LEVELS for name in sets))
    print()
    print(table(headers, [[name, *row] for name, row in rows.items()]))
    print(f"one pass: {min(used):.0f} ms/MP of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bm3d", action="store_true", help="BM3D as well: minutes")
    parser.add_argument("--pictures", type=Path, help="folder to keep every method's pictures in")
    parser.add_argument("--linear", action="store_true", help="the table of linear raw alone")
    parser.add_argument("--only", default="", metavar="TEXT", help="methods whose names hold this")
    parser.add_argument("--shadows", action="store_true", help="the table of errors of colour in dark pictures alone")
    arguments = parser.parse_args()
    if arguments.shadows:
        with tempfile.TemporaryDirectory() as folder:
            shadows(Path(folder))
        return
    sets = {name: pictures(name) for name in ("kodak", "mcmaster")}
    if arguments.linear:
        linear(sets)
        return
    methods: dict[str, list[Callable[[RawImage, Path], np.ndarray]]] = {
        "none, fotohaus demosaic": [nothing],
        "fotohaus": [fotohaus(1.0)],
        "fotohaus, no look from afar": [fotohaus(1.0, afar=False)],
        "fotohaus, strength 0.7": [fotohaus(0.7)],
        "OpenCV fastNlMeansDenoisingColored": [
            opencv(h, c) for h, c in ((3, 6), (6, 10), (10, 15), (15, 25), (25, 40), (40, 60))
        ],
    }
    if tool("dcraw_emu"):
        methods["none, LibRaw AHD"] = [libraw(0, 0)]
        methods["LibRaw AHD, FBDD and wavelets"] = [libraw(2, t) for t in (0, 100, 200, 400, 800, 1600)]
    if tool("darktable-cli"):
        for name, mode in (("wavelets", 1), ("non-local means", 0)):
            methods[f"darktable denoiseprofile, {name}"] = [darktable(mode, s) for s in (0.5, 1)]
    if importlib.util.find_spec("bm3d") and arguments.bm3d:
        methods["BM3D on the four planes (Python)"] = [bm3d]
    methods = {name: variants for name, variants in methods.items() if arguments.only.lower() in name.lower()}
    results: dict[str, list[str]] = {name: [] for name in methods}
    times: dict[str, list[float]] = {name: [] for name in methods}
    with tempfile.TemporaryDirectory() as folder:
        for iso in LEVELS:
            for set_name, truth in sets.items():
                raw = shoot(truth, iso)
                path = Path(folder) / f"{set_name}{iso}.dng"
                path.write_bytes(encode_dng(raw))
                for name, variants in methods.items():
                    tried = []
                    for variant in variants:
                        start = time.perf_counter()
                        got = variant(raw, path)
                        tried.append((psnr(got, truth), time.perf_counter() - start, got))
                    best, took, got = max(tried, key=lambda t: t[0])
                    results[name].append(f"{best:.2f} / {ssim(got, truth):.3f}")
                    times[name].append(took / truth.shape[0] / truth.shape[1] * 1e9)
                    if arguments.pictures:
                        arguments.pictures.mkdir(parents=True, exist_ok=True)
                        file = arguments.pictures / f"{set_name}-{iso}-{name.replace(' ', '_').replace(',', '')}.png"
                        Image.fromarray(np.rint(np.clip(got, 0, 1) * 255).astype(np.uint8)).save(file)
    headers = ("PSNR / SSIM", *(f"ISO {iso}, {name}" for iso in LEVELS for name in sets), "ms/MP, chain")
    print(table(headers, [[name, *results[name], round(float(np.median(times[name])))] for name in methods]))
    linear(sets)
    speed()


def shadows(folder: Path) -> None:
    """Photographs two stops under, brightened again: errors of colour by their size."""
    names = ("Ashim_DSilva", "Sunset_by_the_Pier", "Rob_Bye")
    truths = [np.asarray(Image.open(DATA / "truth" / "photos" / f"{name}.jpg").convert("RGB")) for name in names]
    truths = [cv2.resize(truth, (768, 512), interpolation=cv2.INTER_AREA) / 255.0 for truth in truths]
    methods: dict[str, list[Callable[[RawImage, Path], np.ndarray]]] = {
        "none": [nothing],
        "fotohaus": [fotohaus(1.0)],
        "fotohaus, no look from afar": [fotohaus(1.0, afar=False)],
        "OpenCV, best of three": [opencv(h, c) for h, c in ((15, 25), (25, 40), (40, 60))],
    }
    if tool("darktable-cli"):
        methods["darktable, non-local means"] = [darktable(0, 1)]
        methods["darktable, wavelets"] = [darktable(1, 1)]
    rows = []
    for iso in (3200, 6400, 12800):
        for name, variants in methods.items():
            found = []
            for truth in truths:
                raw, path = shoot(truth, iso, 0.25), folder / f"shadow{iso}.dng"
                path.write_bytes(encode_dng(raw))
                tried = [to_srgb(4 * to_light(np.clip(variant(raw, path), 0, 1))) for variant in variants]
                got = max(tried, key=lambda image: psnr(image, truth))
                found.append((psnr(got, truth), ssim(got, truth), *color_errors(got - truth)))
            rows.append([iso, name, *(float(v) for v in np.mean(found, axis=0))])
    print(table(("ISO", "two stops under", "PSNR", "SSIM", "8-16 px", "16-32", "32-64", "64-128"), rows))


def color_errors(error: np.ndarray) -> list[float]:
    """RMS of Cb and Cr between means over squares of one size and of the next: 8, 16, 32, 64 px and twice as much."""
    parts = error @ np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]).T
    found = []
    for size in (1, 2, 4, 8, 16, 32, 64):
        mean = (parts[::2, ::2] + parts[1::2, ::2] + parts[::2, 1::2] + parts[1::2, 1::2]) / 4
        if size >= 8:
            found.append(255 * float(np.sqrt(np.mean((parts - np.repeat(np.repeat(mean, 2, 0), 2, 1)) ** 2))))
        parts = mean
    return found


def speed() -> None:
    mosaic = np.random.default_rng(1).random((3000, 4000), np.float32)
    plan = prepare_denoise("RGGB", phone_noise(1600), GAINS, strength=1)
    wall, processor = [], []
    for _ in range(6):
        start, used = time.perf_counter(), time.process_time()
        denoise(mosaic, look_from_afar(plan, mosaic.shape, lambda first, last: mosaic[first:last]))
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    print(
        f"\nfotohaus, the denoising of 12 MP alone, best of 6: {min(wall) / 12e-3:.1f} ms/MP on {kernels.threads()} ",
        end="",
    )
    print(
        f"processors, {min(processor) / 12e-3:.1f} ms/MP of processor time ({os.cpu_count()} processors in the machine)"
    )


if __name__ == "__main__":
    main()

"""Demosaicing: quality on known pictures and speed, against published methods in the same run.

    python benchmarks/demosaic.py
    python benchmarks/demosaic.py --flat     what noise on flat fields becomes, as develop/demosaic_noise.py has it

Quality: CPSNR in dB over all channels of 8-bit pictures, taken as linear mosaics (as the literature does), 10 pixels of
border left out; and the same with the pictures turned to linear light before sampling and back to 8 bits of sRGB
after, as a raw developer has it. Ours works on a root of linear light: in the first pair of columns the 8-bit values
are handed to it so that they are that root. LibRaw's and, where it is installed, RawTherapee's methods run on the same
samples, written to a DNG with no colour transform. Some minutes.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rawpy
import tifffile
from PIL import Image

from common import DATA, table
from fotohaus.develop.demosaic import demosaic
from fotohaus.develop.demosaic_noise import COLORS, TOE

warnings.simplefilter("ignore")
from colour_demosaicing import demosaicing_CFA_Bayer_Malvar2004 as malvar  # noqa: E402
from colour_demosaicing import demosaicing_CFA_Bayer_Menon2007 as menon  # noqa: E402

SCALE = 200  # DN per 8-bit step in the DNG that LibRaw reads


def mosaic_of(image: np.ndarray) -> np.ndarray:
    out = image[..., 1].copy()
    out[0::2, 0::2], out[1::2, 1::2] = image[0::2, 0::2, 0], image[1::2, 1::2, 2]
    return out


def write_dng(path: str, mosaic: np.ndarray) -> None:
    """A DNG with no colour transform: camera RGB is what the pictures hold."""
    identity = [v for i in range(9) for v in (int(i % 4 == 0), 1)]
    tags = [
        (271, 2, 0, "Barnes", True), (272, 2, 0, "Testcam", True), (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes([0, 1, 1, 2]), True), (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50708, 2, 0, "Barnes Testcam", True), (50714, 4, 1, 0, True), (50717, 4, 1, 255 * SCALE, True),
        (50721, 10, 9, identity, True), (50778, 3, 1, 21, True), (50728, 5, 3, (1, 1) * 3, True),
    ]  # fmt: skip
    samples = (mosaic * SCALE).astype(np.uint16)
    tifffile.imwrite(path, samples, photometric=32803, metadata=None, extratags=tags)


def libraw(method: rawpy.DemosaicAlgorithm) -> Callable[[np.ndarray], np.ndarray]:
    def run(mosaic: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.dng")
            write_dng(path, mosaic)
            with rawpy.imread(path) as raw:
                rgb = raw.postprocess(
                    demosaic_algorithm=method, output_color=rawpy.ColorSpace.raw, gamma=(1, 1), no_auto_bright=True,
                    user_wb=[1, 1, 1, 1], output_bps=16, user_sat=255 * SCALE, user_black=0,
                    highlight_mode=rawpy.HighlightMode.Clip,
                )  # fmt: skip
        return rgb.astype(np.float64) * (255 / 65535)

    return run


def rawtherapee(method: str) -> Callable[[np.ndarray], np.ndarray]:
    """Without any of its other tools, written as sRGB and turned back; it drops four pixels at every side."""
    profile = (
        "[Exposure]\nAuto=false\nHistogramMatching=false\nHighlightCompr=0\n[White Balance]\nSetting=Camera\n"
        "[Color Management]\nInputProfile=(none)\nWorkingProfile=sRGB\nOutputProfile=RTv4_sRGB\n"
        "[RAW]\nCA=false\nHotPixelFilter=false\nDeadPixelFilter=false\n"
        f"[RAW Bayer]\nMethod={method}\nCcSteps=0\n"
    )

    def run(mosaic: np.ndarray) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            raw, settings, out = (os.path.join(folder, name) for name in ("a.dng", "a.pp3", "a.tif"))
            write_dng(raw, mosaic)
            Path(settings).write_text(profile)
            command = ["rawtherapee-cli", "-o", out, "-p", settings, "-t", "-b16", "-Y", "-c", raw]
            subprocess.run(command, check=True, capture_output=True)
            rgb = np.zeros((*mosaic.shape, 3))
            rgb[4:-4, 4:-4] = to_light(tifffile.imread(out) * (255 / 65535))
        return rgb

    return run


def fotohaus(mosaic: np.ndarray) -> np.ndarray:
    return demosaic((mosaic / 255).astype(np.float32), "RGGB") * 255.0


def on_codes(mosaic: np.ndarray) -> np.ndarray:
    value = mosaic / 255
    light = demosaic((value * (value + 2 * TOE)).astype(np.float32), "RGGB")
    return (np.sqrt(np.maximum(light, 0) + TOE**2) - TOE) * 255.0


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "fotohaus": fotohaus,
    "Menon 2007 (colour-demosaicing)": lambda m: menon(m, "RGGB"),
    "Malvar 2004 (colour-demosaicing)": lambda m: malvar(m, "RGGB"),
    "AHD (LibRaw)": libraw(rawpy.DemosaicAlgorithm.AHD),
    "AAHD (LibRaw)": libraw(rawpy.DemosaicAlgorithm.AAHD),
    "DHT (LibRaw)": libraw(rawpy.DemosaicAlgorithm.DHT),
    "PPG (LibRaw)": libraw(rawpy.DemosaicAlgorithm.PPG),
}
if shutil.which("rawtherapee-cli"):
    METHODS |= {f"{name} (RawTherapee)": rawtherapee(name.lower()) for name in ("RCD", "AMaZE", "LMMSE")}


def to_light(codes: np.ndarray) -> np.ndarray:
    v = codes / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4) * 255


def to_codes(light: np.ndarray) -> np.ndarray:
    v = np.clip(light / 255, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055) * 255


def cpsnr(got: np.ndarray, truth: np.ndarray) -> float:
    inner = np.s_[10:-10, 10:-10]
    error = np.clip(np.round(got), 0, 255)[inner] - truth[inner]
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def flat() -> None:
    """Mean error and variance of the eight colours that a quad lacks, on a grey field with even noise."""
    rng, sites = np.random.default_rng(0), ((0, 0), (0, 1), (1, 0), (1, 1))
    lacking = list(zip((0, 0, 1, 1, 2, 2, 3, 3), COLORS, strict=True))
    rows: list[list[object]] = []
    for deviation in (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08):
        grey = (0.3 + TOE**2) ** 0.5 - TOE
        errors, left = np.zeros(8), np.zeros(8)
        for _ in range(4):
            seen = grey + deviation * rng.standard_normal((1500, 1500))
            made = demosaic((seen * (seen + 2 * TOE)).astype(np.float32), "RGGB")
            filled = np.sqrt(np.maximum(made, 0) + TOE**2) - TOE
            for i, (place, channel) in enumerate(lacking):
                y, x = sites[place]
                values = filled[20 + y : -20 : 2, 20 + x : -20 : 2, channel].astype(np.float64)
                errors[i] += (values.mean() - seen.mean()) / 4
                left[i] += values.var() / deviation**2 / 4
        rows.append([deviation, *(f"{1e4 * e:+.2f}" for e in errors), f"{1 - left.mean():.2f}"])
    names = (f"{'RGB'[channel]} at {('R', 'G', 'G of blue row', 'B')[place]}" for place, channel in lacking)
    print(table(("deviation", *(f"{name}, 1e-4" for name in names), "variance lost"), rows))


def main() -> None:
    if "--flat" in sys.argv[1:]:
        flat()
        return
    sets = [
        [np.asarray(Image.open(p).convert("RGB"), np.float64) for p in sorted((DATA / "truth" / name).iterdir())]
        for name in ("kodak", "mcmaster")
    ]
    rows: list[list[object]] = []
    for name, method in METHODS.items():
        coded = on_codes if method is fotohaus else method
        codes = [np.mean([cpsnr(coded(mosaic_of(p)), p) for p in pictures]) for pictures in sets]
        light = [np.mean([cpsnr(to_codes(method(mosaic_of(to_light(p)))), p) for p in pictures]) for pictures in sets]
        rows.append([name, *(f"{mean:.2f}" for mean in (*codes, *light))])
    print(table(("CPSNR in dB", "Kodak", "McMaster", "Kodak, linear light", "McMaster, linear light"), rows))
    print("\nfotohaus, 12 MP to RGB, best of 6:")
    mosaic = np.random.default_rng(1).random((3000, 4000), np.float32)
    wall, processor = [], []
    for _ in range(6):
        start, used = time.perf_counter(), time.process_time()
        demosaic(mosaic, "RGGB")
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    print(f"{min(wall):.3f} s on {os.cpu_count()} processors, {min(processor):.3f} s of processor time")


if __name__ == "__main__":
    main()

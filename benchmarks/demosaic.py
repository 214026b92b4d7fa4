"""Demosaicing: quality on known pictures and speed, against published methods in the same run.

    python benchmarks/demosaic.py

Quality: CPSNR in dB over all channels of 8-bit pictures, taken as linear mosaics (as the literature does), 10 pixels of
border left out; and the same with the pictures turned to linear light before sampling and back to 8 bits of sRGB
after, as a raw developer has it. Our methods work on a root of linear light: in the first pair of columns the
8-bit values are handed to it so that they are that root. LibRaw's methods run on the same samples, written to a DNG
with no colour transform.
"""

import os
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np
import rawpy
import tifffile
from PIL import Image

from common import DATA, table
from fotohaus.develop.demosaic import MARGINS, Method, demosaic
from fotohaus.develop.demosaic_learned import TOE

warnings.simplefilter("ignore")
from colour_demosaicing import demosaicing_CFA_Bayer_Malvar2004 as malvar  # noqa: E402
from colour_demosaicing import demosaicing_CFA_Bayer_Menon2007 as menon  # noqa: E402

SCALE = 200  # DN per 8-bit step in the DNG that LibRaw reads


def mosaic_of(image: np.ndarray) -> np.ndarray:
    out = image[..., 1].copy()
    out[0::2, 0::2], out[1::2, 1::2] = image[0::2, 0::2, 0], image[1::2, 1::2, 2]
    return out


def libraw(method: rawpy.DemosaicAlgorithm) -> Callable[[np.ndarray], np.ndarray]:
    def run(mosaic: np.ndarray) -> np.ndarray:
        identity = [v for i in range(9) for v in (int(i % 4 == 0), 1)]
        tags = [
            (271, 2, 0, "Barnes", True), (272, 2, 0, "Testcam", True), (33421, 3, 2, (2, 2), True),
            (33422, 1, 4, bytes([0, 1, 1, 2]), True), (50706, 1, 4, bytes([1, 4, 0, 0]), True),
            (50708, 2, 0, "Barnes Testcam", True), (50714, 4, 1, 0, True), (50717, 4, 1, 255 * SCALE, True),
            (50721, 10, 9, identity, True), (50778, 3, 1, 21, True), (50728, 5, 3, (1, 1) * 3, True),
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.dng")
            tifffile.imwrite(path, (mosaic * SCALE).astype(np.uint16), photometric=32803, metadata=None, extratags=tags)
            with rawpy.imread(path) as raw:
                rgb = raw.postprocess(
                    demosaic_algorithm=method, output_color=rawpy.ColorSpace.raw, gamma=(1, 1), no_auto_bright=True,
                    user_wb=[1, 1, 1, 1], output_bps=16, user_sat=255 * SCALE, user_black=0,
                    highlight_mode=rawpy.HighlightMode.Clip,
                )  # fmt: skip
        return rgb.astype(np.float64) * (255 / 65535)

    return run


def fotohaus(method: Method) -> Callable[[np.ndarray], np.ndarray]:
    return lambda mosaic: demosaic((mosaic / 255).astype(np.float32), "RGGB", method=method) * 255.0


def on_codes(method: Method) -> Callable[[np.ndarray], np.ndarray]:
    def run(mosaic: np.ndarray) -> np.ndarray:
        value = mosaic / 255
        light = demosaic((value * (value + 2 * TOE)).astype(np.float32), "RGGB", method=method)
        return (np.sqrt(np.maximum(light, 0) + TOE**2) - TOE) * 255.0

    return run


DIRECTIONAL, LEARNED = "fotohaus, directional", "fotohaus, learned"
ON_CODES = {DIRECTIONAL: on_codes("directional"), LEARNED: on_codes("learned")}
METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    DIRECTIONAL: fotohaus("directional"),
    LEARNED: fotohaus("learned"),
    "Menon 2007 (colour-demosaicing)": lambda m: menon(m, "RGGB"),
    "Malvar 2004 (colour-demosaicing)": lambda m: malvar(m, "RGGB"),
    "AHD (LibRaw)": libraw(rawpy.DemosaicAlgorithm.AHD),
    "AAHD (LibRaw)": libraw(rawpy.DemosaicAlgorithm.AAHD),
    "DHT (LibRaw)": libraw(rawpy.DemosaicAlgorithm.DHT),
    "PPG (LibRaw)": libraw(rawpy.DemosaicAlgorithm.PPG),
}


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


def main() -> None:
    sets = [
        [np.asarray(Image.open(p).convert("RGB"), np.float64) for p in sorted((DATA / "truth" / name).iterdir())]
        for name in ("kodak", "mcmaster")
    ]
    rows: list[list[object]] = []
    for name, method in METHODS.items():
        coded = ON_CODES.get(name, method)
        codes = [np.mean([cpsnr(coded(mosaic_of(p)), p) for p in pictures]) for pictures in sets]
        light = [np.mean([cpsnr(to_codes(method(mosaic_of(to_light(p)))), p) for p in pictures]) for pictures in sets]
        rows.append([name, *(f"{mean:.2f}" for mean in (*codes, *light))])
    print(table(("CPSNR in dB", "Kodak", "McMaster", "Kodak, linear light", "McMaster, linear light"), rows))
    print("\nfotohaus, 12 MP to RGB, best of 6:")
    mosaic = np.random.default_rng(1).random((3000, 4000), np.float32)
    for kind in MARGINS:
        wall, processor = [], []
        for _ in range(6):
            start, used = time.perf_counter(), time.process_time()
            demosaic(mosaic, "RGGB", method=kind)
            wall.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
        print(f"{kind}: {min(wall):.3f} s on {os.cpu_count()} processors, {min(processor):.3f} s of processor time")


if __name__ == "__main__":
    main()

"""How long writing takes, and how large files get, beside other encoders in the same process; and what dither does.

Times are from the noun in memory to the file on the disk; peers write to memory.
"""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common import DATA, table

if TYPE_CHECKING:
    from fotohaus.raw.image import RawImage

PHOTO = DATA / "truth" / "photos" / "Sunset_by_the_Pier.jpg"


def best(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time in ms, each the least of five runs."""
    walls, processors = [], []
    for _ in range(5):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls) * 1e3, min(processors) * 1e3


def photo() -> np.ndarray:
    """A 12 MP photograph in 16 bits, with noise in the bits that its 8 did not have."""
    from PIL import Image

    with Image.open(PHOTO) as image:
        eight = np.asarray(image.convert("RGB").resize((4000, 3000)), np.float32)
    noisy = eight * 257 + np.random.default_rng(0).normal(0, 150, eight.shape)
    return noisy.clip(0, 65535).astype(np.uint16)


def nouns(pixels: np.ndarray) -> dict[str, object]:
    from fotohaus import kernels
    from fotohaus.develop.scene import Scene
    from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
    from fotohaus.render.picture import Picture

    light = kernels.empty(pixels.shape)
    light[...] = (pixels / 65535) ** 2.2
    mosaic = pixels[..., 1] >> 2
    mosaic[::2, ::2], mosaic[1::2, 1::2] = pixels[::2, ::2, 0] >> 2, pixels[1::2, 1::2, 2] >> 2
    levels = np.full((2, 2), 0, np.float32), np.full((2, 2), 16383, np.float32)
    raw = RawImage(mosaic, "RGGB", *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, *mosaic.shape))
    picture = Picture(pixels)
    return {"jpg": picture, "tif": picture, "png": picture, "exr": Scene(light), "dng": raw}


def files(pixels: np.ndarray) -> str:
    import imagecodecs
    import tifffile
    from PIL import Image

    from fotohaus.output import write

    things = nouns(pixels)
    eight, mosaic = (pixels >> 8).astype(np.uint8), things["dng"].mosaic  # type: ignore[attr-defined]

    def tiff() -> bytes:
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, photometric="rgb", compression="zlib", predictor=2, rowsperstrip=64)
        return out.getvalue()

    def pillow() -> bytes:
        out = io.BytesIO()
        Image.fromarray(eight).save(out, "JPEG", quality=92, subsampling=0)
        return out.getvalue()

    peers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "jpg": ("Pillow, from 8 bits, no dither", pillow),
        "tif": ("tifffile, zlib and predictor", tiff),
        "png": ("imagecodecs, its default", lambda: imagecodecs.png_encode(pixels)),
        "dng": ("imagecodecs, one lossless JPEG", lambda: imagecodecs.ljpeg_encode(mosaic)),
    }
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, noun in things.items():
            path = Path(folder) / f"photo.{kind}"
            taken = best(lambda noun=noun, path=path: write(noun, path))  # type: ignore[misc]
            rows.append([f"fotohaus .{kind}", *taken, path.stat().st_size / 1e6])
            if kind in peers:
                name, encode = peers[kind]
                rows.append([name, *best(encode), len(encode()) / 1e6])
    return table(("", "wall ms", "processor ms", "MB"), rows)


def merged() -> tuple[RawImage, np.ndarray]:
    """A merged raw of 12 MP, and its truth: 8 frames of a photograph at ISO 800, their noise averaged, no alignment."""
    from dataclasses import replace

    from fotohaus.simulate import simulate_burst

    burst = simulate_burst(PHOTO, frames=8, size=(3000, 4000), iso=800, shake=0, rotation=0, oversample=1, whole=True)
    mean = np.zeros(burst.size, np.float32)
    for frame in burst:
        mean += frame.mosaic
    black, scale = burst.sensor.black, (65535 - 4096) / (burst.sensor.white - burst.sensor.black)
    mosaic = np.rint((mean / 8 - black) * scale + 4096).clip(0, 65535).astype(np.uint16)
    levels = np.full((2, 2), 4096, np.float32), np.full((2, 2), 65535, np.float32)
    return replace(burst.frame(0), mosaic=mosaic, black=levels[0], white=levels[1]), burst.truth


def compressions() -> str:
    """A merged DNG by compression: its cost, and the RMS of what is lost in units of the merged noise."""
    from fotohaus.output.preview import preview
    from fotohaus.raw import read_raw
    from fotohaus.raw.dng import encode_dng
    from fotohaus.recipe import Recipe

    raw, truth = merged()
    noise = float(((raw.mosaic - np.float32(4096)) / np.float32(61439) - truth).std())
    rows: list[list[object]] = [["preview", *best(lambda: preview(raw, Recipe())), None, None, None]]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merged.dng"
        for compression, distance in (("none", 0), ("lossless", 0), ("jxl", 0), ("jxl", 0.01), ("jxl", 0.05)):
            made = lambda c=compression, d=distance: encode_dng(raw, compression=c, distance=d)  # type: ignore[misc] # noqa: E731
            taken = best(made)
            path.write_bytes(made())
            reading = best(lambda: read_raw(path))[1]
            lost = (read_raw(path).mosaic.astype(np.float32) - raw.mosaic).std() / 61439
            name = f"{compression} {distance:g}" if distance else compression
            rows.append([name, *taken, reading, path.stat().st_size / 1e6, float(lost) / noise])
    columns = ("", "wall ms", "processor ms", "reading, processor ms", "MB", "lost, of the noise")
    return table(columns, [[("" if v is None else v) for v in row] for row in rows])


def dither() -> str:
    """A gradient of 5 steps over 1024 pixels; the error of its 32 x 32 means is what shows as bands."""
    from PIL import Image

    from fotohaus.output.jpeg import quantize

    y, x = np.mgrid[:512, :1024]
    level = 0.10 + 0.02 * x / 1024 + 0.005 * y / 512
    truth = np.stack([0.8 * level, level, 1.3 * level], axis=-1) * 255

    def bands(eight: np.ndarray) -> float:
        means = (eight - truth).reshape(16, 32, 32, 32, 3).mean(axis=(1, 3))
        return float((means - means.mean(axis=(0, 1))).std())

    def jpeg(eight: np.ndarray, quality: int) -> np.ndarray:
        out = io.BytesIO()
        Image.fromarray(eight).save(out, "JPEG", quality=quality, subsampling=0)
        return np.asarray(Image.open(out))

    pixels = np.round(truth * 257).astype(np.uint16)
    rows = []
    for name, on in (("rounded", False), ("dithered", True)):
        eight = quantize(pixels, dither=on)
        coded = [bands(jpeg(eight, quality)) for quality in (100, 98, 95, 92)]
        rows.append([name, float((eight - truth).std()), bands(eight), *coded])
    columns = ("", "noise", "bands in 8 bits", *(f"JPEG {q}" for q in (100, 98, 95, 92)))
    return table(columns, rows)


if __name__ == "__main__":
    pixels = photo()
    print("12 MP to a file:\n")
    print(files(pixels))
    print("\n8 merged frames of 12 MP as DNG, in memory:\n")
    print(compressions())
    print("\nA dark gradient, in steps of 8 bits:\n")
    print(dither())

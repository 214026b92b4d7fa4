"""Lens correction: places on a known warp, sharpness lost in a warp and its inverse, and speed, beside OpenCV's remap.

python benchmarks/lens.py
"""

import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
from PIL import Image

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop.geometry import upright
from fotohaus.develop.lens import prepare_lens
from fotohaus.develop.lens_map import LensMap
from fotohaus.develop.lens_model import source_places
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.raw.opcode_types import FixVignetteRadial, Opcode, WarpFisheye, WarpRectilinear, WarpRectilinear2
from fotohaus.strips import in_threads, strips

MARGIN = 24
RUNS = 5
WARPS = {
    "normal lens, 3 % barrel": WarpRectilinear(((1.0, -0.03, 0.005, 0, 0, 0),), (0.5, 0.5)),
    "the same, by plane": WarpRectilinear(
        ((1.001, -0.03, 0.005, 0, 0, 0), (1.0, -0.03, 0.005, 0, 0, 0), (1.0005, -0.03, 0.005, 0, 0, 0)), (0.5, 0.5)
    ),
    "ultra-wide lens, 20 %": WarpRectilinear(((1.0, -0.2, 0.02, 0, 0, 0),), (0.5, 0.5)),
    "fisheye to perspective": WarpFisheye(((1.25, -0.1, 0.02, 0),), (0.5, 0.5)),
}
PEERS = {"cubic": cv2.INTER_CUBIC, "Lanczos4 (8 x 8)": cv2.INTER_LANCZOS4}
Warp = WarpRectilinear | WarpFisheye | WarpRectilinear2


def lens_of(opcode: Opcode, height: int, width: int) -> LensMap:
    level = np.ones((2, 2), np.float32)
    image = Rectangle(0, 0, height, width)
    samples = np.broadcast_to(np.uint16(0), (height, width))
    raw = RawImage(samples, "RGGB", 0 * level, level, ColorCalibration(np.eye(3)), image, opcodes_3=(opcode,))
    lens = prepare_lens(raw, upright(raw, 0))
    assert lens is not None
    return lens


def correct(lens: LensMap, picture: np.ndarray) -> np.ndarray:
    out = kernels.empty((*lens.shape, 3))

    def work(strip: tuple[int, int]) -> None:
        first, last = lens.source_rows(*strip)
        out[slice(*strip)] = lens.apply(picture[first:last, slice(*lens.columns)], first, *strip)

    for _ in in_threads(work, strips(lens.shape[0])):
        pass
    return out


def inverse(warp: WarpRectilinear) -> WarpRectilinear2:
    """The warp that undoes a radial one, to 1e-4 px."""
    r = np.linspace(0.001, 1.1, 2000)
    k = warp.coefficients[0]
    source = r * (k[0] + k[1] * r**2 + k[2] * r**4 + k[3] * r**6)
    powers = np.stack([source ** (2 * i) for i in range(8)], axis=1)
    terms = np.linalg.lstsq(powers * source[:, None], r, rcond=None)[0]
    assert np.abs(powers @ terms * source - r).max() < 5e-8
    coefficients = np.zeros(17)
    coefficients[:15:2] = terms
    return WarpRectilinear2((tuple(coefficients.tolist()),), ((0.0, 1.0),), warp.center, False)


def error_of(warp: Warp) -> float:
    """px between where the map on its grid and the opcode itself say that pixels come from, the largest of all."""
    height, width = 3000, 4000
    lens, image = lens_of(warp, height, width), Rectangle(0, 0, height, width)
    worst = 0.0
    # As the kernel does it: cubic between rows of nodes, blocks of eight pixels along x.
    x = np.arange(width)
    for y in (3, 700, 1507, 2991):
        cell, part = y // 16, y % 16 / 16
        g = 1 - part
        cubic = np.array([
            -0.5 * part * g * g, 1 + part * part * (1.5 * part - 2.5), 1 + g * g * (1.5 * g - 2.5),
            -0.5 * g * part * part,
        ])  # fmt: skip
        row = np.tensordot(cubic, lens.nodes[cell : cell + 4].astype(np.float64), 1)
        blocks = np.empty((2 * (row.shape[0] - 3), 9))
        blocks[0::2], blocks[1::2] = row[1:-2], 0.5625 * (row[1:-2] + row[2:-1]) - 0.0625 * (row[:-3] + row[3:])
        at, fraction = x // 8, (x % 8 / 8)[:, None]
        moved = blocks[at] * (1 - fraction) + blocks[at + 1] * fraction
        for plane in range(3):
            exact = source_places(warp, image, plane, (x.astype(float), np.full(width, float(y))))
            off = np.hypot(x + moved[:, plane] - exact[0], y + moved[:, 3 + plane] - exact[1])
            worst = max(worst, float(off.max()))
    return worst


def places() -> None:
    print("Largest distance between a pixel's place on the grid's map and by the opcode's formula, 12 MP, px:\n")
    print(table(["", "px"], [[name, error_of(warp)] for name, warp in WARPS.items()]))


def pictures() -> list[np.ndarray]:
    """Photographs in linear light: Kodak's as they are, larger ones halved."""
    found = []
    for path in sorted((DATA / "truth" / "kodak").glob("*.png"))[:6] + sorted(DATA.glob("truth/photos/*.jpg"))[:4]:
        image = Image.open(path).convert("RGB")
        if image.width > 1500:
            image = image.reduce(2)
        found.append((np.asarray(image)[:1200, :1600] / 255.0).astype(np.float32) ** 2.2)
    return found


def there_and_back(resample: Callable[[np.ndarray, Warp], np.ndarray]) -> float:
    """PSNR in dB, of 2.2-gamma values, of pictures through the normal lens's warp and back."""
    warp, scores = WARPS["normal lens, 3 % barrel"], []
    assert isinstance(warp, WarpRectilinear)
    for picture in pictures():
        second = resample(resample(picture, warp), inverse(warp))
        edge = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
        difference = (np.clip(second, 0, 1) ** (1 / 2.2) - picture ** (1 / 2.2))[edge]
        scores.append(-10 * np.log10(np.mean(difference**2)))
    return float(np.mean(scores))


def ours(picture: np.ndarray, warp: Warp) -> np.ndarray:
    return correct(lens_of(warp, *picture.shape[:2]), kernels.planar(picture))


def remap(how: int) -> Callable[[np.ndarray, Warp], np.ndarray]:
    def run(picture: np.ndarray, warp: Warp) -> np.ndarray:
        height, width = picture.shape[:2]
        x, y = np.meshgrid(np.arange(float(width)), np.arange(float(height)))
        maps = source_places(warp, Rectangle(0, 0, height, width), 0, (x, y))
        return cv2.remap(picture, *(m.astype(np.float32) for m in maps), how, borderMode=cv2.BORDER_REPLICATE)

    return run


def sharpness() -> None:
    rows = [["fotohaus (6 x 6)", there_and_back(ours)]]
    rows += [[f"OpenCV {name}", there_and_back(remap(how))] for name, how in PEERS.items()]
    print("\nPictures through a warp and its inverse, PSNR in dB (mean of ten):\n")
    print(table(["", "dB"], rows))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time in ms, medians."""
    walls, processors = [], []
    for _ in range(RUNS):
        before, start = time.process_time(), time.perf_counter()
        work()
        walls.append(time.perf_counter() - start)
        processors.append(time.process_time() - before)
    return 1e3 * median(walls), 1e3 * median(processors)


def speed() -> None:
    height, width = 3000, 4000
    pixels = height * width / 1e6
    picture = np.random.default_rng(0).random((height, width, 3), np.float32)
    planar = kernels.planar(picture)
    rows = []
    opcodes: dict[str, Opcode] = {**WARPS, "vignette alone": FixVignetteRadial((0.3, 0.1, 0, 0, 0), (0.5, 0.5))}
    for name, opcode in opcodes.items():
        lens = lens_of(opcode, height, width)
        ready, _ = timed(lambda opcode=opcode: lens_of(opcode, height, width))
        wall, processor = timed(lambda lens=lens: correct(lens, planar))
        rows.append([f"fotohaus, {name}", ready, wall / pixels, processor / pixels])
    image = Rectangle(0, 0, height, width)
    x, y = np.meshgrid(np.arange(float(width)), np.arange(float(height)))
    maps = [m.astype(np.float32) for m in source_places(WARPS["normal lens, 3 % barrel"], image, 0, (x, y))]
    cv2.setNumThreads(kernels.threads())
    for name, how in PEERS.items():
        wall, processor = timed(lambda how=how: cv2.remap(picture, *maps, how))
        rows.append([f"OpenCV {name}, map ready", "", wall / pixels, processor / pixels])
    print(f"\nSpeed at {pixels:.0f} MP, three float planes, {kernels.threads()} threads:\n")
    print(table(["", "prepare ms", "wall ms/MP", "processor ms/MP"], rows))


if __name__ == "__main__":
    places()
    sharpness()
    speed()

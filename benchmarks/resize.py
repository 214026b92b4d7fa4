"""Pictures made smaller, beside the usual filters: edges, rings around lamps, light kept, aliasing, time."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from common import table

SIZE, NEW = 640, 200


def grey(light: np.ndarray) -> np.ndarray:
    return np.repeat(light[..., None], 3, axis=-1)


def scenes() -> dict[str, np.ndarray]:
    """Test pictures, (SIZE, SIZE, 3) linear light."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    lamps = np.full((SIZE, SIZE), 0.01)
    for i in range(6):
        for j in range(6):
            away = np.hypot(x - (60 + 104.37 * j), y - (60 + 104.21 * i))
            lamps = np.maximum(lamps, np.clip(1.5 + 0.8 * i - away, 0, 1))
    across = (x - SIZE / 2) + (y - SIZE / 2) * 0.1
    return {
        "edge": grey(0.1 + 0.4 * np.clip(across + 0.5, 0, 1)),
        "lamps": grey(lamps),
        "zone": grey(0.18 + 0.05 * np.cos(np.pi * 0.5 * (x**2 + y**2) / SIZE)),
    }


def resizers() -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Linear light in, sRGB code 0..1 out, both (h, w, 3)."""
    import cv2
    from PIL import Image

    from fotohaus.output.resized import Resized, Window
    from fotohaus.render import color
    from fotohaus.render.picture import Picture

    def ours(light: np.ndarray) -> np.ndarray:
        picture = Picture(np.rint(color.encode_srgb(light) * 65535).astype(np.uint16), "srgb")
        return Resized(picture, Window(0, 0, SIZE, SIZE), (NEW, NEW)).rows(0, NEW) / 65535

    def pillow(name: str, linear: bool) -> Callable[[np.ndarray], np.ndarray]:
        def resize(light: np.ndarray) -> np.ndarray:
            planes = (light if linear else color.encode_srgb(light)).astype(np.float32)
            chosen = getattr(Image.Resampling, name)
            small = [np.asarray(Image.fromarray(planes[..., c]).resize((NEW, NEW), chosen)) for c in range(3)]
            out = np.clip(np.stack(small, axis=-1), 0, 1)
            return color.encode_srgb(out) if linear else out

        return resize

    def area(light: np.ndarray) -> np.ndarray:
        return cv2.resize(color.encode_srgb(light), (NEW, NEW), interpolation=cv2.INTER_AREA)

    return {
        "fotohaus": ours,
        "Pillow Lanczos": pillow("LANCZOS", False),
        "Pillow Lanczos, linear light": pillow("LANCZOS", True),
        "Pillow bicubic": pillow("BICUBIC", False),
        "OpenCV area": area,
    }


def edge(code: np.ndarray, low: float, high: float) -> tuple[float, float, float]:
    """Of a slanted edge: response at 0.35 cycles per pixel, and by what it passes its ends, in shares of its height."""
    y, x = np.mgrid[:NEW, :NEW] + 0.5
    away = ((x - NEW / 2) + (y - NEW / 2) * 0.1) / np.hypot(1, 0.1)
    place = np.round(away * 8).astype(int) + 64
    near = np.abs(away) < 8
    count, total = np.bincount(place[near]), np.bincount(place[near], code[..., 1][near])
    have = count > 0
    spread = np.interp(np.arange(len(count)), np.flatnonzero(have), total[have] / count[have])
    spread = (spread - low) / (high - low)
    line = np.diff(np.convolve(spread, np.ones(3) / 3, "valid"))
    response = np.abs(np.fft.rfft(line * np.hanning(len(line))))
    at = np.interp(0.35, np.fft.rfftfreq(len(line), 1 / 8), response / response[0])
    return float(at), float(spread.max() - 1), float(-spread.min())


def quality() -> None:
    from fotohaus.render import color

    pictures = scenes()
    low, high, around = (float(color.encode_srgb(v)) for v in (0.1, 0.5, 0.01))
    distance = np.hypot(*(np.mgrid[:NEW, :NEW] + 0.5))
    inside, beyond = distance < NEW * 0.8 * NEW / SIZE, distance > NEW * 1.25 * NEW / SIZE
    rows = []
    for name, resize in resizers().items():
        made = {scene: resize(light) for scene, light in pictures.items()}
        response, over, under = edge(made["edge"], low, high)
        zone = made["zone"][..., 1] - made["zone"][..., 1].mean()
        light = color.decode_srgb(made["lamps"]).mean() / pictures["lamps"].mean()
        ring = (around - made["lamps"].min()) * 255
        texture, alias = (float(zone[where].std() * 255) for where in (inside, beyond))
        row = [name, response, over * 100, abs(under * 100), float(ring), float(light), texture, alias]
        rows.append(row)
    head = (
        "",
        "edge, 0.35 c/px",
        "over %",
        "under %",
        "dark rings /255",
        "lamps' light",
        "texture /255",
        "aliasing /255",
    )
    print(f"{SIZE} px to {NEW}\n")
    print(table(head, rows), "\n")


def speed() -> None:
    from PIL import Image

    from fotohaus.output.resized import Resized, Window
    from fotohaus.render.picture import Picture
    from fotohaus.strips import in_threads, strips

    pixels = np.random.default_rng(0).integers(0, 65536, (3000, 4000, 3)).astype(np.uint16)
    eight = Image.fromarray((pixels >> 8).astype(np.uint8))
    rows = []
    for width in (2048, 1080):
        shape = width * 3 // 4, width
        made = Resized(Picture(pixels), Window(0, 0, 3000, 4000), shape)
        works = {
            "fotohaus, 16 bits": lambda made=made: list(in_threads(lambda s: made.rows(*s), strips(made.shape[0]))),
            "Pillow Lanczos, 8 bits": lambda size=shape[::-1]: eight.resize(size, Image.Resampling.LANCZOS),
        }
        for name, work in works.items():
            times = []
            for _ in range(3):
                wall, processor = time.perf_counter(), time.process_time()
                work()
                times.append((time.perf_counter() - wall, time.process_time() - processor))
            rows.append([name, width, min(t[0] for t in times) * 1e3, min(t[1] for t in times) * 1e3])
    print("4000 x 3000 to a width: ms\n")
    print(table(("", "width", "wall", "processor"), rows))


if __name__ == "__main__":
    quality()
    speed()

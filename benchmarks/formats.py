"""Finished pictures as JPEG, AVIF and JPEG XL: time, size and what is lost, beside other encoders in one process."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from common import DATA, table

PHOTOS = ("Rob_Bye", "Julia_Craice", "Jonas_Nilsson_Lee")
QUALITIES = (75, 85, 92, 95, 98)

Coded = tuple[bytes, np.ndarray]


def photo(name: str, size: tuple[int, int]) -> np.ndarray:
    """A photograph at about a third of its size, which leaves nothing of its own JPEG blocks; 8 bits."""
    from PIL import Image

    with Image.open(DATA / "truth" / "photos" / f"{name}.jpg") as image:
        small = image.convert("RGB").resize((image.width // 3, image.height // 3), Image.Resampling.BOX)
    eight = np.asarray(small)
    top, left = (eight.shape[0] - size[0]) // 2, (eight.shape[1] - size[1]) // 2
    return eight[max(top, 0) :, max(left, 0) :][: size[0], : size[1]]


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean structural similarity of lightness (Wang et al. 2004): 11 px Gaussian window of 1.5 px."""
    import cv2

    first, second = (cv2.cvtColor(v, cv2.COLOR_RGB2GRAY).astype(np.float32) for v in (a, b))

    def blur(v: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(v, (11, 11), 1.5)

    one, two = blur(first), blur(second)
    vary = blur(first * first) - one * one + blur(second * second) - two * two
    together = blur(first * second) - one * two
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * one * two + c1) * (2 * together + c2) / ((one**2 + two**2 + c1) * (vary + c2))).mean())


def eight(samples: np.ndarray, most: int) -> np.ndarray:
    return np.rint(samples * (255 / most)).astype(np.uint8)


def ours(kind: str, effort: int = 5) -> Callable[[np.ndarray, int], Coded]:
    """Our writer and a decoder of others."""
    import imagecodecs

    from fotohaus.output.avif import encode_avif
    from fotohaus.output.jpeg import encode_jpeg
    from fotohaus.output.jxl import encode_jxl
    from fotohaus.render.picture import Picture

    def code(pixels: np.ndarray, quality: int) -> Coded:
        picture = Picture(pixels.astype(np.uint16) * 257, "srgb")
        if kind == "jpg":
            data = b"".join(encode_jpeg(picture, quality=quality, exif=b"", xmp=b""))
            return data, imagecodecs.jpeg8_decode(data)
        if kind == "avif":
            data = b"".join(encode_avif(picture, quality=quality, effort=effort, exif=b"", xmp=b""))
            return data, eight(imagecodecs.avif_decode(data), 1023)
        data = b"".join(encode_jxl(picture, quality=quality, effort=effort, exif=b"", xmp=b""))
        return data, eight(imagecodecs.jpegxl_decode(data), 65535)

    return code


def pillow_avif(speed: int) -> Callable[[np.ndarray, int], Coded]:
    """Pillow's AVIF: 8 bits, the whole picture at once, on libavif's own scale of quality."""
    from PIL import Image

    def code(pixels: np.ndarray, quality: int) -> Coded:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "AVIF", quality=quality, speed=speed, subsampling="4:2:0")
        return out.getvalue(), np.asarray(Image.open(out).convert("RGB"))

    return code


def fitting(code: Callable[[np.ndarray, int], Coded], pixels: np.ndarray, wanted: float) -> float:
    """The size at which an encoder gets to an SSIM, between the two qualities next to it."""
    low, high, found = 1, 100, {}
    while high - low > 1:
        middle = (low + high) // 2
        data, back = code(pixels, middle)
        found[middle] = len(data), ssim(pixels, back)
        low, high = (middle, high) if found[middle][1] < wanted else (low, middle)
    sizes = sorted((value, size) for size, value in found.values())
    return float(np.exp(np.interp(wanted, [v for v, _ in sizes], np.log([s for _, s in sizes]))))


def sizes() -> None:
    pictures = [photo(name, (600, 800)) for name in PHOTOS]
    rows: list[Sequence[object]] = []
    for quality in QUALITIES:
        jpeg = [ours("jpg")(p, quality) for p in pictures]
        row: list[object] = [quality, median(ssim(p, back) for p, (_, back) in zip(pictures, jpeg, strict=True))]
        for kind in ("avif", "jxl"):
            coded = [ours(kind)(p, quality) for p in pictures]
            row.append(median(ssim(p, back) for p, (_, back) in zip(pictures, coded, strict=True)))
            row.append(median(len(d) / len(j) for (d, _), (j, _) in zip(coded, jpeg, strict=True)))
        rows.append(row)
    print("One quality, three formats: SSIM, and size relative to the JPEG (medians of three photographs)\n")
    print(table(("quality", "JPEG SSIM", "AVIF SSIM", "AVIF size", "JXL SSIM", "JXL size"), rows), "\n")
    jpeg = [ours("jpg")(p, 92) for p in pictures]
    wanted = [ssim(p, back) for p, (_, back) in zip(pictures, jpeg, strict=True)]
    peers = {
        "fotohaus .avif": ours("avif"),
        "fotohaus .avif, effort 7": ours("avif", 7),
        "Pillow AVIF, speed 9": pillow_avif(9),
        "Pillow AVIF, speed 6 (its default)": pillow_avif(6),
        "fotohaus .jxl": ours("jxl"),
        "fotohaus .jxl, effort 8": ours("jxl", 8),
    }
    rows = [
        [name, median(fitting(code, p, w) / len(j[0]) for p, w, j in zip(pictures, wanted, jpeg, strict=True))]
        for name, code in peers.items()
    ]
    print("Size at the SSIM of a JPEG of quality 92, relative to that JPEG\n")
    print(table(("", "size"), rows), "\n")


def best(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time in ms, each the least of three runs."""
    walls, processors = [], []
    for _ in range(3):
        wall, processor = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return min(walls) * 1e3, min(processors) * 1e3


def times() -> None:
    import imagecodecs
    from PIL import Image

    from fotohaus.output.avif import encode_avif
    from fotohaus.output.jpeg import encode_jpeg
    from fotohaus.output.jxl import encode_jxl
    from fotohaus.render.picture import Picture

    with Image.open(DATA / "truth" / "photos" / "Sunset_by_the_Pier.jpg") as image:
        pixels = np.asarray(image.convert("RGB").resize((4000, 3000)))
    sixteen = pixels.astype(np.uint16) * 257
    light = (np.linspace(0, 1, 256) ** 2.2).astype(np.float32)[pixels] * 4
    picture = Picture(sixteen)

    class Lit(Picture):
        def hdr_rows(self, top: int, bottom: int) -> np.ndarray:
            return light[top:bottom]

    lit, ten = Lit(sixteen), sixteen >> 6
    bare = {"exif": b"", "xmp": b""}
    works: dict[str, Callable[[], object]] = {
        "fotohaus .jpg": lambda: encode_jpeg(picture, **bare),
        "fotohaus .avif": lambda: encode_avif(picture, **bare),
        "fotohaus .avif, HDR": lambda: encode_avif(lit, hdr=True, **bare),
        "imagecodecs AVIF, whole picture, speed 9": lambda: imagecodecs.avif_encode(
            ten, level=80, speed=9, bitspersample=10, pixelformat="420", numthreads=2
        ),
        "Pillow AVIF, 8 bits, speed 9": lambda: Image.fromarray(pixels).save(io.BytesIO(), "AVIF", quality=80, speed=9),
        "fotohaus .jxl": lambda: encode_jxl(picture, **bare),
        "fotohaus .jxl, HDR": lambda: encode_jxl(lit, hdr=True, **bare),
        "fotohaus .jxl, lossless": lambda: encode_jxl(picture, quality=100, **bare),
        "imagecodecs JPEG XL, 8 bits, effort 3": lambda: imagecodecs.jpegxl_encode(
            pixels, distance=0.82, effort=3, numthreads=2
        ),
    }
    print("12 MP in memory to a file's bytes: ms\n")
    print(table(("", "wall", "processor"), [[name, *best(work)] for name, work in works.items()]))


if __name__ == "__main__":
    sizes()
    times()

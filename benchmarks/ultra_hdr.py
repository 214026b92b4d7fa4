"""What a gain map costs a JPEG, writing and reading, and how far what readers make of it is off the HDR rendition.

Peers, in the same process: libultrahdr (imagecodecs), which makes its SDR image and its gain map itself, and libvips
(pyvips) where it is installed.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common import DATA, table
from output import best, photo

if TYPE_CHECKING:
    from fotohaus.render.gain_map import GainMap
    from fotohaus.render.picture import Picture

STOPS = 3.0
SCENES = ("sunset", "studio", "night")
FILES = ((92, "auto", "grey"), (95, "auto", "grey"), (95, "auto", "rgb"), (95, "quarter", "grey"))


def gain_of(hdr: np.ndarray, sdr: np.ndarray, step: int, channels: int) -> GainMap:
    """The gain map of an HDR and an SDR rendition, (H, W, 3) linear, in cells of `step` pixels."""
    from fotohaus.render.gain_map import GainMap

    small = []
    for whole in (hdr, sdr):
        height, width = (n // step * step for n in whole.shape[:2])
        cells = whole[:height, :width].reshape(height // step, step, width // step, step, 3).mean((1, 3)) + 1 / 64
        small.append(cells if channels == 3 else cells.mean(-1, keepdims=True))
    gain = np.log2(small[0] / small[1])
    low, high = (tuple(map(float, np.broadcast_to(v, 3))) for v in (gain.min((0, 1)), gain.max((0, 1))))
    code = (gain - low[:channels]) / np.subtract(high, low)[:channels]
    pixels = np.rint(code * 255).astype(np.uint8)
    return GainMap(pixels if channels == 3 else pixels[..., 0], low, high, headroom=max(high))  # type: ignore[arg-type]


def scene(name: str, scale: int) -> np.ndarray:
    """An HDR panorama in linear light, exposed, as smooth as a photograph of its size is."""
    import OpenEXR
    from PIL import Image

    with OpenEXR.File(str(DATA / "hdr" / f"{name}.exr")) as file:
        channels = file.channels()
        stored = channels["RGB"].pixels if "RGB" in channels else np.stack([channels[c].pixels for c in "RGB"], -1)
    log = np.log2(np.nan_to_num(stored.astype(np.float32)).clip(1e-4, 1e4))
    size = log.shape[1] * scale, log.shape[0] * scale
    large = [np.asarray(Image.fromarray(log[..., c]).resize(size, Image.Resampling.BICUBIC)) for c in range(3)]
    light = 2.0 ** (np.stack(large, -1) - np.median(log) + np.log2(0.18))
    return np.asarray(light.clip(0, 2.0**STOPS))


def pictured(hdr: np.ndarray, step: int, channels: int) -> Picture:
    """The HDR light rolled off into the SDR range (Reinhard et al. 2002, eq. 4), with its gain map."""
    from fotohaus.render import color
    from fotohaus.render.picture import Picture

    sdr = hdr * (1 + hdr / 4**STOPS) / (1 + hdr)
    pixels = np.rint(color.encode_srgb(sdr) * 65535).astype(np.uint16)
    return Picture(pixels, "p3", gain=gain_of(hdr, sdr, step, channels))


def followed(picture: Picture) -> np.ndarray:
    """The HDR rendition by the formula, nothing compressed."""
    from PIL import Image

    from fotohaus.render import color

    gain = picture.gain
    assert gain is not None
    height, width = picture.shape
    planes = gain.pixels.reshape(*gain.pixels.shape[:2], -1).astype(np.float32)
    large = [
        np.asarray(Image.fromarray(planes[..., c]).resize((width, height), Image.Resampling.BILINEAR)) / 255
        for c in range(planes.shape[2])
    ]
    stops = np.array(gain.low) + np.stack(large, -1) * np.subtract(gain.high, gain.low)
    return np.asarray((color.decode_srgb(picture.pixels / 65535) + 1 / 64) * 2**stops - 1 / 64)


def error(decoded: np.ndarray, truth: np.ndarray) -> list[float]:
    """Median and 99th percentile in stops, of what is above a hundredth of white, and the peak's ratio."""
    seen = truth.max(-1) > 0.01
    off = np.abs(np.log2(np.maximum(decoded[seen], 1e-6) / np.maximum(truth[seen], 1e-6)))
    return [float(np.median(off)), float(np.percentile(off, 99)), float(decoded.max() / truth.max())]


def accuracy() -> str:
    """Files decoded by others, and read by fotohaus, against the formula."""
    import imagecodecs

    from fotohaus.output import write
    from fotohaus.raw import read_raw

    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        for name in SCENES:
            for step, channels in ((4, 1), (2, 1), (4, 3)):
                picture = pictured(scene(name, 4), step, channels)
                truth = followed(picture)
                data = write(picture, path).read_bytes()
                raw = read_raw(path)
                readers: dict[str, Any] = {
                    "libultrahdr": imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float32),
                    "fotohaus": raw.mosaic / 65535 * 2**raw.color.baseline_exposure,
                }
                vips = _vips()
                # libvips 8.18 takes the pixels of RGB gain maps for sRGB's, and is no judge of them.
                if vips is not None and channels == 1:
                    readers["libvips"] = vips.Image.uhdrload(str(path), revalidate=True).uhdr2scRGB().numpy()
                kind = f"{name}, 1/{step}, {'grey' if channels == 1 else 'RGB'}"
                rows += [[kind, reader, *error(decoded, truth)] for reader, decoded in readers.items()]
    return table(("scene, gain map", "read by", "median, stops", "99 %, stops", "peak"), rows)


def photographs() -> str:
    """Real photos as they are written, decoded by others, against their HDR renditions; light above 0.02 of white."""
    import imagecodecs

    from fotohaus.develop.pipeline import prepare
    from fotohaus.output import write
    from fotohaus.raw import read_raw
    from fotohaus.recipe import Recipe
    from fotohaus.render import color
    from fotohaus.render.pipeline import Rendering
    from fotohaus.report import Report

    to_p3 = np.linalg.solve(color.rgb_to_xyz("p3"), color.rgb_to_xyz("rec2020")).astype(np.float32)
    luminance = np.asarray(color.rgb_to_xyz("p3")[1], np.float32)
    vips = _vips()
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        for name in ("canon_colorchecker", "gopro_hero6_mural", "gopro_fusion_front"):
            development = prepare(read_raw(DATA / "raw" / f"{name}.dng"))
            for quality, size, kind in FILES:
                rendering = Rendering(development, Recipe(quality=quality, gain_size=size, gain_map=kind), Report())
                truth = rendering.hdr_rows(0, rendering.shape[0]) @ to_p3.T @ luminance
                data = write(rendering, path).read_bytes()
                readers: dict[str, Any] = {"libultrahdr": imagecodecs.ultrahdr_decode(data)[..., :3].astype(np.float32)}
                if vips is not None and kind == "grey":
                    readers["libvips"] = vips.Image.uhdrload(str(path), revalidate=True).uhdr2scRGB().numpy()
                seen = truth > 0.02
                for reader, decoded in readers.items():
                    light = decoded @ luminance
                    off = np.abs(np.log2(np.maximum(light[seen], 1e-6) / truth[seen]))
                    figures = float(np.median(off)), float(np.percentile(off, 99)), float(light.max() / truth.max())
                    rows.append([f"{name}, quality {quality}, {size}, {kind}", len(data) / 1e6, reader, *figures])
    return table(("photo", "MB", "read by", "median, stops", "99 %, stops", "peak"), rows)


def _vips() -> Any:
    try:
        import pyvips
    except ImportError:
        return None
    return pyvips if pyvips.type_find("VipsOperation", "uhdrload") else None


def speed() -> str:
    """12 MP, a gain map of a quarter of the size each way."""
    import imagecodecs

    from fotohaus.output import write
    from fotohaus.raw import read_raw
    from fotohaus.render import color
    from fotohaus.render.picture import Picture

    pixels = photo()
    sdr = color.decode_srgb(pixels[::4, ::4] / 65535)
    bright = sdr * 2 ** (STOPS * sdr.max(-1, keepdims=True))
    gain = gain_of(bright.astype(np.float64), sdr, 1, 1)
    picture = Picture(pixels, "p3", gain=gain)
    half = np.ones((*pixels.shape[:2], 4), np.float16)
    half[..., :3] = followed(picture).astype(np.float16)
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        for name, noun in (("fotohaus .jpg, no gain map", replace(picture, gain=None)), ("fotohaus .jpg", picture)):
            rows.append([name, *best(lambda noun=noun: write(noun, path)), path.stat().st_size / 1e6])  # type: ignore[misc]
        grey = picture.gain
        assert grey is not None
        colored = replace(picture, gain=replace(grey, pixels=np.dstack([grey.pixels] * 3)))
        rows.append(["fotohaus .jpg, RGB", *best(lambda: write(colored, path)), path.stat().st_size / 1e6])
        linear, p3 = imagecodecs.ULTRAHDR.CT.LINEAR, imagecodecs.ULTRAHDR.CG.DISPLAY_P3

        def peer() -> bytes:
            return bytes(imagecodecs.ultrahdr_encode(half, level=92, gamut=p3, transfer=linear, scale=4))

        rows.append(["libultrahdr, its own SDR", *best(peer), len(peer()) / 1e6])
        write(picture, path)
        data = path.read_bytes()
        for name, hdr in (("reading, without", False), ("reading", True)):
            rows.append([name, *best(lambda hdr=hdr: read_raw(path, hdr=hdr)), ""])  # type: ignore[misc]
        rows.append(["reading, libultrahdr", *best(lambda: imagecodecs.ultrahdr_decode(data)), ""])
    return table(("", "wall ms", "processor ms", "MB"), rows)


if __name__ == "__main__":
    print(speed(), accuracy(), photographs(), sep="\n\n")

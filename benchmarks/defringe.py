"""Fringes of axial chromatic aberration: put on scenes by blurring red and blue more than green, found and taken off.

    python benchmarks/defringe.py [--keep FOLDER]

Scenes reach far above white: photographs whose bright parts are raised to six times their light, branches and leaves
before a sky, HDR panoramas. Red and blue are blurred by 0.8 and 1.2 px (mild), 1.0 and 1.8 (purple), 2.0 and 2.5
(wide), green by 0.5; or green alone by 1.5 (green). Then comes the mosaic, clipped, with noise, developed by each
program with and without its correction. Chroma error: the distance in a*b* to what the same program makes of the scene
without fringes, over all pixels within 4 px of strong edges. Means of the scenes.
"""

import argparse
import os
import shutil
import struct
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import tifffile
from PIL import Image

from common import DATA, table
from fotohaus import kernels
from fotohaus.develop.defringe import Defringe, defringe, prepare_defringe
from fotohaus.develop.pipeline import prepare
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import ColorCalibration, NoiseProfile, RawImage, Rectangle
from peers_raw import LUMINANCE, NEUTRAL, SRGB_FROM_XYZ, WHITE, expose, rawtherapee, to_codes, to_light

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour

NOISE = (1e-4, 1e-6)
BLURS = {"mild": (0.8, 0.5, 1.2), "purple": (1.0, 0.5, 1.8), "wide": (2.0, 0.5, 2.5), "green": (0.6, 1.5, 0.6)}
REC2020_TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
RT_DEFRINGE = NEUTRAL + "[Defringing]\nEnabled=true\nRadius=2\nThreshold=13\n"


def photograph(name: str, gain: float, low: float, high: float) -> np.ndarray:
    light = to_light(np.asarray(Image.open(DATA / "truth" / "photos" / f"{name}.jpg").convert("RGB"), np.float32) / 255)
    while light.shape[1] > 2000:
        height, width = (n // 4 * 4 for n in light.shape[:2])
        light = light[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))
    part = np.clip((light @ LUMINANCE - low) / (high - low), 0, 1)
    return light * (1 + (gain - 1) * (part * part * (3 - 2 * part)))[..., None]


def panorama(name: str, quantile: float) -> np.ndarray:
    pixels = OpenEXR.File(str(DATA / "hdr" / f"{name}.exr")).channels()["RGB"].pixels.astype(np.float32)
    large = np.exp(cv2.resize(np.log(np.maximum(pixels, 1e-4)), (1536, 768), interpolation=cv2.INTER_LINEAR))
    return large / np.quantile(large[..., 1], quantile)


def branches(height: int = 900, width: int = 1200) -> np.ndarray:
    rng = np.random.default_rng(3)
    sky = np.array([4, 4.6, 5.6]) * (0.5 + np.linspace(0, 1, 2 * height)[:, None, None])
    image = np.broadcast_to(sky, (2 * height, 2 * width, 3)).astype(np.float32)
    image = np.ascontiguousarray(image)
    for _ in range(260):
        place, angle = rng.uniform(0, (2 * width, 2 * height)), rng.uniform(0, 2 * np.pi)
        length, thick = rng.uniform(100, 600), int(rng.choice([2, 3, 5, 8, 14, 30]))
        points = [place]
        for _ in range(6):
            angle += rng.normal(0, 0.3)
            points.append(points[-1] + np.array([np.cos(angle), np.sin(angle)]) * length / 6)
        bark = np.array([0.05, 0.04, 0.03]) * rng.uniform(0.4, 2)
        cv2.polylines(image, [np.array(points, np.int32)], False, bark.tolist(), thick, cv2.LINE_AA)
    for _ in range(700):
        middle = rng.uniform((0, 0.8 * height), (2 * width, 2 * height)).astype(int).tolist()
        axes, leaf = rng.uniform((8, 4), (34, 12)).astype(int).tolist(), np.array([0.06, 0.16, 0.03])
        color = (leaf * rng.uniform(0.4, 2)).tolist()
        cv2.ellipse(image, middle, axes, rng.uniform(0, 180), 0, 360, color, -1, cv2.LINE_AA)
    return image.reshape(height, 2, width, 2, 3).mean((1, 3))


SCENES = {
    "coast": lambda: photograph("Rob_Bye", 6, 0.4, 0.75),
    "mountain": lambda: photograph("Julia_Craice", 6, 0.35, 0.7),
    "pier": lambda: 2.5 * photograph("Sunset_by_the_Pier", 1, 0, 1),
    "branches": branches,
    "venice": lambda: panorama("venice", 0.95),
    "night": lambda: panorama("night", 0.98),
}


def blurred(light: np.ndarray, blur: tuple[float, ...]) -> np.ndarray:
    light = light[: light.shape[0] // 2 * 2, : light.shape[1] // 2 * 2].astype(np.float32)
    return np.dstack([cv2.GaussianBlur(light[..., i], (0, 0), s) for i, s in enumerate(blur)])


def raw_of(mosaic: np.ndarray) -> RawImage:
    samples = np.round((mosaic + 1 / 64) * WHITE).clip(0, WHITE).astype(np.uint16)
    levels = (np.full((2, 2), level, np.float32) for level in (WHITE / 64, WHITE))
    color = ColorCalibration(color_matrix_1=SRGB_FROM_XYZ, as_shot_neutral=(1.0, 1.0, 1.0))
    noise = NoiseProfile((NOISE[0],) * 3, (NOISE[1],) * 3)
    return RawImage(samples, "RGGB", *levels, color, Rectangle(0, 0, *samples.shape), noise=noise)


def fotohaus(mosaic: np.ndarray, on: bool) -> np.ndarray:
    off = ("denoise", "ca", "capture-sharpen", *(() if on else ("defringe",)))
    return prepare(raw_of(mosaic), off=off).scene().pixels @ REC2020_TO_SRGB.T


def darktable(mosaic: np.ndarray, on: bool) -> np.ndarray | None:
    """With its module "chromatic aberrations" as it is when switched on: green guides, radius 5, strength 0.5."""
    if shutil.which("darktable-cli") is None:
        return None
    parameters = struct.pack("<iffii", 1, 5.0, 0.5, 0, 0).hex()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.dng").write_bytes(encode_dng(raw_of(mosaic)))
        (folder / "a.xmp").write_text(f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5"
 darktable:auto_presets_applied="1" darktable:history_end="1" darktable:iop_order_version="2">
<darktable:history><rdf:Seq><rdf:li darktable:num="0" darktable:operation="cacorrectrgb" darktable:enabled="{int(on)}"
 darktable:modversion="1" darktable:params="{parameters}" darktable:multi_name="" darktable:multi_priority="0"
 darktable:blendop_version="11" darktable:blendop_params=""/></rdf:Seq></darktable:history>
</rdf:Description></rdf:RDF></x:xmpmeta>""")
        command = ["darktable-cli", "a.dng", "a.xmp", "a.tif", "--core", "--configdir", "dt", "--library", ":memory:"]
        command += ["--conf", "plugins/imageio/format/tiff/bpp=16", "--conf", "plugins/darkroom/workflow=none"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return to_light(tifffile.imread(folder / "a.tif")[..., :3] / 65535)


def lab(light: np.ndarray) -> np.ndarray:
    xyz = np.clip(light, 0, 1) @ np.linalg.inv(SRGB_FROM_XYZ).T
    return np.asarray(colour.XYZ_to_Lab(xyz, (0.3127, 0.3290)))


def edges(light: np.ndarray) -> np.ndarray:
    green, square = np.clip(light[..., 1], 0, 1).astype(np.float32), np.ones((9, 9), np.uint8)
    high, low = cv2.dilate(green, square), cv2.erode(green, square)
    return (high / (low + 0.01) > 3) & (high > 0.25)


def chroma_error(got: np.ndarray, truth: np.ndarray, where: np.ndarray) -> float:
    return float(np.hypot(*(lab(got) - lab(truth))[where][:, 1:].T).mean())


def fringes(keep: Path | None) -> list[list[object]]:
    programs = {
        "fotohaus": fotohaus,
        "RawTherapee defringe": lambda m, on: rawtherapee(m, RT_DEFRINGE if on else NEUTRAL, reference, NOISE),
        "darktable chromatic aberrations": darktable,
    }
    errors: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for scene, make in SCENES.items():
        light = make()
        reference = blurred(light, (0.5, 0.5, 0.5))
        clean = expose(reference, *NOISE)
        truths = {name: run(clean, False) for name, run in programs.items()}
        where = edges(reference)
        for level, blur in BLURS.items():
            mosaic = expose(blurred(light, blur), *NOISE)
            for name, run in programs.items():
                if truths[name] is None or (name != "fotohaus" and level != "purple"):
                    continue
                without, corrected = run(mosaic, False), run(mosaic, True)
                pair = tuple(chroma_error(image, truths[name], where) for image in (without, corrected))
                errors.setdefault((name, level), []).append(pair)
                if keep and level == "purple":
                    keep.mkdir(parents=True, exist_ok=True)
                    shown = np.hstack([to_codes(image) for image in (truths[name], without, corrected)])
                    file = keep / f"{scene}-{name.split()[0]}.png"
                    Image.fromarray((255 * shown + 0.5).astype(np.uint8)).save(file)
        for level in BLURS:
            before, after = errors[("fotohaus", level)][-1]
            print(f"{scene} {level}: {before:.1f} -> {after:.1f}", flush=True)
    rows: list[list[object]] = []
    for (name, level), pairs in errors.items():
        before, after = np.mean(pairs, axis=0)
        rows.append([name, level, before, after, f"{100 * (1 - after / before):.0f} %"])
    return rows


def purple() -> list[list[object]]:
    """What happens to pictures without fringes, where they are found by mistake: if "purple" were found."""
    rows: list[list[object]] = []
    sets = [DATA / "truth" / "photos" / f"{n}.jpg" for n in ("Ashim_DSilva", "Sunset_by_the_Pier")]
    sets += [DATA / "truth" / "kodak" / f"kodim{n}.png" for n in ("07", "03", "23")]
    sets += [DATA / "truth" / "mcmaster" / f"{n}.tif" for n in (1, 5, 11, 17)]
    forced = Defringe(np.array([[0.3, 0.07], [0.4, 0.25]], np.float32), np.ones(3, np.float32), np.ones(2, np.float32))
    for path in sets:
        light = to_light(np.asarray(Image.open(path).convert("RGB"), np.float32) / 255)
        if light.shape[1] > 1600:
            light = cv2.resize(light, (1536, 1024), interpolation=cv2.INTER_AREA)
        light = light[: light.shape[0] // 2 * 2, : light.shape[1] // 2 * 2]
        development = prepare(raw_of(expose(light, *NOISE)), off=("denoise", "ca", "capture-sharpen"))
        source = development.source
        rgb = source.rows(0, source.crop.height, np.eye(3))
        before = lab(rgb)
        chroma, hue = np.hypot(before[..., 1], before[..., 2]), np.degrees(np.arctan2(before[..., 2], before[..., 1]))
        violet = (chroma > 15) & (hue > -75) & (hue < 0)
        lost = colour.delta_E(before, lab(defringe(rgb, forced)), method="CIE 2000")
        shown = f"{lost[violet].mean():.2f}" if violet.mean() > 0.001 else "-"
        found, real = development.fringes, "-"
        if found:
            real = f"{colour.delta_E(before, lab(defringe(rgb, found)), method='CIE 2000').mean():.2f}"
        rows.append([path.stem, real, f"{lost.mean():.2f}", f"{100 * violet.mean():.0f} %", shown])
    return rows


def speed() -> None:
    light = cv2.resize(SCENES["coast"](), (4000, 3000), interpolation=cv2.INTER_CUBIC)
    source = prepare(raw_of(expose(light, *NOISE)), off=("denoise", "ca", "capture-sharpen")).source
    pixels = kernels.planar(light[1348:1652], np.float32)  # its green, and so the work, stays the same
    plan = Defringe(np.full((2, 2), 0.3, np.float32), np.ones(3, np.float32), np.ones(2, np.float32))
    cases = (
        ("looked for", lambda: prepare_defringe(source), 1),
        ("corrected, per MP", lambda: defringe(pixels, plan), 1.216),
    )
    for what, run, size in cases:
        wall, processor = [], []
        for _ in range(9):
            start, used = time.perf_counter(), time.process_time()
            run()
            wall.append(time.perf_counter() - start)
            processor.append(time.process_time() - used)
        print(
            f"{what}: {min(wall) / size * 1e3:.1f} ms on {kernels.threads()} of {os.cpu_count()} processors; ", end=""
        )
        print(f"{min(processor) / size * 1e3:.1f} ms of processor time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="folder to keep pictures in: without fringes, with, corrected")
    arguments = parser.parse_args()
    print(table(("", "fringes", "chroma error", "corrected", "less"), fringes(arguments.keep)))
    print()
    headers = ("without fringes", "dE2000 if found", "if forced", "violet", "of violet, if forced")
    print(table(headers, purple()))
    speed()


if __name__ == "__main__":
    main()

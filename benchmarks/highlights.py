"""Clipped highlights against the light that was there, with other raw developers on the same DNG.

    python benchmarks/highlights.py [--scenes night,park] [--keep FOLDER]

Scenes: HDR panoramas, enlarged three times, exposed so that 2 % and 10 % of their green is over the white level; and a
street of small saturated lights. They become the mosaic of a camera whose neutral is (0.50, 1, 0.62), so that green
clips first. Over the pixels in which any channel clips: error of luminance in EV (light over 4 EV above white counts as
4), error of colour as delta E 2000 with both brought to L* 60, its 95th percentile, and the share of pixels that are
magenta where the truth is not. A developer's exposure is matched on unclipped pixels first.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import OpenEXR
import rawpy
import tifffile

from common import DATA, machine, table, tool
from fotohaus.develop import develop
from fotohaus.develop.color import REC2020_TO_XYZ, camera_to_rec2020
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import ColorCalibration, RawImage, Rectangle
from fotohaus.simulate.sensor import CAMERA_FROM_SRGB, NEUTRAL, XYZ_FROM_SRGB

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import colour
    import cv2

WHITE, BLACK = 16383, 1024
CALIBRATION = ColorCalibration(color_matrix_1=CAMERA_FROM_SRGB @ np.linalg.inv(XYZ_FROM_SRGB), as_shot_neutral=NEUTRAL)
REC2020_FROM_SRGB = np.linalg.inv(REC2020_TO_XYZ) @ XYZ_FROM_SRGB
SCENES = ("night", "hall", "lobby", "park", "sunset", "sunrise", "venice", "warehouse", "apartment", "dawn", "street")


def panorama(name: str) -> np.ndarray:
    """Linear sRGB, (768, 1536, 3)."""
    pixels = OpenEXR.File(str(DATA / "hdr" / f"{name}.exr")).channels()["RGB"].pixels.astype(np.float32)
    size = (3 * pixels.shape[1], 3 * pixels.shape[0])
    # Without overshoot, which would put coloured rims around lamps; then a lens that is not perfect.
    large = np.exp(cv2.resize(np.log(np.maximum(pixels, 1e-4)), size, interpolation=cv2.INTER_LINEAR))
    return cv2.GaussianBlur(large, (0, 0), 1.0)


def street() -> np.ndarray:
    """A dark wall with round lamps of saturated colours and of white, each with its glow: linear sRGB."""
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:768, :1536].astype(np.float32)
    image = np.full((768, 1536, 3), 0.03, np.float32) * (1 + 0.3 * np.sin(x / 40)[..., None])
    colors = [
        (1, 0.05, 0.03),
        (1, 0.35, 0.02),
        (1, 0.75, 0.4),
        (0.1, 1, 0.2),
        (0.08, 0.3, 1),
        (0.9, 0.95, 1),
        (1, 0.1, 0.5),
    ]
    for n in range(42):
        cy, cx, radius = rng.uniform(40, 728), rng.uniform(40, 1496), rng.uniform(4, 22)
        distance = np.hypot(y - cy, x - cx) / radius
        lamp = 0.5 - 0.5 * np.tanh((distance - 1) * radius / 2.4) + 0.06 / (1 + distance**2.2)
        image += np.array(colors[n % 7], np.float32) * (rng.uniform(1.5, 12) * lamp)[..., None]
    return image


def scenes(names: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Names and linear sRGB scenes, exposed so that 1 is the white level of green in neutral light."""
    for name in names:
        image = street() if name == "street" else panorama(name)
        camera = image @ (np.diag(1 / np.array(NEUTRAL)) @ CAMERA_FROM_SRGB).T.astype(np.float32)
        for share in (0.02, 0.1) if name != "street" else (0.02,):
            yield f"{name} {100 * share:.0f} %", image / np.quantile(camera[..., 1], 1 - share)


def raw_of(camera: np.ndarray) -> RawImage:
    """The RGGB mosaic of camera values, 1 = white level."""
    mosaic = camera[..., 1].copy()
    mosaic[::2, ::2], mosaic[1::2, 1::2] = camera[::2, ::2, 0], camera[1::2, 1::2, 2]
    samples = np.clip(np.rint(mosaic * (WHITE - BLACK) + BLACK), 0, WHITE).astype(np.uint16)
    levels = (np.full((2, 2), level, np.float32) for level in (BLACK, WHITE))
    return RawImage(samples, "RGGB", *levels, color=CALIBRATION, crop=Rectangle(0, 0, *samples.shape))


def libraw(mode: int) -> Callable[[Path], np.ndarray]:
    def run(path: Path) -> np.ndarray:
        with rawpy.imread(str(path)) as raw:
            image = raw.postprocess(
                highlight_mode=rawpy.HighlightMode(mode), output_color=rawpy.ColorSpace.raw, gamma=(1, 1),
                user_wb=[1 / NEUTRAL[0], 1, 1 / NEUTRAL[2], 1], no_auto_bright=True, output_bps=16,
            )  # fmt: skip
        return image.astype(np.float32) / 65535 @ camera_to_rec2020(CALIBRATION).matrix.T

    return run


def rawtherapee(settings: str) -> Callable[[Path], np.ndarray] | None:
    """In sRGB gamut, 4 EV down so that nothing is over its white, in floats."""

    def run(path: Path) -> np.ndarray:
        profile, out = path.with_suffix(".pp3"), path.with_suffix(".rt.tif")
        profile.write_text(
            f"[Exposure]\nAuto=false\nCompensation=-4\nHistogramMatching=false\n{settings}\n"
            "[Color Management]\nWorkingProfile=Rec2020\nOutputProfile=RTv4_Rec2020\nToneCurve=false\n"
            "ApplyLookTable=false\nApplyBaselineExposureOffset=false\n[RAW]\nCA=false\n[Sharpening]\nEnabled=false\n"
        )
        command = tool("rawtherapee-cli", "-o", out, "-p", profile, "-b32", "-t", "-Y", "-c", path)
        subprocess.run(command or [], check=True, capture_output=True)
        return decode_srgb(tifffile.imread(out).astype(np.float32)) * 16

    return run if tool("rawtherapee-cli") else None


def decode_srgb(v: np.ndarray) -> np.ndarray:
    return np.where(v <= 0.04045, v / 12.92, (np.maximum(v, 0) / 1.055 + 0.055 / 1.055) ** 2.4)


def darktable(laplacians: bool) -> Callable[[Path], np.ndarray] | None:
    """Linear Rec. 2020, without a tone mapper."""

    def run(path: Path) -> np.ndarray:
        out = path.with_suffix(".dt.exr")
        out.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory() as config:
            sidecar = []
            if laplacians:
                sidecar = [path.with_suffix(".xmp")]
                sidecar[0].write_text(LAPLACIANS)
            command = tool(
                "darktable-cli", path, *sidecar, out, "--icc-type", "LIN_REC2020", "--apply-custom-presets", "false",
                "--core", "--configdir", config, "--library", ":memory:", "--conf", "plugins/darkroom/workflow=none",
                "--conf", "plugins/darkroom/chromatic-adaptation=legacy",
            )  # fmt: skip
            subprocess.run(command or [], check=True, capture_output=True)
        channels = OpenEXR.File(str(out)).channels()
        return np.asarray(channels["RGB"].pixels if "RGB" in channels else channels["RGBA"].pixels)[..., :3]

    return run if tool("darktable-cli") else None


# Module "highlights", version 4: mode 3, blendL 1, blendC 0, strength 0, clip 1, noise 0, 30 iterations, 7 scales of
# wavelets, and defaults of what other modes use.
LAPLACIANS = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/" darktable:xmp_version="5"
 darktable:auto_presets_applied="1" darktable:history_end="1"><darktable:history><rdf:Seq>
<rdf:li darktable:num="0" darktable:operation="highlights" darktable:enabled="1" darktable:modversion="4"
 darktable:params="030000000000803f00000000000000000000803f000000001e000000060000000000c8410000003f0000000000000000"
 darktable:multi_name="" darktable:multi_priority="0" darktable:blendop_version="11"
 darktable:blendop_params="gz12eJxjYGBgkGAAgRNODESDBnsIHll8ANNSGQM="/>
</rdf:Seq></darktable:history></rdf:Description></rdf:RDF></x:xmpmeta>"""


def luminance(rgb: np.ndarray) -> np.ndarray:
    return rgb @ REC2020_TO_XYZ[1]


def at_one_lightness(rgb: np.ndarray) -> np.ndarray:
    """CIELAB of colours brought to L* 60."""
    xyz = np.maximum(rgb, 1e-6) @ REC2020_TO_XYZ.T
    return colour.XYZ_to_Lab(xyz / xyz[:, 1:2] * 0.2812)


def score(got: np.ndarray, truth: np.ndarray, camera: np.ndarray) -> list[float]:
    # Some developers leave a border out.
    y, x = ((whole - own) // 2 for whole, own in zip(truth.shape[:2], got.shape[:2], strict=True))
    got = cv2.copyMakeBorder(got.astype(np.float32), y, truth.shape[0] - y - got.shape[0], x,
                             truth.shape[1] - x - got.shape[1], cv2.BORDER_REPLICATE)  # fmt: skip
    plain = (camera.max(-1) < 0.7) & (luminance(truth) > 0.05)
    got = got * np.median(luminance(truth)[plain] / np.maximum(luminance(got)[plain], 1e-6))
    clipped = (camera > 1).any(-1)
    clipped[:8], clipped[-8:], clipped[:, :8], clipped[:, -8:] = False, False, False, False
    places = np.flatnonzero(clipped)
    places = places[:: max(1, places.size // 40000)]
    a, b = got.reshape(-1, 3)[places], truth.reshape(-1, 3)[places]
    light = np.abs(np.subtract(*(np.clip(np.log2(np.maximum(luminance(v), 1e-6)), -6, 4) for v in (a, b))))
    error = colour.delta_E(at_one_lightness(b), at_one_lightness(a), method="CIE 2000")
    magenta = lambda v: np.minimum(v[:, 0], v[:, 2]) / np.maximum(v[:, 1], 1e-6)  # noqa: E731
    wrong = magenta(a) > np.maximum(1.06, 1.03 * magenta(b))
    return [float(light.mean()), float(error.mean()), float(np.quantile(error, 0.95)), 100 * float(wrong.mean())]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--only", default="", help="developers whose names hold this")
    parser.add_argument("--keep", type=Path, help="folder for the DNGs and every developer's linear image")
    arguments = parser.parse_args()
    blend = "[HLRecovery]\nEnabled=true\nMethod=Blend\n"
    propagation = "[HLRecovery]\nEnabled=true\nMethod=Color\n"
    developers = {
        "fotohaus": None,
        "clipped at white": None,
        "LibRaw blend (2)": libraw(2),
        "LibRaw rebuild (5)": libraw(5),
        "RawTherapee blend": rawtherapee(blend),
        "RawTherapee color propagation": rawtherapee(propagation),
        "darktable inpaint opposed": darktable(False),
        "darktable guided laplacians": darktable(True),
    }
    developers = {name: run for name, run in developers.items() if arguments.only in name}
    scores: dict[str, list[list[float]]] = {name: [] for name in developers}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for scene, light in scenes(arguments.scenes.split(",")):
            camera, truth = light @ CAMERA_FROM_SRGB.T.astype(np.float32), light @ REC2020_FROM_SRGB.T
            raw = raw_of(camera)
            path = folder / f"{scene.replace(' ', '_').replace('_%', '')}.dng"
            path.write_bytes(encode_dng(raw))
            for name, run in developers.items():
                if name == "fotohaus":
                    got = develop(raw).pixels
                elif name == "clipped at white":
                    balanced = np.minimum(camera / np.array(NEUTRAL), 1)
                    got = balanced @ camera_to_rec2020(CALIBRATION).matrix.T
                elif run is None:
                    continue
                else:
                    try:
                        got = run(path)
                    except (subprocess.CalledProcessError, OSError) as error:
                        print(f"{scene}: {name} failed: {str(getattr(error, 'stderr', error))[-300:]}")
                        continue
                scores[name].append(score(np.asarray(got), truth, camera))
                if arguments.keep:
                    np.save(folder / f"{path.stem}-{name.replace(' ', '_')}.npy", np.asarray(got, np.float16))
            if arguments.keep:
                np.save(folder / f"{path.stem}-truth.npy", truth.clip(0, 6e4).astype(np.float16))
    print(machine())
    rows: list[list[object]] = []
    for name, values in scores.items():
        rows.append([name, *(np.mean(values, axis=0).tolist() if values else ["not installed", "", "", ""])])
    print(table(("mean of the scenes", "light, EV", "colour, delta E", "95th percentile", "magenta, %"), rows))


if __name__ == "__main__":
    main()

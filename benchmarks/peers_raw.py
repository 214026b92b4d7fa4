"""A simulated camera whose colours are linear sRGB, and RawTherapee's picture of what it saw."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import ColorCalibration, NoiseProfile, RawImage, Rectangle

Float32 = NDArray[np.float32]

WHITE = 16383
SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)

NEUTRAL = "[Exposure]\nAuto=false\n[RAW]\nCA=false\n[RAW Bayer]\nMethod=amaze\n"
CAPTURE_SHARPENING = "[PostDemosaicSharpening]\nEnabled=true\nAutoContrast=true\nAutoRadius=true\n"
AUTO_ABERRATION = NEUTRAL.replace("CA=false", "CA=true\nCAAutoIterations=2\nCAAvoidColourshift=true")


def to_light(codes: NDArray[np.floating]) -> Float32:
    v = np.asarray(codes, np.float32)
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4).astype(np.float32)


def to_codes(light: NDArray[np.floating]) -> Float32:
    v = np.clip(light, 0, 1)
    return np.where(v <= 0.0031308, v * 12.92, 1.055 * v ** (1 / 2.4) - 0.055).astype(np.float32)


def psnr(got: Float32, truth: Float32, border: int = 16) -> float:
    """In dB, of sRGB codes."""
    inner = np.s_[border:-border, border:-border]
    return float(-10 * np.log10(np.mean((to_codes(got[inner]) - to_codes(truth[inner])) ** 2)))


def mosaic_of(image: Float32) -> Float32:
    """RGGB samples of an (H, W, 3) image."""
    out = image[..., 1].copy()
    out[0::2, 0::2], out[1::2, 1::2] = image[0::2, 0::2, 0], image[1::2, 1::2, 2]
    return out


def expose(image: Float32, scale: float, offset: float, seed: int = 1) -> Float32:
    """What the camera's mosaic holds: variance = scale * x + offset, clipped and quantised to 14 bits."""
    clean = mosaic_of(image)
    noise = np.random.default_rng(seed).standard_normal(clean.shape) * np.sqrt(scale * np.maximum(clean, 0) + offset)
    return (np.round(np.clip(clean + noise + 1 / 64, 0, 1) * WHITE) / WHITE - 1 / 64).astype(np.float32)


def rawtherapee(mosaic: Float32, profile: str, truth: Float32, noise: tuple[float, float]) -> Float32 | None:
    """Its linear light, matched to the truth by a 3 x 3 matrix (least squares); None if it is not installed."""
    if shutil.which("rawtherapee-cli") is None:
        return None
    samples = np.round((mosaic + 1 / 64) * WHITE).clip(0, WHITE).astype(np.uint16)
    raw = RawImage(
        samples, "RGGB", np.full((2, 2), WHITE / 64, np.float32), np.full((2, 2), WHITE, np.float32),
        ColorCalibration(color_matrix_1=SRGB_FROM_XYZ, as_shot_neutral=(1.0, 1.0, 1.0)),
        Rectangle(0, 0, *samples.shape), noise=NoiseProfile((noise[0],) * 3, (noise[1],) * 3),
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.dng").write_bytes(encode_dng(raw))
        (folder / "a.pp3").write_text(profile)
        command = ["rawtherapee-cli", "-Y", "-t", "-b16", "-o", "a.tif", "-p", "a.pp3", "-c", "a.dng"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        got = to_light(tifffile.imread(folder / "a.tif")[..., :3] / 65535)
    # It leaves out as much on all sides.
    whole, cut = truth.copy(), (truth.shape[0] - got.shape[0]) // 2
    whole[cut : truth.shape[0] - cut, cut : truth.shape[1] - cut] = got
    got = whole
    unclipped = (got.max(-1) < 0.98) & (truth.max(-1) < 0.98)
    matrix = np.linalg.lstsq(got[unclipped][::17], truth[unclipped][::17], rcond=None)[0]
    return (got @ matrix).astype(np.float32)

"""The world that the simulated camera looks at: a photograph in linear light, and the view of it from a pose."""

from __future__ import annotations

import functools
import os

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.srgb import decode_srgb

Float32 = NDArray[np.float32]
Photo = str | os.PathLike[str] | NDArray[np.floating]

PHASES = 1024  # as in kernels/warp_gen.py


def linear_photo(photo: Photo, size: tuple[int, int], least: tuple[int, int], whole: bool) -> Float32:
    """A photograph as (h, w, 3) linear sRGB of exactly `size`, planes contiguous.

    Cropped from the centre without scaling if at least `least` (h, w) large, missing borders mirrored; scaled (Lanczos)
    to cover `size` if smaller, or if `whole` asks to see all of it. Arrays are linear already; files are taken as sRGB.
    Raises ValueError for an array that is not (H, W, 3), OSError for a file that is no picture.
    """
    if isinstance(photo, np.ndarray):
        if photo.ndim != 3 or photo.shape[2] != 3:
            raise ValueError(f"photo must be (H, W, 3), got {photo.shape}")
        pixels, table = photo, None
    else:
        from PIL import Image

        with Image.open(photo) as image:
            pixels = np.asarray(image.convert("RGB"))
        table = decode_srgb(np.arange(256) / 255).astype(np.float32)

    height, width = pixels.shape[:2]
    scale = 1.0
    if whole or height < least[0] or width < least[1]:
        scale = max(size[0] / height, size[1] / width)
    h, w = min(round(size[0] / scale), height), min(round(size[1] / scale), width)
    top, left = (height - h) // 2, (width - w) // 2
    pixels = pixels[top : top + h, left : left + w]

    out: Float32 = kernels.empty((*size, 3))
    for c in range(3):
        plane = pixels[..., c].astype(np.float32) if table is None else table[pixels[..., c]]
        if scale != 1.0:
            from PIL import Image

            plane = np.asarray(Image.fromarray(plane).resize(size[::-1], Image.Resampling.LANCZOS))
            np.maximum(plane, 0, out=out[..., c])
        else:
            missing = [(n - have) // 2 for n, have in zip(size, plane.shape, strict=True)]
            pads = [(m, n - have - m) for m, n, have in zip(missing, size, plane.shape, strict=True)]
            out[..., c] = np.pad(plane, pads, mode="symmetric")
    return out


def to_camera(world: Float32, matrix: NDArray[np.float64]) -> None:
    """Take every pixel of (h, w, 3) through a 3x3 matrix, in place."""
    m = matrix.astype(np.float32)
    for top in range(0, world.shape[0], 64):
        strip = world[top : top + 64]
        strip[...] = np.einsum("hwc,kc->hwk", strip, m)


@functools.cache
def interpolation(oversample: int) -> Float32:
    """(1025, 8) weights of the samples at floor(position) - 3 ... + 4, for every 1/1024 of the position.

    The average of the `oversample` samples that one sensor pixel covers, at any position. Least-squares design (Laakso
    et al. 1996, "Splitting the unit delay", on fractional-delay filters): smallest error below 0.36 cycles per sample,
    exact for polynomials up to degree 3, and exactly the average at the positions of an unmoved sensor.
    """
    band, rest, exact = 0.36, 0.005, 4

    def correlation(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        # Fourier transform of what the error is weighted with: 1 within the band, little beyond.
        return np.asarray((1 - rest) * 2 * band * np.sinc(2 * band * distance) + rest * np.sinc(distance))

    taps = np.arange(-3.0, 5.0)
    covered = np.arange(PHASES + 1)[:, None] / PHASES + np.arange(oversample) - (oversample - 1) / 2
    powers = np.arange(exact)
    moments = (taps / 4) ** powers[:, None]
    system = np.block([[correlation(taps[:, None] - taps), moments.T], [moments, np.zeros((exact, exact))]])
    target = correlation(taps - covered[..., None]).mean(1)
    target_moments = ((covered[..., None] / 4) ** powers).mean(1)
    weights = np.linalg.solve(system, np.concatenate([target, target_moments], 1).T).T[:, :8]
    return np.ascontiguousarray(weights, np.float32)


def view(
    world: Float32,
    planes: NDArray[np.int32],
    matrix: NDArray[np.float64],
    size: tuple[int, int],
    oversample: int,
    border: tuple[float, float],
) -> Float32:
    """What a sensor of `size` (h, w) sees of the world (H, W, planes), one plane per position of the CFA.

    matrix: (2, 3), from the sensor's (x, y, 1) to the (x, y) of an unmoved one. border: (top, left), where the unmoved
    sensor's corner lies in the world, in px of the sensor.
    """
    y = np.arange(size[0], dtype=np.float64)
    rows = np.empty((size[0], 4), np.float32)
    # The centre of the first sensor pixel lies between the samples that it covers.
    rows[:, 0] = (matrix[0, 1] * y + matrix[0, 2] + border[1]) * oversample + (oversample - 1) / 2
    rows[:, 1] = (matrix[1, 1] * y + matrix[1, 2] + border[0]) * oversample + (oversample - 1) / 2
    rows[:, 2:] = matrix[:, 0] * oversample
    seen: Float32 = np.empty(size, np.float32)
    kernels.call("warp", image=world, planes=planes, rows=rows, weights=interpolation(oversample), warped=seen)
    return seen

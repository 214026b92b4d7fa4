"""Noise taken out of a mosaic: of one frame, or of a merged burst (docs/algorithms/denoise.md)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.denoising.denoiser import LINEAR_POSITIONS, PERIOD, Denoiser
from fotohaus.denoising.uneven import UnevenNoise
from fotohaus.raw.image import Rectangle
from fotohaus.shading import Shading

Float32 = NDArray[np.float32]

_LEAST_SIDE = 40  # samples; what is smaller gets a border


def denoise(
    mosaic: Float32,
    denoiser: Denoiser,
    shading: Shading | None = None,
    *,
    crop: Rectangle | None = None,
    origin: tuple[int, int] = (0, 0),
    uneven: UnevenNoise | None = None,
) -> Float32:
    """Less noise in a white-balanced linear mosaic: (H, W) float32 to (h, w) float32.

    shading : the lens-shading gains that the mosaic has in it. crop : the part to make, beginning at an even row and
    column; by default everything. origin : (y, x), where the mosaic's first sample lies in the whole of which it is a
    part: with `denoiser.margin` samples around the crop, any part comes out as it does of the whole. Beyond its border
    the mosaic is mirrored. The result is a view of whole blocks, whose rows lie farther apart than its width says.
    uneven : what the noise is by place and frequency, of which then only so much is taken that it is even.

    Raises ValueError for a mosaic smaller than 2 x 2, a crop outside it, or odd places.
    """
    height, width = mosaic.shape
    crop = crop or Rectangle(0, 0, height, width)
    if min(height, width) < 2:
        raise ValueError(f"a Bayer mosaic has at least 2 x 2 samples, got {width} x {height}")
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the mosaic's {width} x {height}")
    if any(place % 2 for place in (crop.top, crop.left, *origin)):
        raise ValueError(f"crop and origin must lie at even places, got {crop} at {origin}")
    shading = shading or Shading()
    mosaic = np.ascontiguousarray(mosaic, np.float32)
    if min(height, width) < _LEAST_SIDE:
        mosaic, shading, crop, origin = _padded(mosaic, shading, crop, origin)
    local: dict[str, object] = {}
    if uneven is not None:
        # Where the second pass's blocks begin a sample before, the nearest tile is as good as the same.
        top, left = (
            (start + place) // PERIOD * PERIOD for start, place in zip(origin, (crop.top, crop.left), strict=True)
        )
        local = uneven.of_blocks(top, left, -(-crop.height // PERIOD), -(-crop.width // PERIOD))
    out = _pass(mosaic, denoiser, shading, crop, origin, 0, local)
    if denoiser.passes == 2:
        out += _pass(mosaic, denoiser, shading, crop, origin, 2 if denoiser.linear else 1, local)
        out *= np.float32(0.5)
    return out


def denoise_linear(
    pixels: Float32,
    denoiser: Denoiser,
    shading: Shading | None = None,
    *,
    crop: Rectangle | None = None,
    origin: tuple[int, int] = (0, 0),
) -> Float32:
    """Less noise in linear white-balanced camera RGB: (H, W, 3) float32 to (h, w, 3).

    The kernel of the mosaic, with each pixel's R, G and B for a quad: blocks are 8 x 8 px.
    denoiser : of `prepare_denoise_linear`; `denoiser.margin` / 2 px around a pixel have a say in it. Else as `denoise`.
    """
    height, width = pixels.shape[:2]
    crop = crop or Rectangle(0, 0, height, width)
    shading = shading or Shading(np.ones((1, 1, 3), np.float32))
    if min(height, width) < 1:
        raise ValueError(f"there is nothing to denoise in {width} x {height} pixels")
    if min(crop.top, crop.left) < 0 or crop.top + crop.height > height or crop.left + crop.width > width:
        raise ValueError(f"crop {crop} is not within the picture's {width} x {height}")
    if min(height, width) < _LEAST_SIDE // 2:
        pixels, shading, crop, origin = _padded(pixels, shading, crop, origin)
    pixels = kernels.planar(pixels, np.float32)
    out = _linear_pass(pixels, denoiser, shading, crop, origin, shift=0)
    if denoiser.passes == 2:
        out += _linear_pass(pixels, denoiser, shading, crop, origin, shift=1)
        out *= np.float32(0.5)
    return out


def _padded(
    mosaic: Float32, shading: Shading, crop: Rectangle, origin: tuple[int, int]
) -> tuple[Float32, Shading, Rectangle, tuple[int, int]]:
    """The same with a mirrored border: the kernel mirrors once, which is not enough for the smallest mosaics."""
    n = _LEAST_SIDE
    (origin_x, origin_y), (step_x, step_y) = shading.origin, shading.step
    shading = replace(shading, origin=(origin_x - n * step_x, origin_y - n * step_y))
    crop = replace(crop, top=crop.top + n, left=crop.left + n)
    border = [(n, n), (n, n), (0, 0)][: mosaic.ndim]
    return np.pad(mosaic, border, mode="reflect"), shading, crop, (origin[0] - n, origin[1] - n)


def _pass(
    mosaic: Float32,
    denoiser: Denoiser,
    shading: Shading,
    crop: Rectangle,
    origin: tuple[int, int],
    shift: int,
    local: dict[str, object],
) -> Float32:
    """The crop by blocks that begin `shift` samples above and left of every fourth one."""
    before_y, before_x = (
        (start + place) % PERIOD + shift for start, place in zip(origin, (crop.top, crop.left), strict=True)
    )
    top, left = crop.top - before_y, crop.left - before_x
    rows, columns = -(-(crop.height + before_y) // PERIOD), -(-(crop.width + before_x) // 32) * 32
    out = np.empty((rows, PERIOD, columns // PERIOD, PERIOD), np.float32)
    # One sample on, along the diagonal, the positions of the CFA come in the opposite order.
    order = np.arange(4)[:: -1 if shift % 2 else 1]
    kernels.call(
        "denoise_uneven" if local else "denoise",
        mosaic=mosaic,
        left=left,
        top=top,
        denoised=out[:, None].transpose(2, 4, 1, 3, 0),
        **_plan(denoiser, order, np.arange(4), (origin[1] + left, origin[0] + top)),
        **denoiser.stabilising(order, _by_steps(shading, order, PERIOD, left, top)),
        **local,
    )
    return out.reshape(rows * PERIOD, columns)[before_y : before_y + crop.height, before_x : before_x + crop.width]


def _linear_pass(
    pixels: Float32, denoiser: Denoiser, shading: Shading, crop: Rectangle, origin: tuple[int, int], shift: int
) -> Float32:
    """The crop by blocks that begin `shift` pixels above and left of every second one."""
    period = PERIOD // 2
    before_y, before_x = (
        (start + place) % period + shift for start, place in zip(origin, (crop.top, crop.left), strict=True)
    )
    top, left = crop.top - before_y, crop.left - before_x
    rows, columns = -(-(crop.height + before_y) // period), -(-(crop.width + before_x) // 16) * 16
    out = np.empty((3, rows, period, columns // period, period), np.float32)
    kernels.call(
        "denoise_linear",
        pixels=pixels,
        left=left,
        top=top,
        denoised=out.transpose(2, 4, 0, 3, 1),
        **_plan(denoiser, LINEAR_POSITIONS, np.arange(3), (origin[1] + left, origin[0] + top)),
        **denoiser.stabilising(LINEAR_POSITIONS, _by_steps(shading, np.arange(3), period, left, top)),
    )
    made = out.reshape(3, rows * period, columns)[
        :, before_y : before_y + crop.height, before_x : before_x + crop.width
    ]
    return made.transpose(1, 2, 0)


def _plan(
    denoiser: Denoiser, positions: NDArray[np.intp], planes: NDArray[np.intp], corner: tuple[int, int]
) -> dict[str, object]:
    """The kernels' arguments that say how to shrink; corner : (x, y) of what is made, in the whole."""
    return {
        "basis": np.ascontiguousarray(denoiser.basis[np.ix_(planes, positions)]),
        "rise": denoiser.rise,
        "start": denoiser.start,
        "keep": denoiser.keep,
        "alike": denoiser.alike,
        "dark": denoiser.dark,
        "correction": np.ascontiguousarray(denoiser.correction[positions]),
        "first": np.ascontiguousarray(denoiser.first[positions]),
        "shift": denoiser.shift,
        "shift_left": corner[0],
        "shift_top": corner[1],
    }


def _by_steps(shading: Shading, positions: NDArray[np.intp], period: int, left: int, top: int) -> Shading:
    """One gain per step of the blocks, from its middle; positions : of the gains."""
    (origin_x, origin_y), (step_x, step_y) = shading.origin, shading.step
    # Whole steps are counted by the kernel: rounded origins would make strips differ from the whole.
    above, rest = divmod(shading.top + top, period)
    return Shading(
        shading.grid[..., positions],
        (origin_x + step_x * (left + (period - 1) / 2), origin_y + step_y * (rest + (period - 1) / 2)),
        (step_x * period, step_y * period),
        above,
    )

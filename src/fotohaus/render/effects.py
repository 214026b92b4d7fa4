"""What a look does by place: vignette, glow of lamps, local contrast, grain. Decided on the scene in small.

Sizes belong to the frame, not to pixels: at half the size, a photo has the same vignette, glow, texture and grain.
"""

from __future__ import annotations

import functools
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.render.blur import blurred
from fotohaus.render.look import Halation

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CORNER = 2.0
"""EV that a vignette of 1 takes from the corners."""
SMALL = 65536
"""Pixels of the scene in small, about."""
BAND = 64
"""Rows that are averaged at a time, about."""
MAPS, WIDE_SMALL = 16384, 3072
"""Pixels, about, of the maps that are made of it, and of what is made to bloom."""
BRIGHTEST = 4.0
"""Light that a lamp may spread, relative to the scene's white."""
NEAR, WIDE = 0.0132, 0.053
"""Deviations of glow and bloom, as shares of the frame's height."""
GLOW = np.array([0.06, 0.02, 0.007])
BLOOM = np.array([0.05, 0.05, 0.05])
"""Share of a lamp's light that goes into them at strength 1, by channel."""
COARSE = 0.02
"""Radius of coarse texture, as a share of the frame's height."""
COARSE_EDGE, COARSE_NOISE = 0.065, 0.006
"""Deviations of lightness around a place above which coarse contrast is an edge, and below which it is noise."""
COARSE_GAIN, FINE_GAIN = 0.8, 1.0
FINE_EDGE = 0.07
"""Detail in lightness above which fine contrast is an edge."""
FINE = 1 / 1340
"""Deviation of the blur that fine texture is the detail over, as a share of the frame's height."""
FINE_REACH = 14
"""Largest sum of the distances of its two blurs, in px."""
COLUMNS, BEYOND = 16, 128
"""Pixels between the columns of maps that the kernel takes, and those before and after the picture that they cover."""
GRAIN_TILE = 512
GRAIN_SIZE = 1 / 2500
"""Deviation of the blur that makes grain, as a share of the frame's height."""
GRAIN_GAIN = 0.055
"""Deviation of lightness in the mid-tones at strength 1, of grain that the pixels resolve."""
GRAIN_SEED = 0x0F07
GRAIN_UNIT = 32


def vignette_tangent(strength: float) -> float:
    """Tangent of the corner's angle: cos^4 there is 2^-(2 strength)."""
    return sqrt(2 ** (CORNER * strength / 2) - 1)


def vignette(
    shape: tuple[int, int], strength: float, at: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None
) -> Float64:
    """Share (H, W) of light that a vignette leaves: cos^4 of the angle to the axis, as behind a simple lens.

    at : rows and columns that are wanted; by default all of them.
    """
    rows, columns = at or (np.arange(shape[0]), np.arange(shape[1]))
    v, u = rows + 0.5 - shape[0] / 2, columns + 0.5 - shape[1] / 2
    falloff = vignette_tangent(strength) / half_diagonal(shape)
    return np.asarray(1 / np.square(1 + (v[:, None] ** 2 + u**2) * falloff**2))


def half_diagonal(shape: tuple[int, int]) -> float:
    """From a picture's centre to its corner, in px."""
    return float(np.hypot(*shape) / 2)


def in_small(pixels: Float32, about: int = SMALL) -> Float32:
    """Pixels (H, W, 3) averaged over square blocks to about so many; finite and not negative, planar in memory."""
    height, width = pixels.shape[:2]
    block = _block(height, width, about)
    sizes = -(-height // block), -(-width // block)
    small = np.empty((3, *sizes), np.float32)
    # A few rows at a time, which stay in the processor's cache.
    several = max(1, BAND // block)
    for first in range(0, sizes[0], several):
        rows = pixels[first * block : (first + several) * block].transpose(2, 0, 1)
        # fmax and fmin take the number where there is one.
        light = np.fmin(np.fmax(rows, np.float32(0)), np.float32(2.0**20))
        if block > 1:
            light = _summed(_summed(light, block).swapaxes(1, 2), block).swapaxes(1, 2)
        small[:, first : first + several] = light
    if block > 1:
        down, across = (
            (1 / np.minimum(block, size - block * np.arange(count))).astype(np.float32)
            for size, count in zip((height, width), sizes, strict=True)
        )
        small *= down[:, None]
        small *= across
    return small.transpose(1, 2, 0)


def _block(height: int, width: int, about: int) -> int:
    return min(max(1, round(sqrt(height * width / about))), max(1, min(height, width) // 2))


def _summed(planes: Float32, block: int) -> Float32:
    """Every so many rows of (n, h, w) in one; the last may be fewer."""
    summed = planes[:, ::block].copy()
    for i in range(1, block):
        part = planes[:, i::block]
        summed[:, : part.shape[1]] += part
    return summed


def _box(values: Float64, radius: int, axis: int) -> Float64:
    """Mean over 2 radius + 1 values along the last axis or the one before it, the edge's repeated beyond it."""
    size, count = values.shape[axis], 2 * radius + 1
    wide = values.take(np.clip(np.arange(-radius - 1, size + radius), 0, size - 1), axis)
    summed = np.cumsum(wide, axis=axis)
    if axis == -2:
        return np.asarray((summed[..., count:, :] - summed[..., :size, :]) * (1 / count))
    return np.asarray((summed[..., count:] - summed[..., :size]) * (1 / count))


def glow(small: Float32, halation: Halation, white: float) -> Float32:
    """Light (3, h, w), in smaller still, that lamps spread; `small` is exposed, `white` its level of display white.

    What spreads is light beyond white, smoothly: its share is n^4 / (n^4 + white^4) of the largest channel n; a lamp
    counts as 4 white at most.
    """
    if not (halation.glow or halation.bloom):
        height, width = small.shape[:2]
        block = _block(height, width, MAPS)
        return np.zeros((3, -(-height // block), -(-width // block)), np.float32)
    planes = small.transpose(2, 0, 1)
    n = np.maximum(np.maximum(planes[0], planes[1]), planes[2])
    fourth = np.square(np.square(n))
    share = fourth / (fourth + np.float32(white**4 + 1e-12))
    share *= np.minimum(np.float32(BRIGHTEST * white) / np.maximum(n, np.float32(1e-9)), 1)
    source = in_small((planes * share).transpose(1, 2, 0), MAPS)
    shape: tuple[int, int] = (source.shape[0], source.shape[1])
    made = np.zeros((3, *shape), np.float32)
    if halation.glow:
        strength = (halation.glow * GLOW).astype(np.float32)[:, None, None]
        made += strength * blurred(_planes(source), NEAR * shape[0], (1, 2))
    if halation.bloom:
        # What is blurred widely may be smaller still.
        source = in_small(source, WIDE_SMALL)
        strength = (halation.bloom * BLOOM).astype(np.float32)[:, None, None]
        wide = strength * blurred(_planes(source), WIDE * source.shape[0], (1, 2))
        block = _block(*shape, WIDE_SMALL)
        for axis, size in enumerate(shape, 1):
            wide = _between(wide, (np.arange(size) + 0.5) / block - 0.5, axis)
        made += wide
    return made


def _planes(pixels: Float32) -> Float32:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def map_block(shape: tuple[int, int]) -> int:
    """Pixels of the scene in small along the sides of a cell of the maps that are made of it."""
    return _block(*shape, MAPS)


def spacing(count: int, size: int) -> float:
    """Pixels from one of `count` samples of a side of `size` pixels to the next.

    It is a whole number where samples lie on the picture's own grid: the last one then stands for less than the others.
    """
    whole = -(-size // count)
    return whole if (count - 1) * whole < size else size / count


def sampled(size: int, block: int) -> NDArray[np.intp]:
    """Which of `size` pixels stand for blocks of them."""
    return np.minimum(np.arange(-(-size // block)) * block + block // 2, size - 1)


def coarse_texture(lightness: Float64, strength: float) -> Float64:
    """Factor and offset (2, h, w): coarse contrast adds factor lightness - offset to a pixel's lightness.

    A guided filter's base (He, Sun and Tang 2013, and its sampling in small: He and Sun 2015): where lightness varies
    little around a place, base is its mean; where an edge is, base is lightness itself, and nothing is added.
    """
    radius = max(1, round(COARSE * lightness.shape[0]))

    def mean(values: Float64) -> Float64:
        return _box(_box(values, radius, -2), radius, -1)

    middle = mean(lightness)
    variance = np.maximum(mean(lightness**2) - middle**2, 0)
    weight = 1 / (1 + (variance / COARSE_EDGE**2) ** 2) * variance / (variance + COARSE_NOISE**2)
    weight = weight * strength * COARSE_GAIN
    return np.stack([mean(weight), mean(weight * middle)])


def fine_blurs(height: int) -> tuple[int, int]:
    """Distances in px of the values of two binomial blurs, the one after the other, that make the fine base."""
    wanted = FINE * height
    second = min(max(1, round(0.9 * wanted)), FINE_REACH * 2 // 3)
    return min(round(sqrt(max(wanted**2 - second**2, 0))), second // 2), second


def _between(maps: NDArray[Any], position: Float64, axis: int) -> NDArray[Any]:
    """Maps at positions along an axis, in pixels of theirs, linear between them; the edge's beyond it."""
    count = maps.shape[axis]
    position = np.clip(position, 0, count - 1)
    first = np.minimum(position.astype(int), max(count - 2, 0))
    share = (position - first).astype(maps.dtype).reshape([-1 if i == axis else 1 for i in range(maps.ndim)])
    near = maps.take(first, axis)
    return np.asarray(near + share * (maps.take(np.minimum(first + 1, count - 1), axis) - near))


def in_columns(maps: Float32, width: int, apart: float) -> Float32:
    """Maps (n, h, w) of columns so many pixels apart, as the kernel takes them: (h, columns, n), planar, each 16 px.

    width : the picture's.
    """
    at = np.arange(-BEYOND, width + BEYOND + COLUMNS, COLUMNS)
    made = _between(maps, np.asarray((at + 0.5) / apart - 0.5, np.float64), 2)
    return np.ascontiguousarray(made, np.float32).transpose(1, 2, 0)


@functools.lru_cache(maxsize=4)
def grain_tile(deviation: float) -> NDArray[np.int8]:
    """Noise (512, 512) that repeats seamlessly, in 1/32 of the deviation of grain that is seen sharply.

    White noise through a Gaussian of `deviation` px: where grain is finer than pixels, each pixel averages many grains
    and the noise gets weaker; where it is coarser, it is smooth.
    """
    noise = np.random.Generator(np.random.Philox(GRAIN_SEED)).standard_normal((GRAIN_TILE, GRAIN_TILE))
    step = np.fft.rfftfreq(GRAIN_TILE), np.fft.fftfreq(GRAIN_TILE)
    square = step[0] ** 2 + step[1][:, None] ** 2
    made = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-2 * np.pi**2 * deviation**2 * square), noise.shape)
    # The mean over a pixel of noise whose correlation is exp(-d^2 / (4 deviation^2)).
    s = max(deviation, 1e-3)
    strength = (2 * s * sqrt(pi) * erf(0.5 / s) - 4 * s**2 * (1 - exp(-0.25 / s**2))) / made.std()
    return np.asarray(np.clip(np.rint(made * (strength * GRAIN_UNIT)), -127, 127), np.int8)


def grain_rows(tile: NDArray[np.int8], top: int, bottom: int, width: int) -> NDArray[np.int8]:
    """Grain for rows of a picture: the tile again and again, each time from another place."""
    size = GRAIN_TILE
    out = np.empty((bottom - top, width), np.int8)
    for y in range(top // size, -(-bottom // size)):
        first, last = max(top, y * size), min(bottom, (y + 1) * size)
        for x in range(-(-width // size)):
            mixed = (x * 0x9E3779B1 + y * 0x85EBCA77) & 0xFFFFFFFF
            mixed = (mixed ^ mixed >> 15) * 0x2C1B3C6D & 0xFFFFFFFF
            down, across = mixed % size, (mixed >> 16) % size
            # Rolled by (down, across), of which only the rows that are wanted are made.
            wanted = (np.arange(first - y * size, last - y * size) - down) % size
            right = min(size, width - x * size)
            line = out[first - top : last - top, x * size : x * size + right]
            line[:, : min(across, right)] = tile[wanted, size - across : size - across + min(across, right)]
            line[:, across:] = tile[wanted, : max(right - across, 0)]
    return out

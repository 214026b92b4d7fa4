"""What a look does by place: vignette, glow of lamps, local contrast, grain. Decided on the scene in small.

Sizes belong to the frame, not to pixels: at half the size, a photo has the same vignette, glow, texture and grain.
"""

from __future__ import annotations

import functools
from math import erf, exp, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.records import record
from fotohaus.render.look import Halation

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

CORNER = 2.0
"""EV that a vignette of 1 takes from the corners."""
SMALL = 65536
"""Pixels of the scene in small, about."""
BRIGHTEST = 4.0
"""Light that a lamp may spread, relative to the scene's white."""
NEAR, WIDE = 0.012, 0.05
"""Deviations of glow and bloom, as shares of the frame's height."""
GLOW = np.array([0.06, 0.02, 0.007])
BLOOM = np.array([0.05, 0.05, 0.05])
"""Share of a lamp's light that goes into them at strength 1, by channel."""
COARSE = 0.02
"""Radius of coarse texture, as a share of the frame's height."""
COARSE_EDGE, COARSE_NOISE = 0.10, 0.006
"""Deviations of lightness around a place above which coarse contrast is an edge, and below which it is noise."""
COARSE_GAIN, FINE_GAIN = 0.8, 1.0
FINE_EDGE = 0.07
"""Detail in lightness above which fine contrast is an edge."""
FINE = 1 / 1340
"""Deviation of the blur that fine texture is the detail over, as a share of the frame's height."""
FINE_REACH = 14
"""Largest sum of the distances of its two blurs, in px."""
COLUMNS, BEYOND = 16, 64
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


def vignette(shape: tuple[int, int], strength: float) -> Float64:
    """Share (H, W) of light that a vignette leaves: cos^4 of the angle to the axis, as behind a simple lens."""
    height, width = shape
    v, u = ((np.arange(n) + 0.5 - n / 2) for n in (height, width))
    falloff = vignette_tangent(strength) / half_diagonal(shape)
    return np.asarray((1 + (v[:, None] ** 2 + u**2) * falloff**2) ** -2)


def half_diagonal(shape: tuple[int, int]) -> float:
    """From a picture's centre to its corner, in px."""
    return float(np.hypot(*shape) / 2)


def in_small(pixels: Float32, about: int = SMALL) -> Float32:
    """Pixels (H, W, 3) averaged over square blocks to about so many; finite and not negative."""
    height, width = pixels.shape[:2]
    block = max(1, round(sqrt(height * width / about)))
    block = min(block, max(1, min(height, width) // 2))
    if block > 1:
        edges = [np.arange(0, n, block) for n in (height, width)]
        counts = [np.diff(np.append(edge, n)) for edge, n in zip(edges, (height, width), strict=True)]
        summed = np.add.reduceat(np.add.reduceat(_light(pixels), edges[0], axis=0), edges[1], axis=1)
        return np.asarray(summed / (counts[0][:, None, None] * counts[1][:, None]), np.float32)
    return _light(pixels)


def _light(pixels: Float32) -> Float32:
    finite = np.nan_to_num(pixels, nan=0, posinf=2.0**20, neginf=0)
    return np.asarray(np.clip(finite, 0, 2.0**20), np.float32)


def _box(values: Float64, radius: int, axis: int) -> Float64:
    """Mean over 2 radius + 1 values, the edge's repeated beyond it."""
    pad = [(0, 0)] * values.ndim
    pad[axis] = (radius + 1, radius)
    summed = np.cumsum(np.pad(values, pad, mode="edge"), axis=axis)
    count = 2 * radius + 1
    high, low = (np.take(summed, range(s, s + values.shape[axis]), axis=axis) for s in (count, 0))
    return np.asarray((high - low) / count)


def blurred(values: Float64, deviation: float) -> Float64:
    """Three box means over rows and columns of (h, w, ...): nearly a Gaussian of this deviation in pixels."""
    radius = max(1, round((sqrt(4 * deviation**2 + 1) - 1) / 2))
    for axis in (0, 1):
        for _ in range(3):
            values = _box(values, radius, axis)
    return values


def glow(small: Float32, halation: Halation, white: float) -> Float64:
    """Light (h, w, 3) that lamps spread around them; `small` is exposed, `white` its level of display white.

    What spreads is light beyond white, smoothly: its share is n^4 / (n^4 + white^4) of the largest channel n; a lamp
    counts as 4 white at most.
    """
    n = np.max(small, axis=2)
    share = n**4 / (n**4 + white**4 + 1e-12)
    source = small * (share * np.minimum(BRIGHTEST * white / np.maximum(n, 1e-9), 1))[..., None]
    height = small.shape[0]
    near, wide = (blurred(source.astype(np.float64), s * height) for s in (NEAR, WIDE))
    return np.asarray(halation.glow * GLOW * near + halation.bloom * BLOOM * wide)


def coarse_texture(lightness: Float64, strength: float) -> Float64:
    """Factor and offset (h, w, 2): coarse contrast adds factor lightness - offset to a pixel's lightness.

    A guided filter's base (He, Sun and Tang 2013, and its sampling in small: He and Sun 2015): where lightness varies
    little around a place, base is its mean; where an edge is, base is lightness itself, and nothing is added.
    """
    radius = max(1, round(COARSE * lightness.shape[0]))

    def mean(values: Float64) -> Float64:
        return _box(_box(values, radius, 0), radius, 1)

    middle = mean(lightness)
    variance = np.maximum(mean(lightness**2) - middle**2, 0)
    weight = COARSE_EDGE**2 / (variance + COARSE_EDGE**2) * variance / (variance + COARSE_NOISE**2)
    weight = weight * strength * COARSE_GAIN
    return np.stack([mean(weight), mean(weight * middle)], axis=-1)


def fine_blurs(height: int) -> tuple[int, int]:
    """Distances in px of the values of two binomial blurs, the one after the other, that make the fine base."""
    wanted = FINE * height
    second = min(max(1, round(0.9 * wanted)), FINE_REACH * 2 // 3)
    return min(round(sqrt(max(wanted**2 - second**2, 0))), second // 2), second


@record
class Small:
    """Maps over a whole picture of `height` rows, (h, columns, n): a column for every 16 px."""

    maps: Float32
    height: int

    def rows(self, top: int, bottom: int) -> Float32:
        """Rows of the picture, columns as in small: (bottom - top, w, n), linear between the maps' rows."""
        return self.at(np.arange(top, bottom))

    def at(self, rows: ArrayLike) -> Float32:
        """The same for any rows (n,), or places between them."""
        count = self.maps.shape[0]
        position = np.clip((np.asarray(rows) + 0.5) * (count / self.height) - 0.5, 0, count - 1)
        above = position.astype(int)
        below = np.minimum(above + 1, count - 1)
        share = (position - above).astype(np.float32)[:, None, None]
        first = self.maps[above]
        return np.asarray(first + share * (self.maps[below] - first))


def in_columns(maps: Float64, shape: tuple[int, int]) -> Small:
    """Maps (h, w, n) that lie over a picture of this shape, as the kernel takes them: linear between their columns."""
    count = maps.shape[1]
    at = np.arange(-BEYOND, shape[1] + BEYOND + COLUMNS, COLUMNS)
    position = np.clip((at + 0.5) * (count / shape[1]) - 0.5, 0, count - 1)
    left = np.minimum(position.astype(int), max(count - 2, 0))
    right = np.minimum(left + 1, count - 1)
    share = (position - left)[:, None]
    return Small(np.asarray(maps[:, left] + share * (maps[:, right] - maps[:, left]), np.float32), shape[0])


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
            moved = _moved(tile, down, across)
            out[first - top : last - top, x * size : (x + 1) * size] = moved[
                first - y * size : last - y * size, : min(size, width - x * size)
            ]
    return out


def _moved(tile: NDArray[np.int8], down: int, across: int) -> NDArray[np.int8]:
    return np.roll(tile, (down, across), axis=(0, 1))

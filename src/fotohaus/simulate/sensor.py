"""The simulated sensor: colour, levels, lens shading, noise, hot pixels, quantisation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw.image import PLANES, CfaPattern, ColorCalibration, GainMap, NoiseProfile, Rectangle

Float32 = NDArray[np.float32]

XYZ_FROM_SRGB = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
NEUTRAL = (0.50, 1.0, 0.62)
# A phone-like sensor: colours overlap, more so in green and blue; each row sums to 1, so that grey stays grey.
CAMERA_FROM_SRGB = np.diag(NEUTRAL) @ np.array([[0.62, 0.32, 0.06], [0.18, 0.72, 0.10], [0.04, 0.28, 0.68]])


def phone_noise(iso: float) -> NoiseProfile:
    """Noise of a phone's main camera: variance = 1.807e-4 (iso/100) x + 3.194e-6 (iso/100)²."""
    gain = iso / 100
    return NoiseProfile(scale=(1.807e-4 * gain,) * 3, offset=(3.194e-6 * gain * gain,) * 3)


def cfa_planes(cfa: CfaPattern) -> NDArray[np.int32]:
    """(2, 2) int32: which of R, G, B stands at [y & 1, x & 1]."""
    return np.array([PLANES.index(letter) for letter in cfa], np.int32).reshape(2, 2)


@dataclass(frozen=True)
class Sensor:
    """The camera behind the lens.

    size: (h, w) px, even. bits: 10 to 14; black level 1/16 of the range, white level its top. noise: variance of
    the signal in units of the white level after black. baseline_exposure: EV that a developer should add. shading:
    how many times darker the corners are than the centre (1: not at all), a little different from colour to colour.
    hot: share of pixels with a fixed, strong offset.
    """

    size: tuple[int, int]
    cfa: CfaPattern
    bits: int
    noise: NoiseProfile
    baseline_exposure: float
    shading: float
    hot: float
    seed: int

    @property
    def black(self) -> int:
        """Black level in DN."""
        return 64 << (self.bits - 10)

    @property
    def white(self) -> int:
        """White level in DN."""
        return (1 << self.bits) - 1

    @property
    def planes(self) -> NDArray[np.int32]:
        """Which of R, G, B stands at [y & 1, x & 1]."""
        return cfa_planes(self.cfa)

    @property
    def color(self) -> ColorCalibration:
        """Colour calibration for the light that the world is taken to be under, D65."""
        return ColorCalibration(
            color_matrix_1=CAMERA_FROM_SRGB @ np.linalg.inv(XYZ_FROM_SRGB),
            illuminant_1=21,
            as_shot_neutral=NEUTRAL,
            baseline_exposure=self.baseline_exposure,
        )

    @cached_property
    def gain_maps(self) -> tuple[GainMap, ...]:
        """The gains that undo the shading, one map per position of the CFA, as phones write them (opcode list 2)."""
        if self.shading == 1:
            return ()
        v, h = np.mgrid[-1:1:13j, -1:1:17j]  # 13 x 17 points, as common in phones
        radius = (v * v + h * h) / 2
        maps = []
        for top in (0, 1):
            for left in (0, 1):
                strength = self.shading - 1
                strength *= (1.06, 1.0, 0.96)[self.planes[top, left]]
                gains = (1 + strength * radius * (0.7 + 0.3 * radius)).astype(np.float32)
                height, width = self.size
                maps.append(
                    GainMap(
                        area=Rectangle(top, left, height - top, width - left),
                        row_pitch=2,
                        col_pitch=2,
                        plane=0,
                        planes=1,
                        origin_v=0.0,
                        origin_h=0.0,
                        spacing_v=1 / 12,
                        spacing_h=1 / 16,
                        gains=gains[..., None],
                    )
                )
        return tuple(maps)

    def shade(self, light: Float32) -> None:
        """Darken a mosaic in place by exactly what its gain maps undo."""
        for gain_map in self.gain_maps:
            rows = slice(gain_map.area.top, None, gain_map.row_pitch)
            columns = slice(gain_map.area.left, None, gain_map.col_pitch)
            light[rows, columns] /= gains_at(gain_map, self.size)

    @cached_property
    def hot_pixels(self) -> tuple[NDArray[np.intp], Float32]:
        """Flat indices of the hot pixels and what each adds to the signal, the same in every frame."""
        rng = np.random.default_rng([self.seed, 1])
        count = round(self.hot * self.size[0] * self.size[1])
        index = rng.choice(self.size[0] * self.size[1], count, replace=False)
        return index, rng.uniform(0.15, 0.8, count).astype(np.float32)

    def expose(self, light: Float32, frame: int) -> NDArray[np.uint16]:
        """Read out light (units of the white level after black, used up): noise, clipping, quantisation."""
        index, offset = self.hot_pixels
        light.reshape(-1)[index] += offset
        scale, zero = (np.array(v, np.float32)[self.planes] for v in (self.noise.scale, self.noise.offset))
        deviation = np.empty_like(light)
        for y in (0, 1):
            for x in (0, 1):
                part = np.s_[y::2, x::2]
                np.multiply(light[part], scale[y, x], out=deviation[part])
                deviation[part] += zero[y, x]
        np.sqrt(deviation, out=deviation)
        deviation *= np.random.default_rng([self.seed, 2, frame]).standard_normal(light.shape, np.float32)
        light += deviation
        light *= self.white - self.black
        light += self.black
        np.rint(light, out=light)
        np.clip(light, 0, self.white, out=light)
        mosaic: NDArray[np.uint16] = light.astype(np.uint16)
        return mosaic


def gains_at(gain_map: GainMap, size: tuple[int, int]) -> Float32:
    """Gains at the pixels that a map applies to (rows and columns of its pitch), for a mosaic of `size`.

    Bilinear between the points, the nearest beyond them; a pixel's place is its centre (DNG 1.7.1, GainMap).
    """
    area, gains = gain_map.area, gain_map.gains[..., 0]

    def weights(start: int, length: int, pitch: int, whole: int, origin: float, spacing: float, points: int) -> Float32:
        place = ((np.arange(start, start + length, pitch) + 0.5) / whole - origin) / spacing
        distance = np.abs(np.clip(place, 0, points - 1)[:, None] - np.arange(points))
        return np.asarray(np.maximum(1 - distance, 0), np.float32)

    points_v, points_h = gains.shape
    v = weights(area.top, area.height, gain_map.row_pitch, size[0], gain_map.origin_v, gain_map.spacing_v, points_v)
    h = weights(area.left, area.width, gain_map.col_pitch, size[1], gain_map.origin_h, gain_map.spacing_h, points_h)
    return np.asarray(v @ gains @ h.T, np.float32)

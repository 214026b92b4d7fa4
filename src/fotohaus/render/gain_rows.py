"""A picture's gain map, made as its rows are: in any order, in several threads."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.kernels.common_tables import TILE
from fotohaus.recipe import Recipe
from fotohaus.render import tone
from fotohaus.render.color import LUMINANCE
from fotohaus.render.gain_map import GainMap, block_of
from fotohaus.render.hdr_rendition import HdrRendition

Float32 = NDArray[np.float32]

STEPS = 255
LEAST = -1.0
"""Stops below 0, about, that a channel of its own may gain. It gains no more than the headroom, so that white, which a
reader may lay beside a strong gain, does not get beyond the peak."""
OFFSET = 1 / 256
"""Light that is added to both renditions where each channel has its gain: next to black, it could be anything."""


class GainRows:
    """The gain map of an HDR rendition, grey or with a gain for each channel.

    A pixel of the map stands for a block of the picture; its gain is that of the block's mean light in the scene,
    and so of its brightest part where light and dark meet: lamps keep their peak.
    """

    def __init__(self, hdr: HdrRendition, recipe: Recipe) -> None:
        height, width = hdr.shape
        self._hdr, self._block = hdr, block_of(hdr.shape, recipe.gain_size)
        rows, columns = (max(1, round(n / self._block)) for n in hdr.shape)
        padded = -(-columns // TILE) * TILE
        self._columns = columns
        self._starts = np.rint(np.arange(rows) * (height / rows)).astype(np.int32)
        self._drift = width / columns - self._block if columns > 1 else 0.0
        headroom = hdr.curve.headroom
        shining = int((hdr.stops > 0.5 / STEPS * headroom).argmax())
        place = hdr.character.place(0)
        self._level = float(tone.levels()[max(shining - 1, 0)]) / most_mixed(place["mono"], place["mix"])
        if recipe.gain_map == "rgb" and hdr.colored:
            # No gain is a number of its own, exactly.
            self._none = ceil(STEPS * LEAST / (LEAST - headroom))
            self._low, self._high = -headroom * self._none / (STEPS - self._none), headroom
            self._offset = OFFSET
            self._pixels = np.full((rows, padded, 3), self._none, np.uint8)
        else:
            self._low, self._high, self._offset = 0.0, headroom, 0.0
            self._pixels = np.zeros((rows, padded), np.uint8)
            self._codes = np.ascontiguousarray(hdr.stops[:, None] * (STEPS / headroom), np.float32)
            self._least = least_square(hdr, self._level)
        # A lamp shines as brightly as it can: what is beyond would only make its block larger.
        peak = np.interp(0.999 * headroom, hdr.curve.stops, np.arange(len(hdr.curve.stops)))
        self._largest = 2 * hdr.curve.level(float(peak)) / hdr.gain

    def needed(self, bottom: int) -> int:
        """The row up to before which light is needed for the rows before `bottom`."""
        last = int(np.searchsorted(self._starts, bottom)) - 1
        return min(int(self._starts[last]) + self._block, self._hdr.shape[0])

    def add(self, light: Float32, first: int, top: int, bottom: int) -> None:
        """Make the map's rows that begin at `top` and before `bottom`, from rows of the scene from `first` on."""
        begin, end = (int(v) for v in np.searchsorted(self._starts, (top, bottom)))
        if begin == end:
            return
        starts = self._starts[begin:end] - np.int32(first)
        small = {
            "pixels": light,
            "gain": self._hdr.gain,
            **self._hdr.character.place(first),
            "rows": starts,
            "block": self._block,
            "drift": self._drift,
            "largest": self._largest,
        }
        if self._pixels.ndim == 2:
            kernels.call("gain_map", **small, codes=self._codes, least=self._least, gains=self._pixels[begin:end])
            return
        made = kernels.empty((end - begin, *self._pixels.shape[1:]))
        kernels.call("light_in_small", **small, light=made)
        # Most of a picture has no gain: what follows sees the pieces alone that have light for one.
        bright = np.maximum(np.maximum(made[..., 0], made[..., 1]), made[..., 2]) > self._level
        shining = bright.reshape(-1, TILE).any(1)
        if not shining.any():
            return
        pieces = made.transpose(2, 0, 1).reshape(3, -1, TILE)[:, shining].transpose(1, 2, 0)
        sdr, hdr = self._hdr.in_color(pieces)
        gain = np.log2((hdr + OFFSET) / (sdr + OFFSET))
        codes = np.rint(gain * ((STEPS - self._none) / self._high)) + self._none
        self._pixels[begin:end].reshape(-1, TILE, 3)[shining] = np.clip(codes, 0, STEPS)

    def gain_map(self) -> GainMap:
        """The map as far as it is made."""
        low, high, offset = ((float(v),) * 3 for v in (self._low, self._high, self._offset))
        pixels = np.ascontiguousarray(self._pixels[:, : self._columns])
        return GainMap(pixels, low, high, (1.0,) * 3, offset, offset, self._hdr.curve.headroom)


def most_mixed(mono: float, mix: Float32) -> float:
    """How many times its norm light can be on the way to black and white."""
    return 1 + mono * max(0.0, float(np.sqrt((mix**2 / LUMINANCE).sum())) - 1)


def least_square(hdr: HdrRendition, level: float) -> float:
    """The square of light's norm, before exposure, up to which no place in the picture brings that to a level.

    It is negative where the glow of lamps alone does.
    """
    place = hdr.character.place(0)
    wanted = level - float(place["small"][..., :3].max())
    if wanted <= 0:
        return -1.0
    squares = 2.0 ** np.arange(-40, 20, 0.125)
    octaves = np.log2((squares + place["tone_floor"]) * place["tone_scale"])
    of_levels = place["tone"].max((1, 2))
    gain = np.maximum(of_levels[:-1], of_levels[1:])[np.clip(octaves, 0, len(of_levels) - 2).astype(int)] * hdr.gain
    reached = np.sqrt(squares[1:]) * np.maximum(gain[:-1], gain[1:]) >= wanted
    return float(squares[reached.argmax() if reached.any() else -1])

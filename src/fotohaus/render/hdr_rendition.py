"""The HDR rendition of a picture on its pixels: what the kernels take for it, besides what the SDR rendition has."""

from __future__ import annotations

import functools
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.render import color, look_color, tone
from fotohaus.render.character import Character
from fotohaus.render.effects import in_small
from fotohaus.render.hdr import HdrCurve
from fotohaus.render.local_tone import LocalTone
from fotohaus.render.look import Look
from fotohaus.render.look_curve import LookCurve
from fotohaus.render.picture import Gamut

Float32 = NDArray[np.float32]

SAMPLES = 65536
"""Pixels of the scene in small that are looked at for its brightest light, at least."""
BRIGHTEST = 0.9999
"""Share of the scene in small that is not brighter than what counts as its brightest light."""


def brightest(overview: Float32, look: Look, exposure: float, local: LocalTone | None) -> float:
    """The scene's brightest light after exposure, as the look's curve takes it: lamps, the sun, what clipped.

    overview : all of the scene, (h, w, 3) linear Rec. 2020. exposure : linear. local : the picture's local tone.
    """
    small = kernels.planar(in_small(overview, 2 * SAMPLES) if overview[..., 0].size > 4 * SAMPLES else overview)
    if local is not None:
        small = replace(local, shape=small.shape[:2]).apply(small)
    light = look_color.norm(np.nan_to_num(small.reshape(-1, 3), nan=0, posinf=2.0**20), look)
    last = light.size - 1
    return float(np.partition(light, ceil(BRIGHTEST * last))[ceil(BRIGHTEST * last)]) * exposure


class HdrRendition:
    """A picture's HDR rendition.

    curve : how it parts from the SDR one. look : the picture's. sdr_curve : the SDR rendition's curve; None: a cut.
    colored : whether the HDR rendition has colours of its own; not if the picture is finished in another way than by
    the curve. arguments : what the SDR rendition's kernel takes. character : what of the look is more than a curve.
    shape, gamut : the picture's.
    """

    def __init__(
        self,
        curve: HdrCurve,
        look: Look,
        sdr_curve: LookCurve | None,
        colored: bool,
        arguments: dict[str, Any],
        character: Character | None,
        shape: tuple[int, int],
        gamut: Gamut,
    ) -> None:
        self.curve, self.shape, self.gamut = curve, shape, gamut
        self.colored = colored
        self.sdr_arguments = arguments
        if character is None:
            character = Character(look, np.zeros((2, 2, 3), np.float32), shape, arguments["curve"], 1.0, None)
        self.character = character
        level = tone.levels()
        self.stops = curve.gain(level)
        table = arguments["curve"].copy()
        if sdr_curve is not None:
            table[:, 3] = tone.packed_keep(curve.keep(level, sdr_curve.keep(level)) * (1 - look.mono.amount))
            room = curve.room(level)
            factor = 2.0**self.stops / room**3
        else:
            # Light comes uncut: what stops it is the peak.
            exceeding = np.maximum(np.log2(np.maximum(level, 1)) - self.stops, 0)
            room = 2.0 ** (-(curve.headroom + exceeding) / 3)
            factor = np.full_like(room, 2.0**curve.headroom)
        shine = np.stack([room, factor], axis=-1).astype(np.float32)
        self._arguments = {**arguments, "curve": table, "shine": shine, "to_output": _to_rec2020(gamut)}

    def rows(self, pixels: Float32, top: int) -> Float32:
        """Rows of the HDR rendition in the SDR one's curve and colour, from those of a scene: linear Rec. 2020."""
        out = np.empty(pixels.shape, np.float32)
        self.character.render(pixels, self._arguments, top, out, hdr=True)
        return out

    def in_color(self, light: Float32) -> tuple[Float32, Float32]:
        """Both renditions of light (H, W, 3) as the curve takes it, SDR first, in the picture's own primaries, linear.

        Without what depends on the place.
        """
        encoded, hdr = np.empty(light.shape, np.uint16), np.empty(light.shape, np.float32)
        self.character.render_color(light, self.sdr_arguments, encoded)
        own = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
        self.character.render_color(light, {**self._arguments, "to_output": own}, hdr, hdr=True)
        return color.decode_srgb(encoded / 65535).astype(np.float32), hdr

    def on_picture(self, light: Float32, sdr: NDArray[np.uint16], top: int, gamut: Gamut) -> Float32:
        """Rows of the HDR rendition of a picture that is finished in another way: its light times the gain.

        light : the scene's. sdr : rows of the picture from `top` on, (h, W, 3), in the primaries of `gamut`.
        """
        out = np.empty(sdr.shape, np.float32)
        kernels.call(
            "hdr_of_picture",
            pixels=light,
            gain=self.gain,
            **self.character.place(top),
            sdr=np.ascontiguousarray(sdr),
            factor=np.ascontiguousarray(2.0 ** self.stops[:, None], np.float32),
            to_output=_to_rec2020(gamut),
            picture=out,
        )
        return out

    @property
    def gain(self) -> float:
        """Exposure that the kernels give to light."""
        return float(self.sdr_arguments["gain"])


@functools.cache
def _to_rec2020(gamut: Gamut) -> Float32:
    return color.differences(np.linalg.solve(color.rgb_to_xyz("rec2020"), color.rgb_to_xyz(gamut)), 0)

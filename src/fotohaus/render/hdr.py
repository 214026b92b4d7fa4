"""The HDR rendition of a look: where it parts from the SDR one, and how light goes on from there up to the headroom.

Both renditions are one below the parting. Above it the HDR one is the SDR one times a gain that grows with the level of
light alone, and keeps the colour that the SDR one gives up on its way to display white.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.kernels.common_tables import CURVE_HIGH, CURVE_LOW
from fotohaus.records import record
from fotohaus.render import color, gamut, look_color
from fotohaus.render.look import Look
from fotohaus.render.look_curve import LookCurve
from fotohaus.render.picture import Gamut
from fotohaus.render.tone import MID_GREY

Float64 = NDArray[np.float64]

PARTING = 0.7
"""Display light of the SDR rendition up to which the HDR one is the same: 219 of 255, a little below a white sheet."""
ONSET = 1.0
"""EV of the scene over which the HDR rendition gets its own slope."""
LEAST_SLOPE, MOST_SLOPE = 1.0, 1.8
"""Slope in log-log that highlights have until they near the peak: the scene's own, more if its lights are low."""
ARRIVAL = 2.0
"""Times the headroom that highlights would gain if they did not bend on arrival; at 2, they do so in a parabola."""
RANGE = 2.2
"""EV, beyond the headroom's own, from the parting to the peak at the most: lamps and the sun do not differ beyond."""
KEPT = 0.6
"""How much of the colour that the SDR rendition gives up is kept, as an exponent: near clipping, it is no sure one."""
LEAST_HEADROOM = 0.1
"""Stops below which there is nothing to shine."""
FINE = 64
"""Steps per EV in which the gain is summed up."""


@record
class HdrCurve:
    """Gain of the HDR rendition over the SDR one, by scene-linear light after exposure.

    headroom : stops that it gets to. stops : gain at 2^CURVE_LOW and every 1/FINE EV on, never falling.
    """

    headroom: float
    stops: Float64

    def gain(self, level: ArrayLike) -> Float64:
        """Gain in stops at a level: 0 below the parting, `headroom` at the most."""
        at = np.log2(np.maximum(np.asarray(level, np.float64), 2.0**CURVE_LOW)) - CURVE_LOW
        return np.asarray(np.interp(at * FINE, np.arange(len(self.stops)), self.stops))

    def level(self, entry: float) -> float:
        """Level of an entry of `stops`, or of a place between two."""
        return float(2.0 ** (entry / FINE + CURVE_LOW))

    def _parted(self, gain: Float64) -> Float64:
        """How far the renditions have parted, 0 to 1: at half of the headroom they have."""
        return _smooth(2 * gain / max(self.headroom, 1e-9))

    def keep(self, level: ArrayLike, keep: Float64) -> Float64:
        """Share of colour kept, of the share that the SDR rendition keeps."""
        return np.asarray(np.maximum(keep, 1e-9) ** (1 - KEPT * self._parted(self.gain(level))))

    def room(self, level: ArrayLike) -> Float64:
        """Lightness as a share of what it would be against SDR white: how far away from white a colour may stay.

        Against the peak it is smaller than against SDR white by the cube root of the light that is left to the peak.
        """
        gain = self.gain(level)
        return np.asarray(2.0 ** (-(self.headroom - gain) * self._parted(gain) / 3))


NONE = HdrCurve(0.0, np.zeros(1))


def _smooth(t: ArrayLike) -> Float64:
    """0 below 0, 1 above 1, a cubic between."""
    t = np.clip(np.asarray(t, np.float64), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def hdr_curve(
    curve: Callable[[ArrayLike], Float64] | None, brightest: float, headroom: float, *, finished: bool = False
) -> HdrCurve:
    """How the HDR rendition of a scene parts from the SDR one.

    curve : display-linear light of scene-linear light, the SDR rendition's; None: light as it is, cut at 1, which then
    goes on as it is. brightest : scene-linear light of lamps, of the sun. headroom : stops over SDR white to get to if
    the scene has light for it. finished : the scene is a photo that was finished in HDR: from mid-grey on, its light is
    what the HDR rendition shows, whatever the SDR one makes of it.

    Beyond the parting the slope in log-log goes from the SDR curve's smoothly to one that brings the scene's brightest
    light to the peak, if one between LEAST_SLOPE and MOST_SLOPE does; otherwise less headroom is used. What exceeds
    the SDR curve by g then gains h (1 - (1 - g/G)^(G/h)): g at first, h at g = G with slope 0. Never below 0, never
    falling.
    """
    at = np.arange((CURVE_HIGH - CURVE_LOW) * FINE + 1) / FINE + CURVE_LOW
    lamps = float(np.log2(min(max(brightest, 2.0**CURVE_LOW), 2.0**CURVE_HIGH)))
    if curve is None or finished:
        display = np.minimum(at, 0) if curve is None else np.log2(np.maximum(curve(2.0**at), 1e-12))
        free = np.maximum.accumulate(np.where(at > np.log2(MID_GREY), np.maximum(at - display, 0), 0))
        most = float(np.interp(lamps, at, free))
        used = min(headroom, most)
    else:
        free, most = _beyond(np.log2(np.maximum(curve(2.0**at), 1e-12)), at, lamps, headroom)
        used = min(headroom, most / ARRIVAL)
    if used < LEAST_HEADROOM:
        return NONE
    return HdrCurve(used, used * (1 - np.maximum(1 - free / most, 0) ** (most / used)))


def _beyond(display: Float64, at: Float64, lamps: float, headroom: float) -> tuple[Float64, float]:
    """By how many stops light would exceed an SDR curve if nothing bent it before the peak, and lamps would.

    display, at, lamps : log2 of display light, of the light that becomes it, and of the scene's brightest.
    """
    bright = np.flatnonzero(display > np.log2(PARTING))
    start = at[bright[0]] if bright.size else at[-1]
    end = round(min(lamps, start + headroom + RANGE) * FINE) / FINE
    middle = (at[1:] + at[:-1]) / 2
    weight = _smooth((middle - start) / ONSET)
    slope = np.diff(display) * FINE
    inside = middle < end
    whole = max(float((weight * inside).sum()) / FINE, 1e-9)
    # A hair more than is wanted, so that rounding leaves the headroom whole.
    wanted = (1.000001 * ARRIVAL * headroom + float((weight * slope * inside).sum()) / FINE) / whole
    aim = min(max(wanted, LEAST_SLOPE), MOST_SLOPE)
    free = np.append(0, np.cumsum(weight * np.maximum(aim - slope, 0)) / FINE)
    return free, float(np.interp(end, at, free))


def hdr_pixels(pixels: ArrayLike, look: Look, curve: LookCurve, hdr: HdrCurve, space: Gamut) -> Float64:
    """Display-linear RGB (..., 3) in the primaries of `space`, SDR white at 1, of scene-linear Rec. 2020 (..., 3).

    The HDR rendition's global colour, as `look_color.apply_look` is the SDR one's: every pixel for itself.
    """
    n = look_color.norm(pixels, look)
    room, gain = hdr.room(n), 2.0 ** hdr.gain(n)
    lab = look_color.look_lab(pixels, look, curve, keep=hdr.keep(n, curve.keep(n))) * room[..., None]
    rgb = np.clip(color.from_oklab(gamut.map_lab(lab, space), space), 0, 1)
    return np.asarray(rgb * (gain / room**3)[..., None])

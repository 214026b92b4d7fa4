"""The tone curve of a look: the neutral curve, after exposure has been bent in log-log around mid-grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.records import record
from fotohaus.render.look import Look, Tone
from fotohaus.render.tone import LARGEST, MID_GREY, SHARPEST_SHOULDER, FilmicCurve, filmic_curve

Float64 = NDArray[np.float64]

TOE, TOE_WIDTH = 3.2, 0.6
"""Where the toe begins, in EV below mid-grey, and over how many EV it does."""
SOFTEST = 1.1
"""The softest shoulder of any look."""
DEEPEST = 2.0**-40
"""Beyond any shadow; keeps its logarithm finite."""


def bend(ev: ArrayLike, tone: Tone) -> Float64:
    """What a look adds to exposure, in EV, at `ev` over mid-grey; smooth, and 0 for the neutral tone.

    slope width tanh(ev / width) steepens the mid-tones and leaves the rest parallel; the toe is a softplus, a straight
    line of its slope in the deep shadows; brightness is the same everywhere. Within the limits of
    `Tone`, brighter light never comes out darker.
    """
    ev = np.asarray(ev, np.float64)
    middle = tone.slope * tone.width * np.tanh(ev / tone.width)
    deep = tone.toe * TOE_WIDTH * np.logaddexp(0, -(ev + TOE) / TOE_WIDTH)
    return np.asarray(tone.brightness + middle - deep)


@record
class LookCurve:
    """The neutral curve on bent exposure: display-linear light of scene-linear light, black lifted at last."""

    base: FilmicCurve
    tone: Tone

    def bent(self, x: ArrayLike) -> Float64:
        """Scene-linear light as the neutral curve takes it."""
        x = np.clip(np.asarray(x, np.float64), 0, LARGEST)
        if self.tone == Tone():
            return x
        return np.asarray(np.minimum(x * 2 ** bend(np.log2(np.maximum(x, DEEPEST) / MID_GREY), self.tone), LARGEST))

    def __call__(self, x: ArrayLike) -> Float64:
        """Display-linear value of scene-linear x."""
        y = self.base(self.bent(x))
        return np.asarray(self.tone.black + (1 - self.tone.black) * y) if self.tone.black else y

    def keep(self, x: ArrayLike) -> Float64:
        """Share of colour kept, as `FilmicCurve.keep`; a lifted black is lifted without its colour."""
        bent = self.bent(x)
        keep = self.base.keep(bent)
        if self.tone.black:
            y = (1 - self.tone.black) * self.base(bent)
            keep = keep * np.cbrt(y / (self.tone.black + y))
        return keep


def look_curve(look: Look, white: float) -> LookCurve:
    """The look's curve for a scene whose white lies at scene-linear `white`, after exposure."""
    tone = look.tone
    placed = white * 2 ** float(bend(np.log2(white / MID_GREY), tone))
    base = filmic_curve(placed)
    if tone.shoulder:
        base = FilmicCurve(min(max(base.shoulder * (1 + tone.shoulder), SOFTEST), SHARPEST_SHOULDER))
    return LookCurve(base, tone)

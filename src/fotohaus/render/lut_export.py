"""A look's global colour as a table, for programs that know nothing of looks.

Looks work on light of the scene; tables get a finished picture. So each entry's colour is taken back through the
neutral rendition (gamut mapping, colour given up in lights, tone curve) to light of the scene, numerically, and from
there to the look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.render import color, gamut, tone
from fotohaus.render.look import Look
from fotohaus.render.look_color import apply_look
from fotohaus.render.picture import Gamut

Float64 = NDArray[np.float64]

WHITE = 2.0
"""Scene-linear white, 3.5 EV over mid-grey, that tables are made for; a photo's own is found with its exposure."""
MOST_BEYOND = 1.2
"""How far beyond the gamut's boundary, as a share of it, colours of a picture are taken to have been. Farther off,
colours lie closer together in the picture than a table's entries: an entry would spoil those all around it."""
LEAST_EV, MOST_EV, STEP_EV, HALVINGS, CHROMA_HALVINGS = -14.0, 10.0, 1.0, 30, 8
LEFT_OUT = "local tone, texture, sharpening, vignette, grain and halation"
"""What depends on the place in the picture, which no table can hold."""


def to_scene(display: ArrayLike, white: float = WHITE, space: Gamut = "srgb") -> Float64:
    """Scene-linear Rec. 2020 (..., 3) which the neutral rendition shows as display-linear RGB (..., 3) of `space`.

    Bright and strong colours are beyond the neutral rendition, which gives colour up in lights: they get the light of
    the strongest colour of their hue and lightness that is not.
    """
    lab = color.to_oklab(np.clip(np.asarray(display, np.float64), 0, 1), space)
    share = np.hypot(lab[..., 1], lab[..., 2])
    limit = gamut.largest_chroma(lab[..., 0], lab[..., 1], lab[..., 2], space)
    share = share / np.maximum(limit, 1e-7)
    wide = (lab * _chroma(_widened(share) / np.maximum(share, 1e-7))).reshape(-1, 3)
    curve = tone.filmic_curve(white)
    low, high = _bracket(wide, curve)
    beyond = np.flatnonzero(np.isnan(high))
    if len(beyond):
        weak, strong = np.zeros(len(beyond)), np.ones(len(beyond))
        for _ in range(CHROMA_HALVINGS):
            middle = (weak + strong) / 2
            shown = np.isfinite(_bracket(wide[beyond] * _chroma(middle), curve)[1])
            weak, strong = np.where(shown, middle, weak), np.where(shown, strong, middle)
        wide[beyond] *= _chroma(weak)
        low[beyond], high[beyond] = _bracket(wide[beyond], curve)
        high = np.where(np.isnan(high), MOST_EV, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = _excess(wide, 2.0**middle, curve) > 0
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    n = 2.0**high
    light = _before(wide, n, curve) * (n / curve(n))[:, None]
    return light.reshape(lab.shape)


def _chroma(factor: Float64) -> Float64:
    """Factors on Oklab (..., 3) that change nothing but the chroma."""
    return np.stack([np.ones_like(factor), factor, factor], axis=-1)


def _before(lab: Float64, n: Float64, curve: tone.FilmicCurve) -> Float64:
    """What a colour was before the line to the neutral, relative to the display's value of its norm, if that was n."""
    y, keep = curve(n), np.maximum(curve.keep(n), 1e-5)[..., None]
    neutral = np.cbrt(y)[..., None] * np.array([1.0, 0, 0])
    return color.from_oklab(neutral + (lab - neutral) / keep)


def _excess(lab: Float64, n: Float64, curve: tone.FilmicCurve) -> Float64:
    """How much more light that is than the norm n stands for: 0 for the light that was."""
    return np.asarray(tone.norm(_before(lab, n, curve)) - curve(n))


def _bracket(lab: Float64, curve: tone.FilmicCurve) -> tuple[Float64, Float64]:
    """EV of norms of which one asks for more light than it stands for and the next does not; NaN where none does."""
    low, high = np.full(len(lab), LEAST_EV - 20), np.full(len(lab), np.nan)
    left = np.arange(len(lab))
    for ev in np.arange(LEAST_EV, MOST_EV + STEP_EV, STEP_EV):
        crossed = _excess(lab[left], np.asarray(2.0**ev), curve) <= 0
        high[left[crossed]] = ev
        left = left[~crossed]
        low[left] = ev
    return low, high


def _widened(share: Float64) -> Float64:
    """The inverse of `gamut.compress`, up to MOST_BEYOND."""
    knee = gamut.KNEE
    beyond = (MOST_BEYOND - knee) / (1 - knee)
    t = np.clip((share - knee) / (1 - knee), 0, beyond / (1 + beyond))
    return np.asarray(np.minimum(share, knee) + (1 - knee) * t / (1 - t))


def _slog3(v: Float64) -> Float64:
    """Scene-linear light of S-Log3 (Sony, "Technical Summary for S-Gamut3.Cine/S-Log3 and S-Gamut3/S-Log3")."""
    code = v * 1023
    dark = (code - 95) * 0.01125 / (171.2102946929 - 95)
    return np.asarray(np.where(code >= 171.2102946929, 10 ** ((code - 420) / 261.5) * 0.19 - 0.01, dark))


def _logc3(v: Float64) -> Float64:
    """Scene-linear light of LogC3 at EI 800 (ARRI, "ALEXA Log C Curve: Usage in VFX")."""
    cut, a, b, c, d, e, f = 0.010591, 5.555556, 0.052272, 0.247190, 0.385537, 5.367655, 0.092809
    return np.asarray(np.where(v > e * cut + f, (10 ** ((v - d) / c) - b) / a, (v - f) / e))


class Input(NamedTuple):
    """What a table takes: `decode` of encoded values, the space of the light, whether that is the scene's."""

    about: str
    decode: Callable[[Float64], Float64]
    space: str | tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
    scene: bool = False
    output: Gamut = "srgb"


INPUTS = {
    "srgb": Input("a picture in sRGB", color.decode_srgb, "srgb"),
    "p3": Input("a picture in Display P3 (and comes out in it)", color.decode_srgb, "p3", output="p3"),
    "linear": Input("a picture in linear sRGB, coarse in its shadows", np.asarray, "srgb"),
    "slog3": Input(
        "S-Log3 in S-Gamut3.Cine, light of the scene", _slog3, ((0.766, 0.275), (0.225, 0.8), (0.089, -0.087)), True
    ),
    "logc3": Input(
        "LogC3 (EI 800) in ARRI Wide Gamut 3, light of the scene",
        _logc3,
        ((0.684, 0.313), (0.221, 0.848), (0.0861, -0.102)),
        True,
    ),
}
"""What tables can be made to take. The result is always encoded with the sRGB transfer function."""


def look_cube(look: Look, edge: int = 33, takes: str = "srgb", white: float = WHITE) -> Float64:
    """The look as a table (edge, edge, edge, 3), 0..1, indexed by blue, green, red of the input `takes`.

    What it takes is the neutral rendition of a scene whose white is at `white`, or the scene itself, for INPUTS of that
    kind; what comes out is the look's rendition without what depends on the place in the picture.
    """
    about = INPUTS[takes]
    steps = np.linspace(0, 1, edge)
    made = np.empty((edge, edge, edge, 3))
    green, red = np.meshgrid(steps, steps, indexing="ij")
    for plane, blue in zip(made, steps, strict=True):
        light = about.decode(np.stack([red, green, np.full_like(red, blue)], axis=-1))
        if about.scene:
            plane[:] = apply_look(light @ _to_rec2020(about.space).T, look, white, about.output)
            continue
        scene = to_scene(light, white, about.output)
        # What the neutral rendition could not have shown is added as it is.
        shown = color.decode_srgb(apply_look(scene, Look(), white, about.output))
        missing = color.to_oklab(light, about.output) - color.to_oklab(shown, about.output)
        missing *= [1, 1 - look.mono.amount, 1 - look.mono.amount]
        seen = color.decode_srgb(apply_look(scene, look, white, about.output))
        lab = color.to_oklab(seen, about.output) + missing
        plane[:] = color.encode_srgb(np.clip(color.from_oklab(lab, about.output), 0, 1))
    return made


def comments(takes: str) -> tuple[str, ...]:
    """What a file should say of a table."""
    about = INPUTS[takes]
    out = "Display P3" if about.output == "p3" else "sRGB"
    start = "Light of the scene in" if about.scene else "The neutral rendition of fotohaus in"
    return (
        f"Takes: {about.about}. Gives: {out}, display-referred.",
        f"{start}; the look's colour and tone out, for a white 3.5 EV over mid-grey.",
        f"Not in here, no table can hold it: {LEFT_OUT}.",
    )


def _to_rec2020(primaries: object) -> Float64:
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in (*primaries, color.D65)]).T  # type: ignore[misc]
    rgb, white = columns[:, :3], columns[:, 3]
    return np.asarray(np.linalg.solve(color.rgb_to_xyz("rec2020"), rgb * np.linalg.solve(rgb, white)))

"""The global colour of a look: what becomes of a colour wherever it lies in the picture.

Kernel and formulas use the same tables, made here. Colour is changed in Oklab, after the tone curve: chroma by factors
and hue by turns that depend on lightness and hue alone, so that greys stay grey and hues turn by no more than the look
says; the rest is the gamut mapping's business.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fotohaus.render import color, gamut, tone
from fotohaus.render.look import HUES, Look
from fotohaus.render.look_curve import LookCurve, look_curve
from fotohaus.render.picture import Gamut

Float64 = NDArray[np.float64]

TABLE_HUES, TABLE_LIGHTS = 72, 24
TABLE_LEAST, TABLE_UNIT = -4.0, 2.0**-13
"""Value of 0 and of the last bit in the table that the kernel takes."""
TINT_UNIT = 2.0**-17
"""Oklab's a or b of the last bit of a tint in the table that the kernel takes."""
WARM = np.array([0.009, 0.034])
"""Oklab (a, b) that a warmth of 1 adds at a lightness of 1, along daylight."""


def _step(v: ArrayLike, low: float, high: float) -> Float64:
    """0 below, 1 above, smooth between (Perlin's smootherstep)."""
    t = np.clip((np.asarray(v, np.float64) - low) / (high - low), 0, 1)
    return np.asarray(t * t * t * (t * (6 * t - 15) + 10))


def sector_weights(angle: ArrayLike) -> Float64:
    """Share (..., 8) that each sector of hue has in an Oklab angle in degrees: adds up to 1, smooth, two at a time."""
    centres = np.array(list(HUES.values()))
    angle = np.asarray(angle, np.float64)[..., None] % 360
    weights = np.zeros((*angle.shape[:-1], len(centres)))
    for i, (here, after) in enumerate(zip(centres, np.roll(centres, -1), strict=True)):
        width = (after - here) % 360
        t = (angle[..., 0] - here) % 360 / width
        inside = t < 1
        rising = _step(t, 0, 1)
        weights[..., i] += np.where(inside, 1 - rising, 0)
        weights[..., (i + 1) % len(centres)] += np.where(inside, rising, 0)
    return weights


def hue_table(look: Look) -> Float64:
    """(TABLE_LIGHTS + 1, TABLE_HUES + 1, 3): chroma's factor times cosine and sine of the turn, and lightness.

    Rows by Oklab's lightness 0..1, columns by `gamut.hue_turn` / 4. Lightness is added for each unit of chroma.
    """
    a, b = gamut.turn_to_ab(np.linspace(0, 4, TABLE_HUES + 1))
    weights = sector_weights(np.degrees(np.arctan2(b, a)))
    sectors = [getattr(look.hues, name) for name in HUES]
    factor, shift, light = (
        weights @ np.array([getattr(sector, name) for sector in sectors]) for name in ("chroma", "hue", "lightness")
    )
    level = np.linspace(0, 1, TABLE_LIGHTS + 1)
    c = look.chroma
    dark, bright = 1 - _step(level, 0.1, 0.6), _step(level, 0.5, 0.95)
    over = (1 + c.amount) * (1 + c.shadows * dark) * (1 + c.highlights * bright)
    whole = np.minimum(over[:, None] * (1 + factor), 3.9)
    angle = np.radians(shift)
    # Near white and black, lightness has no room.
    room = _step(level, 0, 0.3) * (1 - _step(level, 0.7, 1))
    return np.stack([whole * np.cos(angle), whole * np.sin(angle), room[:, None] * light[None]], axis=-1)


def tint(lightness: ArrayLike, look: Look) -> Float64:
    """Oklab (a, b), shape (..., 2), that a look adds at a lightness: its split tones and its warmth; 0 at black."""
    light = np.clip(np.asarray(lightness, np.float64), 0, 1)
    high = _step(light, 0.25, 0.75)
    # White stays white: a tint would make it darker.
    fade = 1 - _step(light, 0.85, 1)
    added = look.warmth * WARM * (light * fade)[..., None]
    low = (1 - high) * _step(light, 0, 0.25)
    for part, weight in ((look.split.shadows, low), (look.split.highlights, high * fade)):
        angle = np.radians(part.hue)
        added = added + part.chroma * weight[..., None] * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(added)


def norm(pixels: ArrayLike, look: Look) -> Float64:
    """What the curve is applied to: `tone.norm`, or a black and white look's mix of the channels."""
    n = tone.norm(pixels)
    if look.mono.amount:
        mix = np.array([look.mono.red, look.mono.green, look.mono.blue])
        v = np.maximum(np.asarray(pixels, np.float64), 0)
        n = n + look.mono.amount * (np.maximum(v @ mix, 0) - n)
    return np.asarray(n)


def sample(table: Float64, light: ArrayLike, a: ArrayLike, b: ArrayLike) -> Float64:
    """The hue table (..., 3) at a lightness and the hue of (a, b), linear between its entries."""
    h = gamut.hue_turn(a, b) * (TABLE_HUES / 4)
    v = np.clip(light, 0, 1) * TABLE_LIGHTS
    i, j = np.minimum(v.astype(int), TABLE_LIGHTS - 1), np.minimum(h.astype(int), TABLE_HUES - 1)
    s, t = (v - i)[..., None], (h - j)[..., None]
    near = table[i, j] + t * (table[i, j + 1] - table[i, j])
    far = table[i + 1, j] + t * (table[i + 1, j + 1] - table[i + 1, j])
    return np.asarray(near + s * (far - near))


def look_lab(pixels: ArrayLike, look: Look, curve: LookCurve, keep: Float64 | None = None) -> Float64:
    """Oklab (..., 3) of scene-linear Rec. 2020 (..., 3) after exposure, in the look, before gamut mapping.

    keep : share of colour kept (...), by default the curve's.
    """
    pixels = np.asarray(pixels, np.float64)
    n = norm(pixels, look)
    y = curve(n)
    keep = curve.keep(n) if keep is None else keep
    lab = tone.toned_lab(pixels, n, y, keep * (1 - look.mono.amount))
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    change = sample(hue_table(look), light, a, b)
    light = light + np.hypot(a, b) * change[..., 2]
    a, b = change[..., 0] * a - change[..., 1] * b, change[..., 1] * a + change[..., 0] * b
    held = 1 / np.sqrt(1 + look.chroma.restraint**2 * (a * a + b * b))
    added = tint(np.cbrt(y), look)
    return np.stack([light, held * a + added[..., 0], held * b + added[..., 1]], axis=-1)


def apply_look(pixels: ArrayLike, look: Look, white: float = 2.0, space: Gamut = "srgb") -> Float64:
    """Encoded display RGB (..., 3), 0..1, of scene-linear Rec. 2020 (..., 3) after exposure: the look's global colour.

    white : scene-linear value that lands just below display white. Without everything that depends on the place in the
    picture: local tone, texture, sharpening, vignette, grain, halation. Every pixel for itself, so it fits in a LUT.
    """
    lab = gamut.map_lab(look_lab(pixels, look, look_curve(look, white)), space)
    return color.encode_srgb(np.clip(color.from_oklab(lab, space), 0, 1))


@functools.lru_cache(maxsize=8)
def packed_table(look: Look) -> NDArray[np.uint32]:
    """The hue table as the kernel takes it, (hues, 4, lights + 1): 16 bits of an entry, and of the next in hue."""
    table = np.rint((hue_table(look) - TABLE_LEAST) / TABLE_UNIT).astype(np.uint32)
    pairs = np.zeros((TABLE_LIGHTS + 1, TABLE_HUES, 4), np.uint32)
    pairs[..., :3] = table[:, :-1] | table[:, 1:] << np.uint32(16)
    return pairs.transpose(1, 2, 0)


def packed_tints(look: Look, lightness: ArrayLike) -> NDArray[np.uint32]:
    """The tint at each lightness (n) as the kernel takes it, (n, 2): 16 bits of an entry, and of the next."""
    table = np.rint(tint(lightness, look) / TINT_UNIT + 2**15).clip(0, 2**16 - 1).astype(np.uint32)
    return np.ascontiguousarray(table | np.append(table[1:], table[-1:], axis=0) << np.uint32(16))

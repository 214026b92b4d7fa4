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

TABLE_HUES, TABLE_LIGHTS = 2048, 1024
"""Entries of the kernel's tables: around the hues, and from black to white."""
LIGHT_UNIT, ROOM_UNIT = 2.0**-13, 2.0**-15
"""Last bits of what the table by lightness holds."""
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


def by_hue(angle: ArrayLike, look: Look) -> Float64:
    """(..., 3) at Oklab angles in degrees: chroma's factor times cosine and sine of the turn, lightness for chroma."""
    weights = sector_weights(angle)
    sectors = [getattr(look.hues, name) for name in HUES]
    factor, shift, light = (
        weights @ np.array([getattr(sector, name) for sector in sectors]) for name in ("chroma", "hue", "lightness")
    )
    turn = np.radians(shift)
    return np.stack([(1 + factor) * np.cos(turn), (1 + factor) * np.sin(turn), light], axis=-1)


def by_lightness(lightness: ArrayLike, look: Look) -> tuple[Float64, Float64]:
    """Chroma's factor at Oklab's lightness, whatever the hue, and the share of the hue's own change of lightness."""
    c = look.chroma
    dark, bright = 1 - _step(lightness, 0.1, 0.6), _step(lightness, 0.5, 0.95)
    factor = (1 + c.amount) * (1 + c.shadows * dark) * (1 + c.highlights * bright)
    # Near white and black, lightness has no room.
    return factor, _step(lightness, 0, 0.3) * (1 - _step(lightness, 0.7, 1))


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
    change = by_hue(np.degrees(np.arctan2(b, a)), look)
    factor, room = by_lightness(light, look)
    light = light + np.hypot(a, b) * change[..., 2] * room
    cosine, sine = factor * change[..., 0], factor * change[..., 1]
    a, b = cosine * a - sine * b, sine * a + cosine * b
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
def packed_tables(look: Look) -> dict[str, NDArray[np.generic]]:
    """`by_hue` and `by_lightness` as the kernel takes them: arguments hues, hue_scale and lights of `render_look`."""
    a, b = gamut.turn_to_ab(np.linspace(0, 4, TABLE_HUES))
    table = by_hue(np.degrees(np.arctan2(b, a)), look)
    bits = np.array([11, 11, 10])
    least = table.min(axis=0)
    # What is the same all around is exactly that.
    unit = (table.max(axis=0) - least) / (2.0**bits - 1)
    numbers = np.rint((table - least) / np.where(unit > 0, unit, 1)).astype(np.uint32)
    factor, room = by_lightness(np.linspace(0, 1, TABLE_LIGHTS), look)
    lights = [np.rint(np.minimum(v / u, 65535)).astype(np.uint32) for v, u in ((factor, LIGHT_UNIT), (room, ROOM_UNIT))]
    return {
        "hues": numbers[:, 0] | numbers[:, 1] << np.uint32(11) | numbers[:, 2] << np.uint32(22),
        "hue_scale": np.stack([unit, least], axis=-1).astype(np.float32),
        "lights": lights[0] | lights[1] << np.uint32(16),
    }


def is_tinted(look: Look) -> bool:
    """Whether greys get a colour."""
    return bool(look.warmth or look.split.shadows.chroma or look.split.highlights.chroma)


def packed_tints(look: Look, lightness: ArrayLike) -> NDArray[np.uint32]:
    """The tint at each lightness (n) as the kernel takes it, (n, 2): 16 bits of an entry, and of the next."""
    table = np.rint(tint(lightness, look) / TINT_UNIT + 2**15).clip(0, 2**16 - 1).astype(np.uint32)
    return np.ascontiguousarray(table | np.append(table[1:], table[-1:], axis=0) << np.uint32(16))

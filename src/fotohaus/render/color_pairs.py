"""The colours that a scene and its rendering have in common: from flat places, many places to a colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fotohaus.kernels import planar
from fotohaus.render import color
from fotohaus.render.blur import blurred
from fotohaus.render.difference import cie_lab
from fotohaus.render.exposure import Exposure
from fotohaus.render.fit import ColorPairs
from fotohaus.render.local_tone import LocalTone
from fotohaus.render.match import FINE, Placement, fitted, match, placed, reduced
from fotohaus.render.picture import Gamut

Float64 = NDArray[np.float64]

BORDER = 0.015
"""Share of the longer side at the edges that is left out."""
FLAT, FLAT_SHARE = (0.7, 4.0), 0.2
"""Change from cell to cell, about in L*, at which a place counts a quarter: within these, what a fifth keeps to.

Where little changes, misalignment does little, and an average of light is what the tone curve makes of it.
"""
BRIGHTEST = 0.95
"""Share of the raw white from which on light may have been guessed."""
GUESSED = 0.25
LIGHT_STEP, COLOUR_STEP = 0.03, 0.015
"""Steps of Oklab within which colours count as one."""
LOCAL_STEP = 0.3
"""Step of local tone, in EV."""
RINGS = 3
DARK = 2.0**-16
"""Below any light that counts; keeps ratios finite."""


def color_pairs(
    scene: NDArray[np.float32],
    rendered: Float64,
    metered: Exposure,
    space: Gamut = "srgb",
    most: int = 2000,
    tone: LocalTone | None = None,
) -> tuple[ColorPairs, Placement]:
    """Colours of a scene and of its rendering, and where that lies on it.

    scene : (H, W, 3) linear Rec. 2020 as developed, before exposure, small is enough. rendered : (H', W', 3) linear RGB
    of the display, in the primaries of `space`. most : pairs at most. tone : the scene's local tone at strength 1, if
    its strength is to be learned.

    Raises ValueError if the two show different things, or too little in common.
    """
    light = np.nan_to_num(np.asarray(scene, np.float64), nan=0, posinf=2.0**20, neginf=0).clip(0, 2.0**20)
    whole = reduced(light, *fitted(light.shape, FINE))
    luminance = np.array(color.rgb_to_xyz(space)[1])
    placement = match(light @ color.LUMINANCE, np.asarray(rendered @ luminance))
    shape: tuple[int, int] = (whole.shape[0], whole.shape[1])
    shown, inside = placed(rendered, shape, placement)
    edge = round(BORDER * max(shape))
    y, x = np.nonzero(~inside)
    near = np.zeros(shape, bool)
    for dy in (-edge, 0, edge):
        for dx in (-edge, 0, edge):
            near[np.clip(y + dy, 0, shape[0] - 1), np.clip(x + dx, 0, shape[1] - 1)] = True
    keep = ~near
    keep[:edge] = keep[shape[0] - edge :] = False
    keep[:, :edge] = keep[:, shape[1] - edge :] = False
    whole, shown = blurred(whole, 0.8, (0, 1)), blurred(shown, 0.8, (0, 1))
    exposed = whole * 2.0**metered.ev
    lab = cie_lab(shown, space)
    # The scene's own changes too, on a scale like the display's: a rendering may hide them in white.
    level = 100 * np.cbrt(np.clip(exposed @ color.LUMINANCE, 0, 4))
    change = np.maximum(_change(lab), _change(level[..., None]))
    v, u = ((np.arange(n) + 0.5 - n / 2) for n in shape)
    corner = (v[:, None] ** 2 + u**2) / ((shape[0] ** 2 + shape[1] ** 2) / 4)
    if keep.sum() < 200:
        raise ValueError("has too little in common with the raw file")
    flat = np.clip(np.quantile(change[keep], FLAT_SHARE), *FLAT)
    weight = np.where(whole.max(axis=-1) > BRIGHTEST, GUESSED, 1) / (1 + (change / flat) ** 2) ** 2
    keep &= weight > 0.005
    local = np.zeros(shape)
    if tone is not None:
        toned = np.asarray(tone.apply(planar(light.astype(np.float32))), np.float64)
        local = np.log2((toned @ color.LUMINANCE + DARK) / (light @ color.LUMINANCE + DARK))
        local = blurred(reduced(local, *shape), 0.8, (0, 1))
    values = np.concatenate([exposed, lab, corner[..., None], local[..., None]], axis=-1)
    table = _gathered(values[keep], weight[keep], most)
    pairs = ColorPairs(table[:, :3], table[:, 3:6], table[:, 6], table[:, 8], metered, space)
    return (pairs if tone is None else replace(pairs, local=table[:, 7], tone=tone)), placement


def _change(values: Float64) -> Float64:
    """How much (H, W, C) changes from cell to cell."""
    down, right = np.gradient(values, axis=(0, 1))
    return np.asarray(np.sqrt((down**2 + right**2).sum(axis=-1)))


def _gathered(values: Float64, weight: Float64, most: int) -> Float64:
    """Places (n, 8) of about one colour, distance from the centre and local tone made one (m, 9): their median.

    A colour counts by the root of its places, its last number, so that a blue door is heard beside a sky.
    """
    ok = color.to_oklab(values[:, :3])
    keys = np.stack(
        [
            np.rint(ok[:, 0] / LIGHT_STEP),
            np.rint(ok[:, 1] / COLOUR_STEP),
            np.rint(ok[:, 2] / COLOUR_STEP),
            np.minimum(values[:, 6] * RINGS, RINGS - 1).astype(int),
            np.rint(values[:, 7] / LOCAL_STEP),
        ],
        axis=-1,
    ).astype(np.int64)
    _, groups = np.unique(keys, axis=0, return_inverse=True)
    groups = groups.ravel()
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    rows = []
    for part in np.split(order, starts[1:]):
        # Flat places first: half of the group's, at least.
        part = part[np.argsort(-weight[part], kind="stable")][: max(1, (len(part) + 1) // 2)]
        rows.append([*np.median(values[part], axis=0), np.sqrt(weight[part].sum())])
    table = np.array(rows)
    if len(table) > most:
        table = table[np.sort(np.argsort(-table[:, 8], kind="stable")[:most])]
    return table

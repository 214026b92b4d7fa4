"""Colours of clipped cells of a mosaic's overview, from what is around."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels

Float32 = NDArray[np.float32]

# Fitted on HDR panoramas: benchmarks/highlights.py.
_BRIGHT = 3.0  # cells count by their brightness to this power: those next to clipping say most
_SLOPE, _SLOPE_TRUST, _OFFSET_TRUST = 0.3, 0.02, 0.01  # what the regression leans to, and how much
_STEEPEST = np.float32(0.5)  # slope of log light per cell: an edge's
_DARK = 1e-4  # trust in neutral: what is much darker than clipping says little of the colour of what clips


def fill_colors(
    light: Float32,
    known: Float32,
    levels: Float32,
    even: Float32,
    agree: Float32,
    *,
    rims: Float32 | None = None,
    doubt: float = 0.0,
) -> Float32:
    """Log of the light of (3, h, w) cells with what is clipped filled in.

    light : white-balanced, clipped channels as they are. known : 1 where a channel is unclipped, 0 where clipped.
    levels : where each channel clips, for it says how bright a cell is. even, agree : (h, w), weights of a cell's
    colour; where samples do not agree, it is that of the surroundings. rims : (5, h, w), the light of a cell's places
    at which nothing clips, how far it is to be believed, and its share of saturation. doubt : how magenta noise makes
    a cell, in logs.

    One channel clipped: log-linear regression on the other two over the bright cells around. Two: ratios to the third
    as around. All: colour from around, leaning to neutral, and more light the farther in. Cells beside clipped ones and
    far darker, the other side of an edge, take on those's light and colour: what is rebuilt lies between their centres.
    """
    logs = np.log(np.maximum(light, np.float32(1e-4)))
    reached: Float32 = np.asarray(light / np.maximum(levels, np.float32(1e-6)), np.float32)
    bright = np.minimum(_largest(reached), 1)
    reliable = even * agree
    trust = bright ** np.float32(_BRIGHT) * reliable
    bright = bright * reliable
    # A lamp's own hue shows where it does not clip in the same cell: that says more than the dark around.
    sure = known[0] * known[1] * known[2]
    learnt, told, weight, cover = _told_by(rims, 1.0, logs, sure, trust, bright)
    logs, sure, magenta = _regress(logs, known, learnt, told * weight, told * cover, doubt)
    learnt, told, trust, bright = _told_by(rims, 0.5, logs, sure, trust, bright)
    clipped = 1 - known
    none = clipped[0] * clipped[1] * clipped[2]
    middle = _total(learnt) * np.float32(1 / 3)
    firm = trust + np.float32(_DARK)
    share = trust / firm
    around, far = _fill([(learnt[i] - middle) * share for i in (0, 2)], told * firm, told * bright)
    # The ground's edge below a sky says nothing of how the sky's light grows.
    (steep,), depth = _fill([_slope(_largest(logs))], (1 - none) * firm, 1 - none)
    filled = np.empty_like(logs)
    kernels.call(
        "highlights_settle",
        logs=logs.transpose(1, 2, 0),
        known=known.transpose(1, 2, 0),
        sure=sure,
        agree=agree,
        around=around.transpose(1, 2, 0),
        far=far,
        depth=depth,
        steep=steep,
        magenta=magenta,
        # A frame that clips nearly everywhere is no lamp.
        lamp=min(1.0, 4 - 4 * float(none.mean(dtype=np.float64))),
        colors=filled.transpose(1, 2, 0),
    )
    return filled


def _told_by(
    rims: Float32 | None, unsure: float, logs: Float32, sure: Float32, trust: Float32, bright: Float32
) -> tuple[Float32, Float32, Float32, Float32]:
    """The last four with what rims say in place of cells that are known less than `unsure`."""
    if rims is None:
        return logs, sure, trust, bright
    at = (rims[3] > 0) & (sure < unsure)
    logs, sure, trust, bright = (plane.copy() for plane in (logs, sure, trust, bright))
    logs[:, at] = np.log(np.maximum(rims[:3, at], np.float32(1e-4)))
    sure[at] = np.maximum(sure[at], rims[3, at])
    trust[at], bright[at] = rims[4, at] ** np.float32(_BRIGHT), rims[4, at]
    return logs, sure, trust, bright


def _total(planes: Float32) -> Float32:
    return np.asarray(planes[0] + planes[1] + planes[2])


def _slope(light: Float32) -> Float32:
    """How fast log light changes per cell, along the axis along which it does so faster."""
    slope = np.zeros_like(light)
    if min(light.shape) > 2:
        slope[:, 1:-1] = np.abs(light[:, 2:] - light[:, :-2])
        slope[1:-1] = np.maximum(slope[1:-1], np.abs(light[2:] - light[:-2]))
    return np.asarray(np.minimum(slope * np.float32(0.5), _STEEPEST), np.float32)


def _largest(planes: Float32) -> Float32:
    return np.asarray(np.maximum(np.maximum(planes[0], planes[1]), planes[2]))


def _regress(
    logs: Float32, known: Float32, learnt: Float32, weight: Float32, cover: Float32, doubt: float
) -> tuple[Float32, Float32, Float32]:
    """Logs with single clipped channels estimated from the other two; where at most one is clipped; how magenta it is.

    log k - (log i + log j) / 2 = slope * (log i - log j) + offset, over what is learnt around: logs, with weights.
    """
    sure = known[0] * known[1] * known[2]
    a, b = learnt[0] - learnt[1], learnt[2] - learnt[1]
    planes = [a, b, a * a, b * b, a * b, np.maximum(np.minimum(a, b) - np.float32(doubt), 0)]
    (ma, mb, maa, mbb, mab, magenta), _ = _fill(planes, weight, cover)
    out = logs.copy()
    half = np.float32(0.5)
    # x = log i - log j, y = log k - (log i + log j) / 2, as weights of a and b; and the slope that is leant to.
    for own, i, j, x, y, slope in (
        (0, 1, 2, (0, -1), (1, -half), _SLOPE),
        (1, 0, 2, (1, -1), (-half, -half), 0.0),
        (2, 0, 1, (1, 0), (-half, 1), _SLOPE),
    ):
        here = (1 - known[own]) * known[i] * known[j]
        if not here.any():
            continue
        mx, my = (p * ma + q * mb for p, q in (x, y))
        mxx = x[0] * x[0] * maa + 2 * x[0] * x[1] * mab + x[1] * x[1] * mbb
        mxy = x[0] * y[0] * maa + (x[0] * y[1] + x[1] * y[0]) * mab + x[1] * y[1] * mbb
        one = np.float32(1 + _OFFSET_TRUST)
        k = (mxy + np.float32(_SLOPE_TRUST * slope)) * one - my * mx
        k = np.clip(k / ((mxx + np.float32(_SLOPE_TRUST)) * one - mx * mx), 0 if own != 1 else -1, 1)
        offset = (my - k * mx) / one
        line, told = (half * (v[i] + v[j]) + k * (v[i] - v[j]) + offset for v in (logs, learnt))
        # What the line misses by where all is known goes on beyond: no step at the border.
        (missed,), _ = _fill([learnt[own] - told], weight, cover)
        out[own] += (1 - known[own]) * np.maximum(0, line + missed - logs[own])
        sure = sure + here
    return out, sure, magenta


def _fill(planes: list[Float32], confidence: Float32, cover: Float32) -> tuple[Float32, Float32]:
    """Planes spread from where there is confidence, and how many octaves away that is."""
    values = np.stack(planes)
    filled, depth = np.empty_like(values), np.empty_like(confidence)
    kernels.call(
        "highlights_fill",
        values=values.transpose(1, 2, 0),
        confidence=confidence,
        cover=cover,
        filled=filled.transpose(1, 2, 0),
        depth=depth,
    )
    return filled, depth

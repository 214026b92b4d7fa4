"""What a frame's samples count for in strong noise: colours by their light, what black clipped by what it likely was.

Between frames in which noise hides nearly all, each sample counts by how much of the scene it shows against its noise:
of red and blue, with half of green's light, a plain mean takes as much noise and half of the detail. And of the samples
that noise takes below black most files keep a zero: its expectation is further below, and a step from there to what is
just visible is larger than the file has it.
"""

from __future__ import annotations

import math

import numpy as np

from fotohaus.burst.frame import SITE_COLORS, Frame
from fotohaus.raw.image import Float32

BY_LIGHT = 0.6
"""Power of a neutral's light by which a colour counts: 1 would be best of greys in noise that is the same for all."""

PART = 0.5
"""Of the way from zero to what was clipped there: all of it makes the dark noisier than it makes it telling."""

_SELDOM = 4.0  # deviations of the noise below light from which nothing is clipped


def color_weights(frame: Frame) -> Float32:
    """(2, 2) by position in the quad, of mean square 1: noise stays what it was."""
    weights = (frame.balance[list(SITE_COLORS)] ** -BY_LIGHT).reshape(2, 2)
    return np.asarray(weights / np.sqrt(np.square(weights).mean()), np.float32)


def clipped_as(frame: Frame) -> float:
    """What a sample of 0 counts as, in the file's units: the mean of noise around black beyond it, or part of it."""
    black = float(frame.black.mean())
    deviation = math.sqrt(max(float(frame.noise_offset.mean()), 0.0)) / float(frame.scale.mean())
    if deviation <= 0 or black > _SELDOM * deviation:
        return 0.0
    at = -black / deviation
    density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
    beyond = black - deviation * density / (0.5 * math.erfc(-at / math.sqrt(2)))
    return PART * beyond

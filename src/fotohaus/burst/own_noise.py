"""Frames of one burst may differ in noise, as an automatic ISO makes them: what each one's is, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fotohaus.burst.colored_noise import estimate_colored_noise
from fotohaus.burst.frame import SITE_COLORS
from fotohaus.raw.image import NoiseProfile, RawImage
from fotohaus.raw.noise import estimate_noise, stated_noise

DIFFERENT = 1.1
"""Times the variance from which on the noise of two frames is not the same."""

LEAST = 0.01
"""Of a reference's weight that a frame has at least, however noisy."""

_EVERY = 16  # samples between those that tell how bright a picture is

RGB = tuple[float, float, float]


@dataclass(frozen=True)
class Own:
    """A frame's noise, where it is not the reference's.

    noise : its own. both : the mean of its and the reference's variance: in units of that, the difference of both has
    the variance 2, as that of two equal frames has in units of theirs. share : what the frame counts in a mean for
    each 1 of the reference, the inverse of its variance.
    """

    noise: NoiseProfile
    both: NoiseProfile
    share: float


class Noises:
    """Tells frames' noise from that of their reference."""

    def __init__(self, reference: RawImage, noise: NoiseProfile, *, planes: bool) -> None:
        """reference : as quads. noise : its samples'. planes : the quads are pixels (`as_quads`)."""
        self._reference, self._noise, self._planes = reference, noise, planes
        light = (reference.mosaic[1::_EVERY, ::_EVERY].astype(np.float32) - reference.black[1, 0]) / max(
            float(reference.white[1, 0] - reference.black[1, 0]), 1e-6
        )
        self._light = max(float(light.mean()), 0.0) if light.size else 0.0
        self._estimated: dict[int | None, NoiseProfile] = {}

    def of(self, raw: RawImage) -> Own | None:
        """A frame's own noise; None where it is the reference's.

        A frame that does not state it is taken for as noisy as the reference, unless its ISO is another: then it is
        estimated, once for an ISO.
        """
        noise = self._of(raw)
        if noise is None:
            return None
        share = self._variance(self._noise) / max(self._variance(noise), 1e-20)
        if 1 / DIFFERENT < share < DIFFERENT:
            return None
        return Own(noise, _mean(self._noise, noise), max(share, LEAST))

    def _of(self, raw: RawImage) -> NoiseProfile | None:
        stated = stated_noise(raw)
        if stated is not None and (self._noise.source != "estimated" or not self._planes):
            return stated if stated != self._noise else None
        iso, own = raw.capture.iso, self._reference.capture.iso
        if not iso or not own or iso == own:
            return None
        if iso not in self._estimated:
            self._estimated[iso] = self._estimate(raw)
        return self._estimated[iso]

    def _estimate(self, raw: RawImage) -> NoiseProfile:
        if not self._planes:
            return estimate_noise(raw)
        # What neighbours share is in the reference's noise by a measure that a single frame does not give.
        ours, theirs = (self._variance(estimate_colored_noise(r)) for r in (self._reference, raw))
        return self._noise.times(theirs / max(ours, 1e-20))

    def _variance(self, noise: NoiseProfile) -> float:
        """Mean variance of samples, over what the reference shows."""
        scale, offset = (np.mean(np.array(v)[list(SITE_COLORS)]) for v in (noise.scale, noise.offset))
        return float(scale * self._light + offset)


def _mean(one: NoiseProfile, other: NoiseProfile) -> NoiseProfile:
    def half(a: RGB, b: RGB) -> RGB:
        return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2

    return NoiseProfile(half(one.scale, other.scale), half(one.offset, other.offset), source=one.source)


def mean_deviation(one: NoiseProfile, other: NoiseProfile, share: float) -> NoiseProfile:
    """The noise whose deviation is the mean of two, of which `other` has a share: what black cuts off goes by that."""

    def mixed(a: RGB, b: RGB) -> RGB:
        r, g, b_ = (((1 - share) * math.sqrt(p) + share * math.sqrt(q)) ** 2 for p, q in zip(a, b, strict=True))
        return r, g, b_

    return NoiseProfile(mixed(one.scale, other.scale), mixed(one.offset, other.offset), source=one.source)

"""What is believed about a global motion: a hand shifts and turns the camera; all else must prove itself.

Every level of the pyramid adds a Gaussian likelihood of the eight coefficients. Shift and rotation are free. Scale,
stretch and shear (walking, a rolling shutter), and perspective (a wide lens that turns) are nearly nothing in most
frames, but may be several px in some: their prior is a mixture of narrow and wide normal distributions, and the data's
evidence for each (MacKay 1992, "Bayesian interpolation", section 3) weighs what they say. So a parameter costs no
accuracy where it is idle.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from fotohaus.burst.motion import Motion
from fotohaus.raw.image import Float64

SHAPE_SIGMAS = (0.003, 0.05, 1.0)
"""px of the finest level at the image's edge by which frames differ in scale, stretch and shear: narrow to wide."""

PERSPECTIVE_SIGMAS = (0.003, 0.05)
"""The same for perspective; the widest is below."""

PERSPECTIVE = (0.03, 0.6)
"""Widest: a constant and a share of the shift. A lens of 24 mm (35 mm equivalent) shows 0.56 of it at the long edge."""

ODDS = -5.0  # log-odds of each wider distribution against the narrowest


@dataclass
class Belief:
    """Likelihood exp(-c' precision c / 2 + information' c) of the coefficients c, and the mixture of priors.

    start : (8,) coefficients of the first guess; free : their standard deviation in shift and rotation, px.
    """

    start: Float64
    free: float
    reach: float
    precision: Float64
    information: Float64

    @classmethod
    def about(cls, motion: Motion, free: float) -> Belief:
        """Nothing measured yet, only a first guess that is right to `free` px."""
        n = len(motion.coefficients)
        return cls(motion.coefficients.copy(), free, motion.reach, np.zeros((n, n)), np.zeros(n))

    def mean(self, now: Float64, known: Float64, says: Float64) -> Float64:
        """(8,) mean of the coefficients, given another likelihood (known, says) besides; `now` is where they are."""
        prior = np.zeros_like(now)
        prior[:3] = self.start[:3]
        # A rotation is no small motion: its cosine is a scale.
        prior[3] = np.sqrt(max(self.reach**2 - now[2] ** 2, 0.0)) - self.reach
        precision = self.precision + known
        vector = self.information + says - precision @ prior
        widest = PERSPECTIVE[0] + PERSPECTIVE[1] * float(np.hypot(*now[:2]))
        means, evidence = [], []
        for shape, edge in product(enumerate(SHAPE_SIGMAS), enumerate((*PERSPECTIVE_SIGMAS, widest))):
            trust = np.array([self.free] * 3 + [shape[1]] * 3 + [edge[1]] * 2) ** -2.0
            posterior = precision + np.diag(trust)
            mean = np.linalg.solve(posterior, vector)
            fit = vector @ mean - np.linalg.slogdet(posterior)[1] + np.log(trust).sum()
            evidence.append(fit / 2 + ODDS * ((shape[0] > 0) + (edge[0] > 0)))
            means.append(mean)
        weight = np.exp(np.array(evidence) - max(evidence))
        return np.asarray(prior + weight @ np.array(means) / weight.sum())

    def learn(self, known: Float64, says: Float64) -> None:
        """Add the likelihood of one level."""
        self.precision = self.precision + known
        self.information = self.information + says

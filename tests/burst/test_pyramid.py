"""The pyramid that alignment looks at."""

import numpy as np
import pytest

from fotohaus.burst.pyramid import _bands, noise_response


def test_noise_leaves_in_a_band_what_its_filters_say():
    noise = np.random.default_rng(3).standard_normal((512, 512), np.float32)
    for level, band in enumerate(_bands(noise, 3)):
        inner = band[16:-16, 16:-16]
        gradients = (inner[1:-1, 2:] - inner[1:-1, :-2]) / 2, (inner[2:, 1:-1] - inner[:-2, 1:-1]) / 2
        variance, gradient = noise_response(level)
        assert inner.var() == pytest.approx(variance, rel=(0.02, 0.03, 0.08)[level])
        assert sum(np.square(g).mean() for g in gradients) == pytest.approx(gradient, rel=(0.02, 0.03, 0.08)[level])

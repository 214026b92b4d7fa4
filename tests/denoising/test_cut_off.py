"""Means of noise that a file cuts off."""

import numpy as np
import pytest

from fotohaus.denoising.cut_off import crest


@pytest.mark.parametrize(("scale", "offset"), [(1.8e-4, 3e-6), (3e-3, 8e-4), (0.012, 0.013)])
def test_what_clipping_takes_off_a_mean_is_known(scale, offset):
    rng = np.random.default_rng(1)
    deviation = np.sqrt(scale + offset)
    table = crest(np.array([scale]), np.array([offset]), 256)
    assert table.deviation[0] == pytest.approx(deviation)
    for below in (-0.5, 0, 0.5, 1, 2, 4):
        light = max(1 - below * deviation, 0)
        seen = np.minimum(light + rng.standard_normal(400_000) * np.sqrt(scale * light + offset), 1).mean()
        lost = np.interp((1 - seen) / deviation * table.steps, np.arange(256), table.lost[0])
        assert lost == pytest.approx(light - seen, abs=0.015 * deviation)


def test_the_light_of_means_never_falls_and_is_stretched_as_much():
    table = crest(np.array([3e-3, 8e-3]), np.array([8e-4, 5e-3]), 256)
    for deviation, lost, stretch in zip(table.deviation, table.lost, table.stretch, strict=True):
        mean = 1 - np.arange(256) / table.steps * deviation
        slope = np.gradient(mean + lost, mean)
        assert (slope > 0.99).all()
        gentle = (slope < 1.9) & (np.arange(256) > 10)
        assert np.abs(slope - stretch)[gentle].max() < 0.05

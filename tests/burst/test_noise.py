"""The estimated noise model against the simulator's."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import merge
from fotohaus.raw.noise import estimate_noise
from fotohaus.simulate import phone_noise, simulate_burst


@pytest.mark.parametrize("iso", [100, 400, 1600, 6400])
@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_the_estimate_is_near_the_truth(scene, iso, cfa):
    burst = simulate_burst(scene, size=(768, 1024), iso=iso, exposure=0.5, frames=1, cfa=cfa)
    found, true = estimate_noise(burst.frame(0)), phone_noise(iso)
    assert found.source == "estimated"
    for c in range(3):
        for x in (0.05, 0.1, 0.3):
            ratio = (found.scale[c] * x + found.offset[c]) / (true.scale[c] * x + true.offset[c])
            assert 0.7 < ratio < 1.45, (c, x, ratio)


@pytest.mark.parametrize("value", [0, 500, 65535])
def test_any_frame_has_an_estimate(scene, value):
    burst = simulate_burst(scene, size=(64, 96), frames=1)
    frame = burst.frame(0).with_mosaic(np.full((64, 96), value, np.uint16))
    found = estimate_noise(frame)
    assert all(np.isfinite(v) and v > 0 for v in (*found.scale, *found.offset))


def test_a_merge_without_a_noise_profile(scene, measure):
    burst = simulate_burst(scene, size=(512, 768), iso=1600, exposure=0.25, frames=6)
    merged = merge((replace(f, noise=None) for f in burst), reference=1)
    before, after = (measure.psnr(measure.light(raw), burst.truth) for raw in (burst.frame(0), merged))
    assert after > before + 7

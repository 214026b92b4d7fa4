"""What samples count for where noise hides nearly all."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst.dim import PART, clipped_as, color_weights
from fotohaus.burst.frame import make_frame, padded_like
from fotohaus.burst.pyramid import pyramid
from fotohaus.simulate import simulate_burst


def frame_of(raw, noise=None):
    return make_frame(raw, noise or raw.noise, padded_like(raw))


@pytest.fixture(scope="module")
def burst(scene):
    return simulate_burst(scene, size=(448, 576), iso=6400, exposure=0.25, frames=2, seed=1)


def test_a_clipped_sample_counts_as_what_noise_is_beyond_zero(burst):
    frame = frame_of(burst.frame(0))
    black, deviation = float(frame.black.mean()), np.sqrt(frame.noise_offset.mean()) / frame.scale.mean()
    values = np.random.default_rng(0).normal(black, deviation, 400_000)
    assert clipped_as(frame) == pytest.approx(PART * values[values < 0].mean(), rel=0.02)


def test_nothing_is_clipped_where_noise_is_small(scene):
    assert clipped_as(frame_of(simulate_burst(scene, size=(128, 128), iso=100, frames=1).frame(0))) == 0.0


def test_colors_of_less_light_count_less_and_noise_stays(burst):
    raw = burst.frame(0)
    weights = color_weights(frame_of(raw))
    red, green, blue = (float(weights[place]) for place in ((0, 0), (0, 1), (1, 1)))
    assert red < blue < green == weights[1, 0]  # as the neutral's light is
    assert np.square(weights).mean() == pytest.approx(1, abs=1e-6)
    gray = replace(raw, color=replace(raw.color, as_shot_neutral=(1.0, 1.0, 1.0)))
    assert np.array_equal(color_weights(frame_of(gray)), np.ones((2, 2), np.float32))


def test_bands_show_more_of_what_lies_in_the_dark():
    """Signal against noise, by the correlation with the true bands."""
    blocks = np.random.default_rng(5).random((160, 200, 1)) < 0.3
    blocks = np.repeat(0.2 * blocks.repeat(8, 0).repeat(8, 1), 3, -1).astype(np.float32)
    burst = simulate_burst(blocks, size=(448, 576), iso=6400, exposure=0.25, frames=2, seed=1)
    raw = burst.frame(1)
    levels = 60_000 * burst.clean(1) + 2_000
    clean = replace(raw, mosaic=levels.astype(np.uint16), black=raw.black * 0 + 2_000, white=raw.white * 0 + 62_000)
    true = pyramid(frame_of(clean, raw.noise), fine=True)
    told = {}
    for dim in (False, True):
        seen = pyramid(frame_of(raw), fine=True, dim=dim)
        inner = np.s_[16:-80, 16:-80]
        told[dim] = np.array(
            [np.corrcoef(seen.band(k)[inner].ravel(), true.band(k)[inner].ravel())[0, 1] ** 2 for k in (-1, 0, 1)]
        )
    told = {dim: share / (1 - share) for dim, share in told.items()}
    assert (told[True] > 1.03 * told[False]).all()


def test_a_red_sample_moves_the_fine_band_by_its_weight(burst):
    raw = burst.frame(0)
    site = np.zeros_like(raw.mosaic)
    site[200, 200] = 200  # red
    base = np.full_like(raw.mosaic, 400)
    flat, risen = (replace(raw, mosaic=base + step) for step in (0 * site, site))
    change = {}
    for dim in (False, True):
        bands = [pyramid(frame_of(r), fine=True, dim=dim).band(-1) for r in (flat, risen)]
        change[dim] = float((bands[1] - bands[0])[200, 200])
    weight = color_weights(frame_of(raw))[0, 0]
    assert change[True] == pytest.approx(weight * change[False], rel=1e-3)

"""Alignment against simulated bursts whose motion is known."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import align_frames
from fotohaus.errors import MergeError
from fotohaus.raw.image import CFA_PATTERNS
from fotohaus.simulate import simulate_burst

SIZE = (768, 1024)


@pytest.mark.parametrize(("iso", "limit"), [(100, 0.03), (400, 0.05), (1600, 0.15)])
def test_hand_shake_is_found_to_fractions_of_a_pixel(scene, measure, iso, limit):
    burst = simulate_burst(scene, size=SIZE, iso=iso, exposure=0.25, frames=4)
    frames = list(burst)
    errors = []
    for frame, motion in zip(frames[1:], burst.motions[1:], strict=True):
        found = align_frames(frames[0], frame)
        assert found.ok
        assert found.matched[found.textured].mean() > 0.95
        errors.append(measure.alignment_error(found, motion, SIZE))
    assert measure.rms(np.concatenate(errors)) < limit


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_every_phase_of_the_mosaic(scene, measure, cfa):
    burst = simulate_burst(scene, size=(384, 512), iso=400, cfa=cfa, frames=2)
    found = align_frames(*burst)
    assert measure.rms(measure.alignment_error(found, burst.motions[1], (384, 512))) < 0.06


@pytest.mark.parametrize("seed", [0, 1, 4, 5, 6, 7])
def test_shifts_of_five_percent_and_two_degrees(scene, measure, seed):
    size = (600, 800)
    burst = simulate_burst(scene, size=size, iso=400, shake=25, rotation=1.2, frames=2, seed=seed)
    motion = burst.motions[1]
    assert abs(motion.degrees) < 2.5
    found = align_frames(*burst)
    assert found.ok
    assert measure.rms(measure.alignment_error(found, motion, size, border=100)) < 0.08


def test_rolling_shutter(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=400, rolling=6, frames=2, seed=3)
    assert np.abs(burst.motions[1].rolling).max() > 2
    found = align_frames(*burst)
    assert measure.rms(measure.alignment_error(found, burst.motions[1], SIZE)) < 0.05


def test_what_stays_with_the_sensor_does_not_hold_it(scene, measure):
    # Hot pixels, columns of unequal gain and strong shading are the same in all frames.
    burst = simulate_burst(scene, size=SIZE, iso=1600, exposure=0.25, frames=2, shading=3)
    rng = np.random.default_rng(0)
    hot = rng.random(SIZE) < 1e-3
    columns = 1 + 0.01 * rng.standard_normal(SIZE[1])

    def spoil(raw):
        mosaic = (raw.mosaic - raw.black[0, 0]) * columns + raw.black[0, 0]
        return replace(raw, mosaic=np.where(hot, 1023, np.clip(mosaic, 0, 1023)).astype(np.uint16))

    found = align_frames(*map(spoil, burst))
    assert np.hypot(burst.motions[1].dx, burst.motions[1].dy) > 4
    assert measure.rms(measure.alignment_error(found, burst.motions[1], SIZE)) < 0.4


def test_flat_frames_stay_where_they_are():
    burst = simulate_burst(np.full((64, 64, 3), 0.5), size=(256, 384), frames=2, shake=0, rotation=0)
    found = align_frames(*burst)
    assert found.ok
    assert np.isfinite(found.nodes).all()
    assert not found.textured.any()


def test_another_scene_does_not_match(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=400, frames=1)
    other = simulate_burst(measure.make_scene(800, 1000, seed=5), size=SIZE, iso=400, frames=1)
    assert not align_frames(burst.frame(0), other.frame(0)).ok


def test_frames_of_another_size_are_refused(scene):
    a = simulate_burst(scene, size=(64, 64), frames=1).frame(0)
    b = simulate_burst(scene, size=(64, 66), frames=1).frame(0)
    with pytest.raises(MergeError, match="66 x 64 px"):
        align_frames(a, b)

"""Alignment against simulated bursts whose motion is known."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import align_frames
from fotohaus.burst.align import _sums, align
from fotohaus.burst.belief import Belief
from fotohaus.burst.frame import block_size, make_frame, padded_like
from fotohaus.burst.motion import Motion as Motion8
from fotohaus.burst.pyramid import pyramid
from fotohaus.errors import MergeError
from fotohaus.raw.image import CFA_PATTERNS
from fotohaus.raw.noise import noise_of
from fotohaus.simulate import Motion, Mover, simulate_burst

SIZE = (768, 1024)


@pytest.mark.parametrize(("iso", "limit"), [(100, 0.02), (400, 0.03), (1600, 0.11)])
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
    assert measure.rms(measure.alignment_error(found, burst.motions[1], (384, 512))) < 0.05


@pytest.mark.parametrize("seed", [0, 1, 4, 5, 6, 7])
def test_shifts_of_five_percent_and_two_degrees(scene, measure, seed):
    size = (600, 800)
    burst = simulate_burst(scene, size=size, iso=400, shake=25, rotation=1.2, frames=2, seed=seed)
    motion = burst.motions[1]
    assert abs(motion.degrees) < 2.5
    found = align_frames(*burst)
    assert found.ok
    assert measure.rms(measure.alignment_error(found, motion, size, border=100)) < 0.04


def test_a_quarter_of_the_tiles_says_what_they_say_in_the_whole(scene):
    burst = simulate_burst(scene, size=(600, 830), iso=400, frames=2)
    noise = noise_of(burst.frame(0))
    first, second = (pyramid(make_frame(raw, noise, padded_like(raw))) for raw in burst)
    motion = align(first, second, block_size(burst.frame(0))).motion
    for level in (0, 1):
        motion.tiles = None
        whole, part = (_sums(motion, first, second, level, every) for every in (1, 2))
        np.testing.assert_array_equal(part, whole[1::2, 1::2][: part.shape[0], : part.shape[1]])


def test_large_frames_whose_first_fine_step_looks_at_a_quarter(scene, measure, monkeypatch):
    burst = simulate_burst(scene, size=SIZE, iso=400, exposure=0.25, frames=2)
    whole = align_frames(*burst)
    monkeypatch.setattr("fotohaus.burst.align.MANY", 100)
    found = align_frames(*burst)
    assert not np.array_equal(found.nodes, whole.nodes)
    errors = [measure.rms(measure.alignment_error(a, burst.motions[1], SIZE)) for a in (found, whole)]
    assert errors[0] < max(1.2 * errors[1], 0.02)


def test_rolling_shutter(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=400, rolling=6, frames=2, seed=3)
    assert np.abs(burst.motions[1].rolling).max() > 2
    found = align_frames(*burst)
    assert measure.rms(measure.alignment_error(found, burst.motions[1], SIZE)) < 0.04


def test_a_share_of_a_pixel_is_not_biased(measure):
    # A quarter of a quad, without rotation, on waves of 10 to 40 px: what a poor interpolation displaces.
    size = (384, 512)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:900, :1200]
    waves = np.zeros(x.shape)
    for _ in range(40):
        angle, length = rng.uniform(0, np.pi), rng.uniform(20, 80)
        waves += np.sin(2 * np.pi / length * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 7))
    burst = simulate_burst(np.repeat(0.5 + 0.03 * waves[..., None], 3, 2), size=size, iso=25, frames=2)
    for dx in (-0.5, 0.5, 1.5):
        burst.motions = (burst.motions[0], Motion(dx=dx, dy=-dx))
        found = align_frames(*burst)
        assert np.abs(measure.alignment_error(found, burst.motions[1], size).mean(0)).max() < 0.008


def test_parallax_of_a_part_is_followed_and_the_rest_left_alone(scene, measure):
    # The camera moves to the side: a near part of the picture shifts by 1.5 px more.
    subject = Mover(measure.make_scene(900, 900, seed=3), (448, 448), velocity=(0, 0), parallax=1.3)
    burst = simulate_burst(scene, size=SIZE, iso=400, frames=2, movers=[subject])
    burst.motions = (burst.motions[0], Motion(dx=5.0))
    found = align_frames(*burst)
    assert found.ok
    y, x = np.mgrid[: found.nodes.shape[0], : found.nodes.shape[1]] * 64
    near = (abs(y - SIZE[0] / 2) < 130) & (abs(x - SIZE[1] / 2) < 130)
    far = (abs(x - SIZE[1] / 2) > 340) & (x < SIZE[1]) & (y < SIZE[0])
    assert np.abs(found.nodes[near, 0] + 6.5).max() < 0.3
    assert np.abs(np.median(found.nodes[far, 0]) + 5.0) < 0.1


@pytest.mark.parametrize("edge", [0.0, 2.0])
def test_a_motion_s_shape_must_prove_itself(edge):
    # The same uncertain measurement of all coefficients, with perspective that is noise or is not.
    motion = Motion8.still((600, 800))
    belief = Belief.about(motion, 10.0)
    precision = np.diag(np.full(8, 0.1**-2.0))
    seen = np.array([3.0, -2.0, 0.5, 0.1, -0.1, 0.1, edge + 0.1, -0.1])
    found = belief.mean(seen, precision, precision @ seen)
    assert np.abs(found[:3] - seen[:3]).max() < 0.01
    assert np.abs(found[3:6]).max() < 0.01
    assert abs(found[6] - (seen[6] if edge else 0)) < 0.03


def test_same_on_any_number_of_threads():
    code = (
        "import sys, numpy as np\n"
        "from fotohaus.burst import align_frames\n"
        "from fotohaus.simulate import Motion, Mover, simulate_burst\n"
        "scene = np.random.default_rng(0).random((900, 1200, 3)).astype(np.float32)\n"
        "a, b = simulate_burst(scene, size=(768, 1024), frames=2)\n"
        "sys.stdout.buffer.write(align_frames(a, b).nodes.tobytes())\n"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "HL_NUM_THREADS": n, "OPENBLAS_NUM_THREADS": n},
            capture_output=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    ]
    assert len(found[0]) > 1000
    assert found[0] == found[1]


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
    assert measure.rms(measure.alignment_error(found, burst.motions[1], SIZE)) < 0.2


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

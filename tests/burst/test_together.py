"""Noisy frames aligned together, against simulated bursts whose motion is known."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import align_burst, align_frames, merge
from fotohaus.burst.aligner import VERY_NOISY, Aligner
from fotohaus.burst.frame import make_frame, padded_like
from fotohaus.burst.pyramid import noise_response, pyramid
from fotohaus.errors import MergeError
from fotohaus.raw.noise import noise_of
from fotohaus.report import Report
from fotohaus.simulate import Mover, simulate_burst

SIZE = (448, 576)


def errors(measure, found, burst):
    pairs = zip(found, burst.motions[1:], strict=True)
    return [measure.rms(measure.alignment_error(f, motion, SIZE)) for f, motion in pairs]


@pytest.fixture(scope="module")
def noisy(scene):
    return simulate_burst(scene, size=SIZE, iso=3200, exposure=0.25, frames=10, seed=2)


def test_noisy_frames_are_aligned_better_together(noisy, measure):
    frames = list(noisy)
    pairs = [align_frames(frames[0], frame) for frame in frames[1:]]
    together = align_burst(frames)
    assert all(found.ok for found in together)
    # The last two came when the others had been aligned.
    alone, all_of_them = (np.square(errors(measure, found, noisy)) for found in (pairs, together))
    assert all_of_them.mean() < 0.6 * alone.mean()
    assert all_of_them[-2:].mean() < alone[-2:].mean()


def test_clean_frames_do_not_wait(scene):
    burst = simulate_burst(scene, size=SIZE, iso=50, frames=4)
    for found, frame in zip(align_burst(burst), list(burst)[1:], strict=True):
        assert np.array_equal(found.nodes, align_frames(burst.frame(0), frame).nodes)


def test_large_frames_wait_in_threes_where_the_noise_is_strong(noisy, measure, monkeypatch):
    frames = list(noisy)
    size = frames[0].mosaic.nbytes
    monkeypatch.setattr("fotohaus.burst.aligner.MAX_BYTES", 2 * size)
    pairs = [align_frames(frames[0], frame) for frame in frames[1:]]
    assert pairs[0].error > VERY_NOISY
    noise = noise_of(frames[0])
    aligner = Aligner(make_frame(frames[0], noise, padded_like(frames[0])), noise)
    ready = [[aligned.found for aligned in aligner.add(frame)] for frame in frames[1:]]
    assert [len(found) for found in ready] == [0, 0, 3, 1, 1, 1, 1, 1, 1]
    alone, together = (
        np.square(errors(measure, found, noisy)) for found in (pairs, [one for some in ready for one in some])
    )
    assert together.mean() < 0.8 * alone.mean()


@pytest.mark.parametrize(("limit", "value"), [("MAX_LARGE_BYTES", SIZE[0] * SIZE[1] * 5), ("VERY_NOISY", 9.0)])
def test_frames_too_large_or_with_little_noise_do_not_wait(noisy, monkeypatch, limit, value):
    reference = noisy.frame(0)
    monkeypatch.setattr("fotohaus.burst.aligner.MAX_BYTES", 2 * reference.mosaic.nbytes)
    monkeypatch.setattr(f"fotohaus.burst.aligner.{limit}", value)
    noise = noise_of(reference)
    aligner = Aligner(make_frame(reference, noise, padded_like(reference)), noise)
    assert len(list(aligner.add(noisy.frame(1)))) == 1
    assert not list(aligner.rest())


def test_expected_error_is_what_it_turns_out_to_be(scene, measure):
    for iso in (400, 1600):
        burst = simulate_burst(scene, size=SIZE, iso=iso, exposure=0.25, frames=4)
        pairs = [align_frames(burst.frame(0), burst.frame(i)) for i in range(1, 4)]
        found = float(np.sqrt(np.mean(np.square(errors(measure, pairs, burst)))))
        assert 0.3 < found / pairs[0].error < 1.6


def test_the_mosaic_s_own_samples_tell_more_than_quads(scene, measure):
    # Detail finer than what quads hold well.
    detail = np.random.default_rng(0).standard_normal((scene.shape[0] // 3 + 1, scene.shape[1] // 3 + 1))
    detail = detail.repeat(3, 0).repeat(3, 1)[: scene.shape[0], : scene.shape[1], None]
    fine = np.clip(scene + 0.15 * detail, 0, 1).astype(np.float32)
    burst = simulate_burst(fine, size=SIZE, iso=3200, exposure=0.25, frames=6, seed=2)
    frames = list(burst)
    noise = noise_of(frames[0])
    found = {}
    for planes in (True, False):
        aligner = Aligner(make_frame(frames[0], noise, padded_like(frames[0])), noise, planes=planes)
        aligned = [aligned.found for frame in frames[1:] for aligned in aligner.add(frame)]
        aligned += [aligned.found for aligned in aligner.rest()]
        found[planes] = float(np.sqrt(np.mean(np.square(errors(measure, aligned, burst)))))
    assert found[False] < 0.7 * found[True]


def test_a_hot_sample_is_taken_for_its_colour_s_neighbours():
    flat = simulate_burst(np.full((64, 64, 3), 0.5), size=(256, 384), iso=100, frames=1).frame(0)
    mosaic = flat.mosaic.copy()
    mosaic[101, 150] = 1023
    plain, hot = (
        pyramid(make_frame(raw, raw.noise, padded_like(raw)), fine=True).band(-1)
        for raw in (flat, replace(flat, mosaic=mosaic))
    )
    assert np.abs(hot - plain).max() < 1.5
    assert plain[8:248, 8:376].std() == pytest.approx(noise_response(-1)[0] ** 0.5, rel=0.1)


def test_a_subject_that_walks_does_not_disturb(scene, measure):
    subject = Mover(scene, (90, 120), velocity=(0, 14))
    burst = simulate_burst(scene, size=SIZE, iso=3200, exposure=0.25, frames=6, movers=[subject], seed=2)
    assert max(errors(measure, align_burst(burst), burst)) < 0.35


def test_the_order_and_the_report(noisy):
    report = Report()
    merged = merge(noisy, reference=1, report=report)
    assert merged.capture.sources == tuple(frame.path for frame in noisy)
    assert any("aligned together" in note for note in report.stages[0].notes)


def test_another_size_is_refused(noisy, scene):
    other = simulate_burst(scene, size=(512, 640), frames=2).frame(1)
    with pytest.raises(MergeError):
        align_burst([noisy.frame(0), other])

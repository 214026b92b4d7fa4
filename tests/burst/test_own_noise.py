"""Bursts whose frames differ in noise, as those of an automatic ISO: each one's is its own."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import merge
from fotohaus.burst.frame import as_quads
from fotohaus.burst.lead import sharpest
from fotohaus.burst.merge import align_burst, align_frames
from fotohaus.burst.own_noise import Noises, mean_deviation
from fotohaus.raw.image import NoiseProfile
from fotohaus.raw.noise import noise_of
from fotohaus.report import Report
from fotohaus.simulate import simulate_burst

SIZE = (384, 512)


@pytest.fixture(scope="module")
def taken(scene):
    """Makes frames of one hand's shake and of the same light in the file, each at an ISO of its own; and the truth."""
    bursts = {
        iso: simulate_burst(scene, frames=8, size=SIZE, iso=iso, exposure=0.25, seed=3) for iso in (400, 1600, 6400)
    }

    def frames(*isos, stated=True):
        made = []
        for index, iso in enumerate(isos):
            frame = bursts[iso].frame(index)
            time = 0.02 * isos[0] / iso
            capture = replace(frame.capture, iso=iso, exposure_time=time)
            made.append(replace(frame, capture=capture, noise=frame.noise if stated else None))
        return made, bursts[isos[0]].truth

    return frames


def gain(frames, truth, measure, **how):
    """dB by which the merged frames are nearer to the truth than the first."""
    merged = merge(frames, reference=1, report=(report := Report()), **how)
    assert report.warnings == []
    assert merged.capture.frames == len(frames)
    return measure.psnr(measure.light(merged), truth) - measure.psnr(measure.light(frames[0]), truth), merged


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize(
    ("isos", "least"),
    [
        ((1600, *[6400] * 7), 1.0),  # were all left out
        ((400, 400, 400, 400, 1600, 1600, 1600, 1600), 6.5),
        ((6400, *[1600] * 5), 15.0),  # was 13
    ],
)
def test_frames_of_another_iso_count_by_their_noise(taken, measure, isos, least, stated):
    frames, truth = taken(*isos, stated=stated)
    better, merged = gain(frames, truth, measure, even=False)
    assert better > least
    error = np.square((measure.light(merged) - truth)[32:-32, 32:-32], dtype=np.float64).mean()
    said = merged.noise.scale[1] * float(truth.mean()) + merged.noise.offset[1]
    assert 0.5 < said / error < 1.3


def test_noise_that_light_adds_nothing_to(taken, measure):
    # What is estimated where noise drowns light. None matched: in units of it luma was too large for single precision.
    frames, truth = taken(6400, 6400, 6400, 6400, stated=False)
    flat = NoiseProfile((1e-9,) * 3, (0.0135,) * 3)
    for noise in (None, flat):
        assert gain([replace(f, noise=noise) for f in frames], truth, measure)[0] > 6


def test_a_plain_mean_and_a_reconstruction_know_it_too(taken, measure):
    frames, truth = taken(400, 400, 1600, 1600)
    alike, _ = taken(400, 400)
    for method in ("mean", "max"):
        assert gain(frames, truth, measure, method=method)[0] > gain(alike, truth, measure, method=method)[0]


def test_the_least_noisy_leads(taken):
    frames, _ = taken(6400, 1600, 6400)
    assert sharpest(frames)[0] == 1
    assert sharpest([replace(f, noise=None) for f in frames])[0] == 1


def test_pairs_are_aligned_in_units_of_both(taken):
    frames, _ = taken(1600, 6400, 6400, 1600)
    assert all(align_frames(frames[0], other).ok for other in frames[1:])
    found = align_burst(frames)
    assert all(f.ok for f in found)
    pairs = [align_frames(frames[0], other).nodes for other in frames[1:]]
    assert max(np.abs(a.nodes - b).mean() for a, b in zip(found, pairs, strict=True)) < 0.3


def test_what_a_frame_does_not_state(taken):
    (first, other, third), _ = taken(1600, 6400, 1600, stated=False)
    noises = Noises(first, noise_of(first), planes=False)
    assert noises.of(third) is None
    assert noises.of(replace(other, capture=replace(other.capture, iso=None))) is None
    assert 1 / 16 < noises.of(other).share < 1 / 3
    stated = Noises(first, NoiseProfile((1e-3,) * 3, (1e-5,) * 3), planes=False)
    assert stated.of(third) is None
    same = replace(first, noise=NoiseProfile((1.02e-3,) * 3, (1e-5,) * 3))
    assert stated.of(as_quads(same)) is None


def test_mean_deviation():
    one, other = NoiseProfile((1.0,) * 3, (4.0,) * 3), NoiseProfile((9.0,) * 3, (0.0,) * 3)
    mixed = mean_deviation(one, other, 0.5)
    assert mixed == NoiseProfile((4.0,) * 3, (1.0,) * 3)

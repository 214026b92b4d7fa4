"""The burst in the box: small, licensed, and a burst."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import fotohaus
from fotohaus.raw import expand_sources, read_raw

SAMPLE = Path(fotohaus.__file__).parent / "sample"


@pytest.fixture(scope="module")
def frames():
    return [read_raw(path) for path in expand_sources([SAMPLE])]


def test_is_small_and_says_its_licence():
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 4_000_000
    assert "CC0-1.0" in (SAMPLE / "LICENSE").read_text()
    assert "Paul Carmona" in (SAMPLE / "README.md").read_text()


def test_is_one_burst(frames):
    assert len(frames) == 8
    first = frames[0]
    assert first.mosaic.shape == (704, 1056)
    assert (first.crop.height, first.crop.width) == (688, 1040)
    for frame in frames:
        assert frame.cfa == "RGGB"
        assert frame.mosaic.shape == first.mosaic.shape
        assert frame.capture.exposure_time == first.capture.exposure_time
        assert frame.capture.iso == first.capture.iso
        assert len(frame.opcodes_2) == 4
        assert frame.noise == first.noise
    spread = frames[-1].capture.taken - first.capture.taken
    assert spread < timedelta(seconds=2)


def test_noise_is_as_strong_as_its_files_say(frames):
    """Neighbours of one colour in the smooth sky differ by noise alone."""
    for frame in frames:
        sky = (frame.mosaic[:128, 256:768:2] - 64.0) / (1023 - 64)
        sky = sky[1::2]  # greens
        rough = (sky[:, 2:] - 2 * sky[:, 1:-1] + sky[:, :-2]).var() / 6
        expected = frame.noise.scale[1] * sky.mean() + frame.noise.offset[1]
        assert rough == pytest.approx(expected, rel=0.08)


def test_no_frame_is_another(frames):
    for a, b in pairwise(frames):
        assert (np.abs(a.mosaic.astype(int) - b.mosaic) > 0).mean() > 0.5

"""Which frame leads a merge."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.burst import merge
from fotohaus.burst.lead import sharpest
from fotohaus.simulate import simulate_burst


@pytest.fixture(scope="module")
def three(scene):
    return list(simulate_burst(scene, size=(480, 640), frames=3, iso=400, shake=8, seed=4))


def _damaged(raw, kind):
    """With a fifth of the mosaic as a decoder that lost its way leaves it."""
    mosaic = raw.mosaic.copy()
    part = mosaic[200:300]
    if kind == "noise":
        part[...] = np.random.default_rng(0).integers(0, 1024, part.shape)
    elif kind == "ramp":
        part[...] = (part + 3 * np.arange(part.shape[1])) % 1024
    else:
        part[...] = kind
    return replace(raw, mosaic=mosaic)


def _blurred(raw, reach):
    mosaic = raw.mosaic.astype(np.float32)
    for axis in (0, 1):
        mosaic = np.mean([np.roll(mosaic, 2 * k, axis) for k in range(-reach, reach + 1)], 0)
    return replace(raw, mosaic=np.rint(mosaic).astype(np.uint16))


@pytest.mark.parametrize("kind", ["noise", "ramp", 1023, 0])
@pytest.mark.parametrize("index", range(3))
def test_a_frame_that_is_damaged_in_part_does_not_lead(three, kind, index):
    frames = [_damaged(raw, kind) if i == index else raw for i, raw in enumerate(three)]
    assert sharpest(frames)[0] != index


@pytest.mark.parametrize("reach", [1, 4, 12])
@pytest.mark.parametrize("index", range(3))
def test_the_only_sharp_frame_leads(three, reach, index):
    assert sharpest([raw if i == index else _blurred(raw, reach) for i, raw in enumerate(three)])[0] == index


def test_what_is_damaged_in_the_first_frame_is_not_in_the_photo(three, measure):
    clean, merged = measure.light(merge(three)), measure.light(merge([_damaged(three[0], "noise"), *three[1:]]))
    # 32 px for the frames' shifts.
    assert np.abs(merged - clean)[32:-32, 32:-32].max() < 0.5
    assert measure.psnr(merged, clean) > 35


def test_size_without_cells(scene):
    frames = list(simulate_burst(scene, size=(16, 20), frames=3, iso=400, shake=0.5, seed=4))
    assert sharpest(frames)[0] in range(3)

"""What most of two frames agree on, where a large subject walks through them."""

import numpy as np
import pytest

from fotohaus.burst import align_burst, align_frames
from fotohaus.burst.consensus import DECIDED, Trust, consensus
from fotohaus.burst.frame import make_frame, padded_like
from fotohaus.burst.pyramid import pyramid
from fotohaus.raw.noise import noise_of
from fotohaus.simulate import Motion, Mover, simulate_burst

FRAMES = 4
WALK = 14  # px a frame


def burst_of(scene, measure, size, share, iso):
    """A patch of more contrast than the scene, which covers so much of it, walks; and where it ever comes."""
    h = round(size[0] * (share / 0.75) ** 0.5)
    w = round(share * size[0] * size[1] / h)
    patch = np.clip(0.35 + 1.5 * (measure.make_scene(900, 900, seed=3) - 0.35), 0, 1)
    top, left = (size[0] - h) / 2, (size[1] - w) / 2
    mover = Mover(patch, (h, w), velocity=(0, WALK))
    burst = simulate_burst(scene, size=size, iso=iso, exposure=0.25, frames=FRAMES, movers=[mover])
    return burst, (top, left, top + h, left + w + WALK * (FRAMES - 1))


def around(found, motion, size, box, margin=48):
    """px, RMS over the nodes that the subject never comes near."""
    matrix = motion.matrix(size)
    y, x = np.mgrid[: found.nodes.shape[0], : found.nodes.shape[1]] * 64 - 0.5
    inside = (np.minimum(x, y) >= 16) & (x < size[1] - 16) & (y < size[0] - 16)
    top, left, bottom, right = box
    inside &= (x < left - margin) | (x > right + margin) | (y < top - margin) | (y > bottom + margin)
    p = np.stack([x[inside], y[inside]])
    truth = np.linalg.solve(matrix[:, :2], p - matrix[:, 2:]) - p
    return float(np.sqrt(np.mean(np.square(found.nodes[inside].T - truth))))


@pytest.mark.parametrize(("iso", "size"), [(100, (448, 576)), (1600, (448, 576)), (6400, (672, 896))])
@pytest.mark.parametrize("share", [0.2, 0.3])
def test_a_large_patch_that_walks_is_not_followed(scene, measure, iso, size, share):
    burst, box = burst_of(scene, measure, size, share, iso)
    static = simulate_burst(scene, size=size, iso=iso, exposure=0.25, frames=FRAMES)
    errors = []
    for frames in (static, burst):
        found = align_burst(frames)
        assert all(f.ok for f in found)
        each = [around(f, m, size, box) for f, m in zip(found, burst.motions[1:], strict=True)]
        errors.append(measure.rms(np.array(each)))
    # Half of the tiles tell less than all of them, and where something moves the others' mean is not shrunk.
    assert errors[1] < 2.7 * errors[0] + 0.02


def pyramids(burst):
    return [pyramid(make_frame(raw, noise_of(raw), padded_like(raw))) for raw in burst]


def test_the_vote_tells_shift_and_rotation(scene):
    burst = simulate_burst(scene, size=(576, 768), iso=400, exposure=0.25, frames=2)
    burst.motions = (burst.motions[0], Motion(dx=30.0, dy=-20.0, degrees=2.0))
    motion, trust, clear = consensus(*pyramids(burst))
    assert clear > DECIDED
    assert trust.cells.mean() > 0.9
    turn = np.deg2rad(burst.motions[1].degrees)
    shift = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) @ [-30.0, 20.0]
    assert np.abs(2 * motion.coefficients[:2] - shift).max() < 4
    assert abs(motion.coefficients[2] / motion.reach + turn) < 0.006


def test_the_subject_is_not_trusted(scene, measure):
    size = (576, 768)
    burst, _ = burst_of(scene, measure, size, 0.2, 400)
    frames = pyramids(burst)
    _, trust, _ = consensus(frames[0], frames[3])
    rows, columns = trust.cells.shape
    assert trust.cells[rows // 2, columns // 2] == 0
    assert trust.cells[0].all()
    assert trust.cells[-1].all()


def test_other_scenes_are_a_vote_by_chance(scene, measure):
    for iso in (100, 6400):
        pair = [
            simulate_burst(s, size=(448, 576), iso=iso, exposure=0.25, frames=1, seed=k).frame(0)
            for k, s in enumerate((scene, measure.make_scene(800, 1000, seed=5)))
        ]
        assert consensus(*pyramids(pair))[2] < DECIDED
        assert iso > 100 or not align_frames(*pair).ok


def test_tiles_are_trusted_as_a_whole():
    cells = np.ones((4, 6))
    cells[1, 2] = 0
    trust = Trust(cells, 2)
    assert np.array_equal(np.argwhere(trust.tiles(2, 2, 3) == 0), [[0, 1]])
    assert np.array_equal(trust.tiles(1, 4, 6), cells)
    assert np.array_equal(trust.tiles(0, 8, 12), cells.repeat(2, 0).repeat(2, 1))
    other = np.ones((4, 6))
    other[3, 5] = 0
    assert trust.both(Trust(other, 2)).cells.sum() == 22


def test_flat_frames_are_no_trouble():
    burst = simulate_burst(np.full((64, 64, 3), 0.5), size=(256, 384), frames=2, shake=0, rotation=0)
    motion, _, _ = consensus(*pyramids(burst))
    assert np.isfinite(motion.coefficients).all()

"""The reconstruction: its operators, what it gains over the robust merge, and what it must not do."""

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.burst import merge, reconstruct, window
from fotohaus.raw.image import CFA_PATTERNS
from fotohaus.simulate import Mover, phone_noise, simulate_burst


def normal(picture, place, weight, table, value=None):
    total = kernels.empty(picture.shape)
    total[...] = 0
    value = np.zeros(place.shape, np.float32) if value is None else value
    share = 1.0 if value.any() else 0.0
    kernels.call("reconstruct_normal", picture=picture, start=total, place=place, value=value, weight=weight,
                 table=table, share=share, total=total)  # fmt: skip
    return total


def test_interpolation_is_exact_for_cubics():
    table = window.interpolation()
    taps = np.arange(6) - 2.0
    for power in range(4):
        wanted = (np.arange(128) / 128) ** power
        assert np.allclose(table[:, :6] @ taps**power, wanted, atol=1e-4)
    assert (table[:, 6:] == 0).all()
    assert np.allclose(table[0, :6], [0, 0, 1, 0, 0, 0], atol=1e-5)


def test_the_adjoint_is_the_transpose():
    # <u, A'WA v> = <A'WA u, v>, and A'W y from the same kernel agrees with A: <A u, W y> = <u, A'W y>.
    rng = np.random.default_rng(0)
    h, w, n = 24, 32, 20
    phases = rng.integers(0, 128, (2, n, n))
    place = rng.integers(0, w - 8, (n, n)) | rng.integers(0, h - 6, (n, n)) << 9 | phases[0] << 18 | phases[1] << 25
    place = place.astype(np.uint32).view(np.int32) if place.dtype == np.uint32 else place.astype(np.int32)
    weight = rng.uniform(0.5, 2, (n, n)).astype(np.float32)
    table = window.interpolation()
    u, v = (kernels.planar(rng.standard_normal((h, w, 3)).astype(np.float32)) for _ in range(2))
    zero = kernels.planar(np.zeros((h, w, 3), np.float32))
    value = rng.standard_normal((n, n)).astype(np.float32)
    au, av = normal(u, place, weight, table), normal(v, place, weight, table)
    assert np.vdot(au, v) == pytest.approx(np.vdot(u, av), rel=1e-4)
    assert np.vdot(au, u) < 0  # the operator, negated
    # The gradient of |W^(1/2) (y - A u)|^2 / 2 along v, by its own definition.
    there = normal(zero, place, weight, table, value)
    together = normal(v, place, weight, table, value)
    assert np.allclose(together, there + av, atol=1e-3)


def test_inverse_nodes_undo_the_nodes():
    v, u = np.mgrid[:9, :12] * 64.0
    nodes = np.stack([20 + 0.03 * v - 0.01 * u, -12 - 0.03 * u + 0.002 * v], -1).astype(np.float32)
    back = reconstruct.inverse_nodes(nodes)
    # An affine motion: at frame position q = p + d(p) the way back is -d(p).
    matrix = np.array([[1 - 0.01, 0.03], [-0.03, 1 + 0.002]])
    p = np.linalg.solve(matrix, (np.stack([u, v], -1) - [20, -12])[..., None])[..., 0]
    assert np.allclose(back, p - np.stack([u, v], -1), atol=2e-3)


@pytest.mark.parametrize(("iso", "gain"), [(100, 0.3), (400, 0.8), (1600, 1.2)])
def test_nearer_to_the_truth_than_the_robust_merge(scene, measure, iso, gain):
    burst = simulate_burst(scene, size=(320, 350), iso=iso, exposure=0.25, frames=8)
    robust, found = (merge(burst, reference=1, method=method) for method in ("robust", "max"))
    before, after = (measure.psnr(measure.light(raw), burst.truth) for raw in (robust, found))
    assert after > before + gain
    assert found.capture.frames == 8


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_every_phase_and_odd_sizes(scene, measure, cfa):
    burst = simulate_burst(scene, size=(160, 210), iso=400, exposure=0.25, frames=4, cfa=cfa)
    robust, found = (merge(burst, reference=1, method=method) for method in ("robust", "max"))
    before, after = (measure.psnr(measure.light(raw), burst.truth) for raw in (robust, found))
    assert after > before + 0.5
    assert found.cfa == cfa
    assert found.mosaic.shape == (160, 210)


def test_a_walking_subject_leaves_no_ghost(scene, measure):
    subject = Mover(measure.make_scene(300, 300, seed=7), size=(120, 120), velocity=(0, 14), position=(120, 120))
    burst = simulate_burst(scene, size=(320, 350), iso=100, exposure=0.25, frames=6, movers=[subject])
    single = measure.light(burst.frame(0))
    assert measure.tile_gains(measure.light(merge(burst, reference=1, method="max")), single, burst.truth).min() > -0.2


def test_no_seams_and_no_more_noise_than_the_profile_says(measure):
    burst = simulate_burst(np.full((64, 64, 3), 0.6), size=(300, 480), iso=400, frames=8)
    found = merge(burst, reference=1, method="max")
    noise = phone_noise(400)
    error = (measure.light(found) - burst.truth) / np.sqrt(noise.scale[0] * burst.truth + noise.offset[0])
    border = slice(window.CORE - 14, window.CORE + 14)
    inside = slice(32, 270)
    assert np.abs(error[inside, border].mean(0)).max() < 0.1
    assert error[inside, border].std() == pytest.approx(error[inside, inside].std(), rel=0.1)
    # Fine noise is less than the profile says, which is right for the coarse noise that a mean of frames leaves.
    earned = found.noise.scale[1] / noise.scale[1]
    assert error[32:-32, 32:-32].var() < 1.1 * earned
    blocks = error[32:-32, 32:-32][:232, :416].reshape(29, 8, 52, 8).mean((1, 3))
    assert 64 * blocks.var() == pytest.approx(earned, rel=0.5)


def test_clipped_highlights_stay_clipped(scene, measure):
    burst = simulate_burst(scene, size=(256, 320), iso=400, exposure=3, frames=4)
    frame, found = burst.frame(0), merge(burst, reference=1, method="max")
    clipped = frame.mosaic >= frame.white[0, 0]
    assert clipped.mean() > 0.02
    sigma = np.sqrt(phone_noise(400).scale[1] + phone_noise(400).offset[1])
    # But for those that noise alone has clipped.
    certain = clipped & (burst.truth >= 1)
    assert (found.mosaic[certain] >= 0.999 * found.white[0, 0]).mean() > 0.95
    assert np.abs(measure.light(found) - burst.truth)[certain].max() < 4 * sigma
    near = burst.truth > 0.8
    assert np.abs(measure.light(found) - burst.truth)[near & ~clipped].max() < 6 * sigma


def test_the_same_bytes_on_any_number_of_threads(scene):
    burst = simulate_burst(scene, size=(200, 420), iso=400, exposure=0.25, frames=3)
    mosaics = []
    try:
        for count in (1, 2):
            kernels.set_threads(count)
            mosaics.append(merge(burst, reference=1, method="max").mosaic)
    finally:
        kernels.set_threads(0)
    assert (mosaics[0] == mosaics[1]).all()


@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (34, 420)])
def test_any_size(shape):
    rng = np.random.default_rng(0)
    world = rng.uniform(0.2, 0.8, (64, 64, 3)).astype(np.float32)
    burst = simulate_burst(world, size=(max(shape[0], 16), max(shape[1], 16)), iso=400, frames=3)
    assert merge(burst, reference=1, method="max").mosaic.shape == burst.size

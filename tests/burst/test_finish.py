"""What happens to merged light: denoising, the bias of black, clipped samples."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.burst import merge
from fotohaus.raw import expand_sources, read_raw
from fotohaus.simulate import Mover, phone_noise, simulate_burst
from fotohaus.simulate.sensor import CAMERA_FROM_SRGB

SIZE = (512, 768)


@pytest.fixture(scope="module")
def still(scene):
    return simulate_burst(scene, size=SIZE, iso=1600, exposure=0.25, frames=6)


def test_denoising_takes_out_what_the_merge_left(still, measure):
    plain, half, full = (
        measure.psnr(measure.light(merge(still, reference=1, denoise=s)), still.truth) for s in (0, 0.5, 1)
    )
    assert full > plain + 5
    assert plain + 2 < half < full


def test_the_noise_profile_tells_what_denoising_left(measure):
    burst = simulate_burst(np.full((64, 64, 3), 0.6), size=SIZE, iso=1600, frames=6)
    for strength in (0.5, 1):
        merged = merge(burst, reference=1, denoise=strength)
        error = (measure.light(merged) - burst.truth)[64:-64, 64:-64]
        for color, (i, j) in enumerate([(0, 0), (0, 1), (1, 1)]):
            model = merged.noise.scale[color] * burst.truth[i, j] + merged.noise.offset[color]
            assert error[i::2, j::2].var() == pytest.approx(model, rel=0.6)


@pytest.mark.parametrize("iso", [100, 1600])
def test_what_moved_is_denoised_as_the_reference_alone(scene, measure, iso):
    subject = Mover(measure.make_scene(600, 600, seed=7), size=(160, 200), velocity=(0, 14), position=(200, 200))
    burst = simulate_burst(scene, size=SIZE, iso=iso, exposure=0.25, frames=6, movers=[subject])
    single = measure.light(burst.frame(0))
    gains = measure.tile_gains(measure.light(merge(burst, reference=1, denoise=1)), single, burst.truth)
    assert gains.min() > -0.2
    if iso == 1600:
        # As much noise goes from the subject as from elsewhere, and more than the merge takes.
        before = measure.tile_gains(measure.light(merge(burst, reference=1)), single, burst.truth)
        y, x = np.nonzero(burst.moved())
        path = np.s_[y.min() // 32 + 1 : y.max() // 32 - 1, x.min() // 32 + 1 : x.max() // 32 - 1]
        assert gains[path].mean() > before[path].mean() + 2


@pytest.mark.parametrize("strength", [0, 1])
def test_no_seams(measure, strength):
    burst = simulate_burst(np.full((64, 64, 3), 0.6), size=(512, 768), iso=1600, frames=6)
    merged = measure.light(merge(burst, reference=1, denoise=strength))
    noise = phone_noise(1600)
    for i, j in np.ndindex(2, 2):
        error = (merged - burst.truth)[i::2, j::2]
        sigma = np.sqrt(noise.scale[0] * burst.truth[i, j] + noise.offset[0])
        assert np.abs(error.reshape(32, 8, 48, 8).mean((0, 2))).max() < 0.1 * sigma
        # Strips are made one by one: their edges are no places of their own.
        rows = error.mean(1)
        assert np.abs(rows[124:132] - rows[110:146].mean()).max() < 0.15 * sigma


@pytest.mark.parametrize("strength", [0, 1])
def test_dark_light_keeps_its_mean_where_the_camera_cut_its_noise_off(measure, strength):
    # 0.6 deviations of the noise are all that the file holds below black.
    ramp = np.repeat(np.linspace(0, 0.2, 900, dtype=np.float32)[None, :, None], 700, 0).repeat(3, 2)
    burst = simulate_burst(ramp, size=SIZE, iso=6400, frames=6)
    merged = measure.light(merge(burst, reference=1, denoise=strength))
    for i, j in np.ndindex(2, 2):
        columns = np.s_[i::2, j::2]
        error = (merged - burst.truth)[columns].mean(0)
        raw = (measure.light(burst.frame(0)) - burst.truth)[columns].mean(0)
        bands = error[: error.size // 16 * 16].reshape(-1, 16).mean(1)
        assert np.abs(bands).max() < 0.008
        assert raw[: raw.size // 16 * 16].reshape(-1, 16).mean(1).max() > 0.015


def test_highlights_have_no_cast(scene, measure):
    # Grey that clips in green only, in red, in all: where a sample is not clipped, its colour is what it was.
    burst = simulate_burst(scene, size=SIZE, iso=400, exposure=2, frames=6)
    frame, merged = burst.frame(0), measure.light(merge(burst, reference=1))
    sigma = np.sqrt(phone_noise(400).scale[0] + phone_noise(400).offset[0])
    for i, j in np.ndindex(2, 2):
        truth = burst.truth[i::2, j::2]
        for low, high in ((0.85, 0.93), (0.93, 0.97)):
            part = (truth > low) & (truth < high) & (frame.mosaic[i::2, j::2] < frame.white[0, 0])
            if part.sum() > 500:
                assert abs((merged[i::2, j::2] - truth)[part].mean()) < 0.15 * sigma


@pytest.fixture(scope="module")
def through_white():
    """A grey ramp through white, beside detail by which it is aligned, at ISO 6400; and its light by column."""
    rng = np.random.default_rng(3)
    ramp = np.repeat(np.linspace(0.4, 1.6, 1024, dtype=np.float32)[None, :], 640, 0)
    ramp[:260] = np.kron(rng.uniform(0.1, 0.7, (65, 256)), np.ones((4, 4)))
    ramp[-150:-60] = np.kron(rng.uniform(0.1, 0.7, (30, 256)), np.ones((3, 4)))
    rgb = (ramp[..., None] * np.ones(3) @ np.linalg.inv(CAMERA_FROM_SRGB).T).astype(np.float32)
    return simulate_burst(rgb, size=(384, 640), iso=6400, exposure=1, frames=6, shake=2, rotation=0, oversample=1)


@pytest.mark.parametrize(("method", "strength"), [("robust", 0), ("mean", 0), ("max", 0), ("robust", 1)])
def test_light_near_white_keeps_its_mean_where_some_frames_clip(through_white, measure, method, strength):
    merged = merge(through_white, reference=1, method=method, denoise=strength)
    noise = phone_noise(6400)
    sigma = np.sqrt(noise.scale[1] + noise.offset[1])
    rows = np.s_[150:220]
    light, truth = measure.light(merged)[rows, 32:-32], through_white.truth[rows, 32:-32]
    single = measure.light(through_white.frame(0))[rows, 32:-32]
    for low, high in ((0.7, 0.8), (0.8, 0.9), (0.9, 0.95)):
        for i, j in np.ndindex(2, 2):
            here = np.s_[i::2, j::2]
            part = (truth[here] > low) & (truth[here] < high)
            error = (light - truth)[here][part].mean()
            # Noise that a merged sample is left with is clipped as a frame's is.
            assert -0.07 * sigma < error < 0.06 * sigma
            if low == 0.9:
                assert (single - truth)[here][part].mean() < -0.1 * sigma
                # No sample is white for being so in the reference alone.
                assert (light[here][part] >= 1).mean() < 0.5 * (single[here][part] >= 1).mean()
    assert light[truth >= 1].mean() > 0.985


def test_what_clips_stays_white_where_a_frame_of_another_exposure_does_not(through_white):
    frames = list(through_white)
    for i in (2, 4):
        capture = replace(frames[i].capture, exposure_time=frames[i].capture.exposure_time * 1.1)
        frames[i] = replace(frames[i], capture=capture)
    merged = merge(frames, reference=1)
    over = np.s_[150:220, 400:600]
    clipped = frames[0].mosaic[over] >= frames[0].white[0, 0]
    assert clipped.mean() > 0.8
    assert (merged.mosaic[over][clipped] == merged.white[0, 0]).mean() > 0.999


def test_gain_maps_stay_and_the_corners_are_merged(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=1600, exposure=0.5, frames=6, shading=3)
    merged = merge(burst, reference=1, denoise=1)
    assert merged.opcodes_2 == burst.frame(0).opcodes_2
    corner = np.s_[16:112, 16:112]
    before, after = (np.square(measure.light(raw) - burst.truth)[corner].mean() for raw in (burst.frame(0), merged))
    assert after < before / 6


def test_the_same_bytes_on_any_number_of_threads(still):
    frames = [still.frame(i) for i in range(3)]
    results = []
    try:
        for count in (1, 2, 3):
            kernels.set_threads(count)
            results.append(merge(frames, denoise=0.7).mosaic)
    finally:
        kernels.set_threads(0)
    assert all(np.array_equal(results[0], r) for r in results[1:])


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strengths_out_of_range(still, strength):
    with pytest.raises(ValueError, match="0 to 1"):
        merge(still, denoise=strength)


@pytest.mark.parametrize("shape", [(2, 2), (7, 9), (2, 300), (257, 33)])
@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_any_size(scene, shape, cfa):
    whole = list(simulate_burst(scene, size=(258, 300), iso=6400, frames=3, cfa=cfa))
    frames = [replace(f, mosaic=f.mosaic[: shape[0], : shape[1]].copy()) for f in whole]
    assert merge(frames, reference=1, denoise=1).mosaic.shape == shape


def test_real_noise_and_stars(shared, measure):
    frames = [read_raw(path) for path in expand_sources([shared / "burst" / "m94"])]
    merged = merge(frames, reference=1)
    before, after, mean = (measure.light(raw) for raw in (frames[0], merged, merge(frames, reference=1, method="mean")))

    def noise(plane):
        d = plane[2:] - 2 * plane[1:-1] + plane[:-2]
        d = d[:, 2:] - 2 * d[:, 1:-1] + d[:, :-2]
        return np.median(np.abs(d))

    for i, j in np.ndindex(2, 2):
        assert noise(before[i::2, j::2]) > 2.75 * noise(after[i::2, j::2])

    def flux(image, y, x):
        part = image[y - 22 : y + 23, x - 22 : x + 23]
        v, h = np.mgrid[-22:23, -22:23]
        ring = part[(np.hypot(v, h) > 14) & (np.hypot(v, h) < 22)]
        return float(
            (part - np.median(ring) - (ring[ring < np.quantile(ring, 0.98)] - np.median(ring)).mean())[
                np.hypot(v, h) <= 10
            ].sum()
        )

    # Brightest first.
    stars = [(1475, 491), (745, 603), (84, 365), (415, 677), (291, 670), (954, 746), (1355, 203), (1560, 840)]
    fluxes = np.array([[flux(image, *star) for image in (after, mean)] for star in stars])
    assert fluxes[:, 0].sum() == pytest.approx(fluxes[:, 1].sum(), rel=0.01)
    assert fluxes[:5, 0] == pytest.approx(fluxes[:5, 1], rel=0.01)
    for y, x in stars[:4]:
        spreads = []
        for image in (before, after):
            part = image[y - 8 : y + 9, x - 8 : x + 9] - np.median(image[y - 22 : y + 23, x - 22 : x + 23])
            part = np.maximum(part, 0.03 * part.max()) - 0.03 * part.max()
            v, h = np.mgrid[-8:9, -8:9]
            spreads.append([np.sqrt((part * u * u).sum() / part.sum()) for u in (v, h)])
        # Neither wider nor longer than in one frame.
        assert np.allclose(spreads[1], spreads[0], rtol=0.1)

"""The merge against simulated bursts whose truth is known, and against real noise."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.burst import merge
from fotohaus.burst.aligner import MOST
from fotohaus.errors import MergeError
from fotohaus.raw.image import CFA_PATTERNS, CaptureInfo, ColorCalibration, RawImage, Rectangle
from fotohaus.report import Report
from fotohaus.simulate import Mover, phone_noise, simulate_burst

SIZE = (768, 1024)


@pytest.fixture(scope="module")
def still(scene):
    return simulate_burst(scene, size=SIZE, iso=1600, exposure=0.25, frames=8)


@pytest.mark.parametrize("method", ["robust", "mean"])
def test_eight_frames_are_worth_eight(still, measure, method):
    merged = merge(still, reference=1, method=method)
    gain = measure.psnr(measure.light(merged), still.truth) - measure.psnr(measure.light(still.frame(0)), still.truth)
    assert gain > 8.5  # a static mean of eight gives 9.03
    assert merged.capture.frames == 8
    assert merged.capture.sources == tuple(f"frame_{i:03d}" for i in range(8))


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_every_phase_of_the_mosaic(scene, measure, cfa):
    burst = simulate_burst(scene, size=(256, 384), iso=1600, exposure=0.25, frames=5, cfa=cfa)
    merged = merge(burst, reference=1)
    before, after = (measure.psnr(measure.light(raw), burst.truth) for raw in (burst.frame(0), merged))
    assert after > before + 5.5
    assert merged.cfa == cfa


@pytest.mark.parametrize("iso", [100, 1600])
def test_a_walking_subject_leaves_no_ghost(scene, measure, iso):
    subject = Mover(measure.make_scene(600, 600, seed=7), size=(220, 260), velocity=(0, 14), position=(300, 300))
    burst = simulate_burst(scene, size=SIZE, iso=iso, exposure=0.25, frames=8, movers=[subject])
    single, truth = measure.light(burst.frame(0)), burst.truth
    robust = measure.tile_gains(measure.light(merge(burst, reference=1)), single, truth)
    assert robust.min() > -0.2
    # The measure sees ghosts: a plain mean has them.
    mean = measure.tile_gains(measure.light(merge(burst, reference=1, method="mean")), single, truth)
    assert mean.min() < -2


def test_no_seams(measure):
    burst = simulate_burst(np.full((64, 64, 3), 0.6), size=(512, 768), iso=1600, frames=8)
    merged = measure.light(merge(burst, reference=1))
    noise = phone_noise(1600)
    for i, j in np.ndindex(2, 2):
        error = (merged - burst.truth)[i::2, j::2]
        sigma = np.sqrt(noise.scale[0] * burst.truth[i, j] + noise.offset[0])
        # Tiles begin every 8 samples: fold the image on that grid; what is left of the noise is its mean over tiles.
        folded = error.reshape(32, 8, 48, 8)
        assert np.abs(folded.mean((0, 2))).max() < 0.1 * sigma
        spread = folded.std((0, 2))
        assert spread.max() / spread.min() < 1.2


def test_the_noise_profile_tells_the_noise(measure):
    burst = simulate_burst(np.full((64, 64, 3), 0.6), size=(512, 768), iso=1600, frames=8)
    merged = merge(burst, reference=1)
    assert merged.noise.source == "merged"
    error = (measure.light(merged) - burst.truth)[64:-64, 64:-64]
    for color, (i, j) in enumerate([(0, 0), (0, 1), (1, 1)]):
        model = merged.noise.scale[color] * burst.truth[i, j] + merged.noise.offset[color]
        assert error[i::2, j::2].var() == pytest.approx(model, rel=0.25)


def test_nothing_is_lost_below_black(measure):
    # A dark scene in strong noise: a merge that cut at black would be far too bright.
    burst = simulate_burst(np.full((64, 64, 3), 0.004), size=(256, 384), iso=400, frames=8, bits=12)
    merged = merge(burst, reference=1)
    assert (measure.light(merged) < 0).mean() > 0.05
    assert measure.light(merged).mean() == pytest.approx(np.mean([measure.light(f).mean() for f in burst]), abs=2e-5)
    assert merged.mosaic.dtype == np.uint16
    assert len(np.unique(merged.mosaic)) > 4 * len(np.unique(burst.frame(0).mosaic))


def test_clipped_highlights_stay_clipped(scene, measure):
    burst = simulate_burst(scene, size=SIZE, iso=400, exposure=3, frames=8)
    frame = burst.frame(0)
    merged = merge(burst, reference=1)
    clipped = frame.mosaic >= frame.white[0, 0]
    assert clipped.mean() > 0.02
    sigma = np.sqrt(phone_noise(400).scale[1] + phone_noise(400).offset[1])
    # But for those that noise alone has clipped.
    certain = clipped & (burst.truth >= 1)
    assert (merged.mosaic[certain] == merged.white[0, 0]).mean() > 0.95
    assert np.abs(measure.light(merged) - burst.truth)[certain].max() < 4 * sigma
    # Next to them nothing overshoots: a false colour would be an error far beyond the noise.
    near = burst.truth > 0.8
    assert np.abs(measure.light(merged) - burst.truth)[near & ~clipped].max() < 6 * sigma


def test_the_sharpest_of_the_first_frames_leads(scene):
    sharp = simulate_burst(scene, size=(384, 512), iso=400, frames=4)
    blurred = simulate_burst(scene, size=(384, 512), iso=400, frames=4, blur=8, seed=2)
    frames = [blurred.frame(1), sharp.frame(1), blurred.frame(2), sharp.frame(2)]
    frames = [replace(f, path=f"folder/{i}.dng") for i, f in enumerate(frames)]
    report = Report()
    merged = merge(frames, report=report)
    assert merged.path == "folder/1.dng"
    assert merged.capture.sources[0] == "1.dng"
    assert any("folder/1.dng" in note for stage in report.stages for note in stage.notes)


def test_the_reference_by_number(scene, measure):
    burst = simulate_burst(scene, size=(384, 512), frames=5, reference=3, iso=1600, exposure=0.25)
    merged = merge(burst, reference=4)
    assert merged.path == "frame_003"
    assert (
        measure.psnr(measure.light(merged), burst.truth) > measure.psnr(measure.light(burst.frame(3)), burst.truth) + 6
    )


@pytest.mark.parametrize("method", ["robust", "mean"])
def test_no_frame_is_worth_two(still, method):
    report = Report()
    merge(still, method=method, report=report)
    (said,) = (note for note in report.stages[0].notes if note.startswith("merged"))
    assert 0.9 * len(still) < float(said.split()[-1]) <= len(still)


def test_off_gives_the_reference_alone(still):
    merged = merge(still, reference=3, method="off")
    assert np.array_equal(merged.mosaic, still.frame(2).mosaic)


def test_one_frame_is_returned_as_it_is(still):
    frame = still.frame(0)
    assert merge([frame]) is frame


@pytest.mark.parametrize(("iso", "held"), [(50, 4), (6400, 4 + MOST)])
def test_frames_stream(scene, iso, held):
    burst = simulate_burst(scene, size=(256, 256), frames=16, iso=iso)
    alive: list[weakref.ref[RawImage]] = []
    most = 0

    def frames():
        nonlocal most
        for i in range(16):
            frame = burst.frame(i)
            alive.append(weakref.ref(frame))
            most = max(most, sum(r() is not None for r in alive))
            yield frame
            del frame

    merge(frames())
    assert len(alive) == 16
    assert most <= held


def test_another_scene_is_left_out(scene, measure):
    burst = simulate_burst(scene, size=(384, 512), iso=400, frames=3)
    other = simulate_burst(measure.make_scene(800, 1000, seed=5), size=(384, 512), iso=400, frames=2)
    frames = [*burst, *(replace(f, path=f"other_{i}") for i, f in enumerate(other))]
    report = Report()
    merged = merge(frames, reference=1, report=report)
    assert merged.capture.frames == 3
    assert [w.split()[0] for w in report.warnings] == ["other_0", "other_1"]


def test_two_scenes_fall_back_to_the_reference(scene, measure):
    a = simulate_burst(scene, size=(384, 512), iso=400, frames=1).frame(0)
    b = simulate_burst(measure.make_scene(800, 1000, seed=5), size=(384, 512), iso=400, frames=1).frame(0)
    report = Report()
    merged = merge([a, b], reference=1, report=report)
    assert np.array_equal(merged.mosaic, a.mosaic)
    assert "stands alone" in report.warnings[-1]


def test_other_exposures_are_left_out(still):
    frames = [still.frame(i) for i in range(3)]
    frames[1] = replace(frames[1], capture=replace(frames[1].capture, exposure_time=0.08), path="longer")
    report = Report()
    assert merge(frames, reference=1, report=report).capture.frames == 2
    assert report.warnings == ["longer left out: its exposure differs by +2.0 EV"]


def test_a_slightly_longer_exposure_is_brought_in_line(scene, measure):
    plain = simulate_burst(scene, size=(384, 512), iso=400, exposure=0.25, frames=2, bits=14)
    longer = simulate_burst(scene, size=(384, 512), iso=400, exposure=0.25 * 1.1, frames=2, bits=14)
    frame = longer.frame(1)
    frame = replace(frame, capture=replace(frame.capture, exposure_time=0.02 * 1.1))
    merged = merge([plain.frame(0), frame], reference=1, method="mean")
    assert measure.light(merged).mean() == pytest.approx(plain.truth.mean(), rel=2e-3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"capture": CaptureInfo(make="Other", model="X")}, "another camera"),
        ({"cfa": "BGGR"}, "CFA BGGR"),
        ({"orientation": 6}, "orientation 6"),
        ({"mosaic": np.zeros((64, 66), np.uint16)}, "66 x 64 px"),
    ],
)
def test_a_frame_that_does_not_fit_is_named(scene, change, reason):
    burst = simulate_burst(scene, size=(64, 64), frames=5, shake=1)
    frames = [burst.frame(i) for i in range(5)]
    for place in (1, 4):
        spoiled = list(frames)
        spoiled[place] = replace(frames[place], path="bad.dng", **change)
        with pytest.raises(MergeError, match=reason) as error:
            merge(spoiled, strict=True)
        assert error.value.path == "bad.dng"
        report = Report()
        assert merge(spoiled, report=report).capture.frames == 4
        assert len(report.warnings) == 1
        assert report.warnings[0].startswith("bad.dng left out: ")


def test_another_white_balance_of_one_frame_costs_nothing(still, measure):
    # The reference's said how its colours guide each other: 2.1 dB less.
    frames = list(still)
    wrong = replace(frames[0], color=replace(frames[0].color, as_shot_neutral=(1.0, 0.5, 0.2)))
    gains = [measure.psnr(measure.light(merge(b, reference=1)), still.truth) for b in (frames, [wrong, *frames[1:]])]
    assert gains[1] > gains[0] - 0.1
    assert merge([wrong, *frames[1:3]], reference=1).color.as_shot_neutral == (1.0, 0.5, 0.2)


def test_strict_takes_all_frames_or_none(still, scene, measure):
    frames = [still.frame(i) for i in range(3)]
    longer = replace(frames[2], capture=replace(frames[2].capture, exposure_time=0.08), path="longer")
    other = simulate_burst(measure.make_scene(800, 1000, seed=5), size=SIZE, iso=1600, frames=1).frame(0)
    for odd, reason in ((longer, r"longer: its exposure"), (replace(other, path="other"), "other: it does not match")):
        with pytest.raises(MergeError, match=reason):
            merge([*frames[:2], odd], reference=1, strict=True)
    assert merge(frames, strict=True).capture.frames == 3


def test_frames_must_fit_the_reference_that_was_named(still):
    frames = [still.frame(i) for i in range(4)]
    frames[0] = replace(frames[0], orientation=6, path="turned")
    report = Report()
    merged = merge(frames, reference=2, report=report)
    assert (merged.path, merged.capture.frames) == ("frame_001", 3)
    assert [w.split()[0] for w in report.warnings] == ["turned"]


def test_refusals(scene):
    burst = simulate_burst(scene, size=(64, 64), frames=2)
    with pytest.raises(MergeError, match="no frames"):
        merge([])
    with pytest.raises(MergeError, match="only 2"):
        merge(burst, reference=3)
    with pytest.raises(MergeError, match="1 or more"):
        merge(burst, reference=0)


@pytest.mark.parametrize("shape", [(2, 2), (4, 6), (7, 9), (2, 900), (900, 2), (33, 65), (129, 257)])
@pytest.mark.parametrize("cfa", ["RGGB", "GBRG"])
def test_any_size(shape, cfa):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.1, 0.5, shape)

    def frame():
        noisy = base + rng.normal(0, 0.02, shape)
        level = np.ones((2, 2), np.float32)
        return RawImage(
            np.clip(noisy * 4000 + 256, 0, 4095).astype(np.uint16),
            cfa,
            256 * level,
            4095 * level,
            ColorCalibration(np.eye(3)),
            Rectangle(0, 0, *shape),
            noise=phone_noise(400),
        )

    merged = merge([frame() for _ in range(4)])
    assert merged.mosaic.shape == shape


def test_the_same_bytes_on_any_number_of_threads(still):
    frames = [still.frame(i) for i in range(4)]
    results = []
    try:
        for count in (1, 2, 3):
            kernels.set_threads(count)
            results.append(merge(frames).mosaic)
    finally:
        kernels.set_threads(0)
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def robust_noise(mosaic):
    """Per position of the CFA: the spread of the second differences, which stars hardly touch."""
    sigma = []
    for i, j in np.ndindex(2, 2):
        p = mosaic[i::2, j::2].astype(np.float64)
        d = (p[:-1, :-1] - p[1:, :-1] - p[:-1, 1:] + p[1:, 1:]) / 2
        sigma.append(np.median(np.abs(d - np.median(d))) / 0.6745)
    return np.array(sigma)


def test_real_noise_of_eight_frames(shared, measure):
    files = sorted((shared / "burst" / "m94").glob("*.dng"))
    from fotohaus.raw import read_raw

    frames = [read_raw(f) for f in files]
    merged = merge(frames, reference=1)
    assert merged.capture.frames == 8
    gain = robust_noise(measure.light(frames[0])) / robust_noise(measure.light(merged))
    assert gain.mean() > 2.75
    # The brightest star keeps its light and its shape.
    single, result = (measure.light(raw) for raw in (frames[0], merged))
    quads = [(p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in (single, result)]
    inner = quads[0][20:-20, 20:-20]
    y, x = (int(n) + 20 for n in np.unravel_index(inner.argmax(), inner.shape))
    flux, moment = [], []
    for q in quads:
        sky = np.median(q[y - 15 : y + 16, x - 15 : x + 16])
        star = q[y - 4 : y + 5, x - 4 : x + 5] - sky
        v, u = np.mgrid[-4:5, -4:5]
        flux.append(star.sum())
        moment.append([(star * v * v).sum() / star.sum(), (star * u * u).sum() / star.sum()])
    assert flux[1] / flux[0] == pytest.approx(1, abs=0.05)
    assert max(moment[1]) / min(moment[1]) < 1.2 * max(moment[0]) / min(moment[0])


def test_a_strong_subject_before_a_faint_scene_takes_no_frame_along(shared):
    photos = shared / "truth" / "photos"
    scene, other = (_linear(photos / name) for name in ("Rob_Bye.jpg", "Jonas_Nilsson_Lee.jpg"))
    subject = Mover(other, size=(300, 260), velocity=(0, 14), position=(400, 400))
    burst = simulate_burst(scene, size=(1200, 1600), iso=1600, exposure=0.25, frames=8, seed=3, movers=[subject])
    report = Report()
    far = merge([burst.frame(0), burst.frame(6), burst.frame(7)], reference=1, report=report)
    assert (far.capture.frames, report.warnings) == (3, [])


def _linear(path):
    image = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    return np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4).astype(np.float32)

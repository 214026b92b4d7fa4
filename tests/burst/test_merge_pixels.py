"""Bursts of pixels that have all colours: linear raws and finished photos."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.burst import merge
from fotohaus.burst.frame import as_pixels, as_quads
from fotohaus.raw.cfa import Filters
from fotohaus.raw.image import ColorCalibration, NoiseProfile, RawImage, Rectangle
from fotohaus.raw.other_cfa import complete
from fotohaus.raw.rendered import _linear
from fotohaus.report import Report
from fotohaus.srgb import decode_srgb

SIZE = (300, 420)
NOISE = NoiseProfile((1e-3,) * 3, (1e-5,) * 3)


def seen(scene, dx, dy, size=SIZE):
    """The scene at half its size, moved by halves of a pixel."""
    part = scene[60 + dy : 60 + dy + 2 * size[0], 60 + dx : 60 + dx + 2 * size[1]]
    return part.reshape(size[0], 2, size[1], 2, 3).mean((1, 3))


def linear(light, seed, name="frame", noise=NOISE):
    rng = np.random.default_rng(seed)
    noisy = light + rng.normal(0, 1, light.shape) * np.sqrt(NOISE.scale[0] * light + NOISE.offset[0])
    samples = np.clip(noisy * 50000 + 2000, 0, 65535).astype(np.uint16)
    levels = (np.full((1, 3), v, np.float32) for v in (2000, 52000))
    return RawImage(
        samples, None, *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, *light.shape[:2]), noise=noise, path=name
    )


SHIFTS = [(0, 0), (7, -3), (-12, 5), (1, 1), (9, 14), (-5, -20), (3, -8), (-2, 11)]


@pytest.fixture(scope="module")
def burst(scene):
    return [linear(seen(scene, *shift), i, f"{i}") for i, shift in enumerate(SHIFTS)]


def psnr(raw, truth):
    light = (raw.mosaic - raw.black[0]) / (raw.white[0] - raw.black[0])
    return -10 * np.log10(np.mean(np.square(light - truth)[16:-16, 16:-16]))


def test_quads_hold_pixels(burst):
    frame = burst[0]
    back = as_pixels(as_quads(frame))
    assert np.array_equal(back.mosaic, frame.mosaic)
    assert np.array_equal(back.black, frame.black)
    assert np.array_equal(back.white, frame.white)


@pytest.mark.parametrize("method", ["robust", "mean"])
@pytest.mark.parametrize("noise", [NOISE, None])
def test_eight_linear_raws_are_worth_eight(burst, scene, method, noise):
    frames = [replace(frame, noise=noise) for frame in burst]
    merged = merge(frames, reference=1, method=method)
    truth = seen(scene, 0, 0)
    assert (merged.mosaic.shape, merged.cfa, merged.capture.frames) == ((*SIZE, 3), None, 8)
    assert psnr(merged, truth) > psnr(frames[0], truth) + 7
    assert merged.noise.scale[1] < 0.5 * (NOISE.scale[1] if noise else 1)


def test_who_asks_for_denoising_is_told_that_there_is_none(burst):
    plain, asked = (merge(burst[:2], reference=1, denoise=d, report=(report := Report())) for d in (0, 1))
    assert np.array_equal(plain.mosaic, asked.mosaic)
    assert any("merge-denoise is left out" in warning for warning in report.warnings)


def test_a_monochrome_burst_stays_monochrome(burst):
    gray = [replace(f, mosaic=np.broadcast_to(f.mosaic[..., 1:2], f.mosaic.shape), monochrome=True) for f in burst[:3]]
    merged = merge(gray)
    assert merged.monochrome
    assert merged.capture.frames == 3
    assert merged.mosaic.strides[2] == 0


def test_a_walking_patch_leaves_no_ghost(scene):
    rng = np.random.default_rng(9)
    frames, patch = [], rng.uniform(0.1, 0.9, (60, 60, 3))
    for i, shift in enumerate(SHIFTS):
        light = seen(scene, *shift)
        light[100:160, 60 + 14 * i : 120 + 14 * i] = patch
        frames.append(linear(light, i))
    truth = seen(scene, 0, 0)
    truth[100:160, 60:120] = patch

    def energy(raw):
        error = (raw.mosaic - raw.black[0]) / (raw.white[0] - raw.black[0]) - truth
        return np.square(error[: 9 * 32, : 13 * 32]).reshape(9, 32, 13, 32, 3).mean((1, 3, 4))

    robust, mean = (energy(merge(frames, reference=1, method=m)) for m in ("robust", "mean"))
    assert 10 * np.log10((robust / energy(frames[0])).max()) < 0.3
    assert 10 * np.log10((mean / energy(frames[0])).max()) > 3


def test_linear_raws_that_clip_keep_their_light(scene):
    def frame(index):
        light = seen(scene, *SHIFTS[index]) * 0.4
        light[100:200] = np.linspace(0.6, 1.4, SIZE[1])[:, None]
        noisy = light + np.random.default_rng(index).normal(0, 0.1, light.shape)
        made = linear(light, index, noise=NoiseProfile((0.0,) * 3, (0.01,) * 3))
        return replace(made, mosaic=np.clip(np.rint(noisy * 50000 + 2000), 0, 52000).astype(np.uint16))

    merged = merge([frame(i) for i in range(6)], reference=1, even=False)
    light = (merged.mosaic - merged.black[0]) / (merged.white[0] - merged.black[0])
    truth = np.linspace(0.6, 1.4, SIZE[1])
    for low, high in ((0.8, 0.9), (0.9, 0.97)):
        part = (truth > low) & (truth < high)
        error = (light[116:184, part] - truth[part, None]).mean((0, 1))
        assert (np.abs(error) < 0.007).all()
        # Nor is it white where noise has clipped one of six.
        assert (light[116:184, part] >= 1).mean() < 0.15


def jpeg(light, seed):
    """A photo as a camera makes it of noisy light: the noise shared by neighbours, encoded, compressed."""
    rng = np.random.default_rng(seed)
    white = rng.normal(0, 1, light.shape) * np.sqrt(4e-3 * light + 4e-5)
    shared = sum(np.roll(white, (i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) / 3
    noisy = np.clip(light + shared, 0, 1)
    code = np.where(noisy <= 0.0031308, 12.92 * noisy, 1.055 * noisy ** (1 / 2.4) - 0.055)
    out = io.BytesIO()
    Image.fromarray(np.rint(255 * code).astype(np.uint8)).save(out, "JPEG", quality=92)
    pixels = _linear(np.asarray(Image.open(out)), None)
    levels = (np.full((1, 3), v, np.float32) for v in (0, 65535))
    return RawImage(
        pixels, None, *levels, ColorCalibration(np.eye(3)), Rectangle(0, 0, *SIZE), path=f"{seed}.jpg", rendered=True
    )


def coded_psnr(raw, truth):
    light = np.clip((raw.mosaic - raw.black[0]) / (raw.white[0] - raw.black[0]), 0, 1)
    codes = [np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1 / 2.4) - 0.055) for v in (light, truth)]
    return -10 * np.log10(np.mean(np.square(codes[0] - codes[1])[16:-16, 16:-16]))


def test_eight_jpegs_are_worth_five_decibels(scene):
    frames = [jpeg(seen(scene, *shift), i) for i, shift in enumerate(SHIFTS)]
    report = Report()
    merged = merge(frames, reference=1, report=report)
    assert report.warnings == []
    assert merged.capture.frames == 8
    truth = decode_srgb(np.arange(2.0))[1] * seen(scene, 0, 0)
    assert coded_psnr(merged, truth) > coded_psnr(frames[0], truth) + 5


def test_another_scene_is_left_out(scene, measure):
    other = measure.make_scene(900, 1100, seed=5)
    frames = [
        jpeg(seen(scene, 0, 0), 0),
        jpeg(seen(other, 0, 0), 1),
        *(jpeg(seen(scene, *SHIFTS[i]), i) for i in (2, 3)),
    ]
    report = Report()
    merged = merge(frames, reference=1, report=report)
    assert merged.capture.frames == 3
    assert [w.split()[0] for w in report.warnings] == ["1.jpg"]


def test_the_same_bytes_on_any_number_of_threads(scene):
    frames = [jpeg(seen(scene, *shift), i) for i, shift in enumerate(SHIFTS[:3])]
    results = []
    try:
        for count in (1, 2):
            kernels.set_threads(count)
            results.append(merge(frames).mosaic)
    finally:
        kernels.set_threads(0)
    assert np.array_equal(*results)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (17, 9), (1, 300), (129, 65)])
def test_any_size(shape):
    light = np.random.default_rng(0).uniform(0.1, 0.5, (*shape, 3))
    merged = merge([replace(linear(light, i), noise=None) for i in range(3)])
    assert merged.mosaic.shape == (*shape, 3)


@pytest.mark.parametrize("noise", [NoiseProfile((3e-3,) * 3, (8e-4,) * 3), NoiseProfile((1.2e-2,) * 3, (1.3e-2,) * 3)])
def test_a_noisy_monochrome_burst_is_merged(scene, noise):
    def noisy(index, shift):
        light = seen(scene, *shift)[..., 1:2]
        deviates = np.random.default_rng(index).standard_normal(light.shape)
        samples = light + deviates * np.sqrt(noise.scale[0] * light + noise.offset[0])
        mosaic = np.broadcast_to(np.clip(samples * 40000 + 12000, 0, 65535).astype(np.uint16), (*SIZE, 3))
        levels = (np.full((1, 3), v, np.float32) for v in (12000, 52000))
        calibration, crop = ColorCalibration(np.eye(3)), Rectangle(0, 0, *SIZE)
        return RawImage(mosaic, None, *levels, calibration, crop, noise=noise, path=f"{index}", monochrome=True)

    frames = [noisy(i, shift) for i, shift in enumerate(SHIFTS)]
    merged = merge(frames, reference=1)
    truth = seen(scene, 0, 0)[..., 1:2]
    assert merged.capture.frames == 8
    assert psnr(merged, truth) > psnr(frames[0], truth) + 7
    assert merged.noise.scale[1] < 0.25 * noise.scale[1]


def test_a_noisy_burst_of_interpolated_colours_is_merged(scene):
    # X-Trans, whose noise neighbours share; the profile is that of samples.
    rows = ("GBGGRG", "RGRBGB", "GBGGRG", "GRGGBG", "BGBRGR", "GRGGBG")
    filters = Filters("other", array=tuple(tuple("RGB".index(name) for name in row) for row in rows))
    noise = NoiseProfile((1.1565e-2,) * 3, (1.308e-2,) * 3)

    def noisy(index, shift):
        light = 0.5 * seen(scene, *shift)
        y, x = np.mgrid[: SIZE[0], : SIZE[1]] % 6
        mosaic = np.take_along_axis(light, np.array(filters.array)[y, x][..., None], 2)[..., 0]
        deviates = np.random.default_rng(index).standard_normal(mosaic.shape)
        mosaic = mosaic + deviates * np.sqrt(noise.scale[0] * mosaic + noise.offset[0])
        samples = np.clip((complete(mosaic.astype(np.float32), filters) + 0.25) * 50000, 0, 65535).astype(np.uint16)
        levels = (np.full((1, 3), v, np.float32) for v in (12500, 62500))
        calibration, crop = ColorCalibration(np.eye(3)), Rectangle(0, 0, *SIZE)
        return RawImage(samples, None, *levels, calibration, crop, noise=noise, path=f"{index}")

    frames = [noisy(i, shift) for i, shift in enumerate(SHIFTS)]
    merged = merge(frames, reference=1)
    assert merged.capture.frames == 8
    truth = 0.5 * seen(scene, 0, 0)
    assert psnr(merged, truth) > psnr(frames[0], truth) + 9.3  # 8.86 with the floor of white noise

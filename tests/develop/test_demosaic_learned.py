import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.develop.demosaic import MARGINS, demosaic
from fotohaus.develop.demosaic_learned import TOE, weights
from fotohaus.develop.pipeline import develop
from fotohaus.raw.image import CFA_PATTERNS, Rectangle
from fotohaus.render import render
from fotohaus.report import Report

MARGIN = MARGINS["learned"]
SITES = ((0, 0), (0, 1), (1, 0), (1, 1))  # (y, x) of R, G, G, B in a quad


def encode(v):
    return np.where(v < 0, v * (0.5 / TOE), np.sqrt(np.maximum(v, 0) + TOE**2) - TOE)


def decode(u):
    return u * (np.maximum(u, 0) + 2 * TOE)


def at(a, dx, dy):
    return np.roll(a, (-dy, -dx), (-2, -1))


def reference(mosaic, cfa):
    """The network in NumPy, in double precision; a generous mirrored border that also completes the quads."""
    pad = 32
    red_y, red_x = divmod(cfa.index("R"), 2)
    height, width = mosaic.shape
    ends = (pad + (height + red_y) % 2, pad + (width + red_x) % 2)
    m = np.pad(encode(mosaic.astype(np.float64)), ((pad + red_y, ends[0]), (pad + red_x, ends[1])), mode="reflect")
    red, green, under, blue = planes = np.stack([m[y::2, x::2] for y, x in SITES])

    w = weights()
    blocks, bias = len(w["depthwise"]), w["bias"][:, :, None, None]
    near = [(i, j) for j in (-1, 0, 1) for i in (-1, 0, 1)]
    raw = sum(np.tensordot(w["stem"][:, :, j + 1, i + 1], at(planes, i, j), 1) for i, j in near)
    activity = np.abs(raw).mean(0)
    scale = sum(at(activity, i, j) for i, j in near) / 9 + 0.002
    linear = raw / scale
    h = np.maximum(linear + bias[0], 0)
    for n in range(blocks):
        taps = w["depthwise"][n][..., None, None]
        d = bias[1 + n] + sum(taps[:, j + 1, i + 1] * at(h, i, j) for i, j in near)
        h = h + np.maximum(np.tensordot(w["pointwise"][n], d, 1) + bias[1 + blocks + n], 0)
    gates = zip(w["pointwise"][blocks:], bias[1 + 2 * blocks :], strict=True)
    gated = [np.clip(np.tensordot(k, h, 1) + b, -1, 1) * linear for k, b in gates]
    fix = np.tensordot(w["tail"], np.concatenate([h, linear, *gated]), 1) * scale

    red_x1, red_y1, blue_x1, blue_y1 = at(red, 1, 0), at(red, 0, 1), at(blue, -1, 0), at(blue, 0, -1)
    cell = [
        [
            red,
            fix[2] + (red + red_x1) / 2,
            fix[4] + (red + red_y1) / 2,
            fix[6] + (red + red_x1 + red_y1 + at(red, 1, 1)) / 4,
        ],
        [
            fix[0] + (green + at(green, -1, 0) + under + at(under, 0, -1)) / 4,
            green,
            under,
            fix[7] + (green + at(green, 0, 1) + under + at(under, 1, 0)) / 4,
        ],
        [
            fix[1] + (blue + blue_x1 + blue_y1 + at(blue, -1, -1)) / 4,
            fix[3] + (blue + blue_y1) / 2,
            fix[5] + (blue + blue_x1) / 2,
            blue,
        ],
    ]
    out = np.empty((*m.shape, 3))
    for c, places in enumerate(cell):
        for place, values in zip(SITES, places, strict=True):
            out[place[0] :: 2, place[1] :: 2, c] = values
    top, left = pad + red_y, pad + red_x
    return decode(out)[top : top + height, left : left + width]


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("size", [(40, 50), (131, 67), (17, 301), (300, 33)])
def test_kernel_agrees_with_numpy(cfa, size):
    mosaic = (np.random.default_rng(1).random(size) * 1.4 - 0.1).astype(np.float32)
    got = demosaic(mosaic, cfa, method="learned")
    assert got.shape == (*size, 3)
    np.testing.assert_allclose(got, reference(mosaic, cfa), atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("size", [(2, 2), (2, 3), (3, 2), (5, 4), (2, 700), (130, 2)])
def test_small_mosaics(size, cfa):
    noise = np.random.default_rng(1).random(size).astype(np.float32)
    for mosaic in (noise, np.zeros(size, np.float32), 1000 * noise, -noise):
        assert np.isfinite(demosaic(mosaic, cfa, method="learned")).all()
    flat = demosaic(np.full(size, 0.5, np.float32), cfa, method="learned")
    np.testing.assert_allclose(flat, 0.5, atol=2e-3)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_coloured_surface_stays(scenes, cfa):
    """Not exactly, as a trained network has it: to 0.2 %."""
    image = np.broadcast_to([0.2, 0.7, 1.4], (40, 44, 3))
    np.testing.assert_allclose(demosaic(scenes.mosaic_of(image, cfa), cfa, method="learned"), image, rtol=2e-3)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_known_samples_stay(scenes, cfa):
    mosaic = (np.random.default_rng(2).random((50, 61)) * 1.5 - 0.1).astype(np.float32)
    got = demosaic(mosaic, cfa, method="learned")
    np.testing.assert_allclose(scenes.mosaic_of(got, cfa), mosaic, atol=1e-6)


def psnr(got, truth, border=MARGIN):
    inner = np.s_[border:-border, border:-border]
    return -10 * np.log10(np.mean((got[inner] - truth[inner]) ** 2))


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_smooth_detail_survives(scenes, cfa):
    image = scenes.smooth_scene() / scenes.NEUTRAL
    assert psnr(demosaic(scenes.mosaic_of(image, cfa), cfa, method="learned"), image) > 54


@pytest.mark.parametrize(("folder", "least"), [("kodak", 40.4), ("mcmaster", 36.5)])
def test_quality_on_real_pictures(shared, scenes, folder, least):
    """Measured as benchmarks/demosaic.py does in linear light, the error in eight bits of sRGB."""
    results = []
    for path in sorted((shared / "truth" / folder).iterdir()):
        truth = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        light = np.where(truth <= 0.04045, truth / 12.92, ((truth + 0.055) / 1.055) ** 2.4)
        got = np.clip(demosaic(scenes.mosaic_of(light, "RGGB"), "RGGB", method="learned"), 0, 1)
        codes = np.where(got <= 0.0031308, got * 12.92, 1.055 * got ** (1 / 2.4) - 0.055)
        results.append(psnr(np.round(codes * 255) / 255, truth, 10))
    assert np.mean(results) > least


def test_matrix_is_applied_on_the_way_out(scenes):
    matrix = np.array([[0.9, 0.3, -0.2], [-0.1, 1.2, -0.1], [0.0, -0.3, 1.3]])
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), "BGGR")
    plain = demosaic(mosaic, "BGGR", method="learned")
    turned = demosaic(mosaic, "BGGR", matrix=matrix, method="learned")
    np.testing.assert_allclose(turned, plain @ matrix.T, atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("place", [(0, 0), (13, 16), (14, 17), (15, 21), (59, 67)])
def test_a_crop_is_a_part_of_the_whole(scenes, cfa, place):
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), cfa)
    crop = Rectangle(*place, 37, 61)
    whole = demosaic(mosaic, cfa, method="learned")
    part = demosaic(mosaic, cfa, crop=crop, method="learned")
    np.testing.assert_allclose(part, whole[crop.slices], atol=1e-6)


def test_the_margin_is_all_that_a_pixel_needs():
    mosaic = np.random.default_rng(3).random((90, 91)).astype(np.float32)
    whole = demosaic(mosaic, "RGGB", method="learned")
    for place in (30, 31):
        part = mosaic[place - MARGIN : place + 20 + MARGIN, place - MARGIN : place + 20 + MARGIN]
        cfa = "BGGR" if (place - MARGIN) % 2 else "RGGB"
        got = demosaic(part, cfa, crop=Rectangle(MARGIN, MARGIN, 20, 20), method="learned")
        np.testing.assert_allclose(got, whole[place : place + 20, place : place + 20], atol=1e-6)


def test_threads_do_not_change_the_result(scenes):
    mosaic = scenes.mosaic_of(scenes.smooth_scene(301, 701), "GRBG")
    try:
        kernels.set_threads(1)
        one = demosaic(mosaic, "GRBG", method="learned")
        kernels.set_threads(2)
        np.testing.assert_array_equal(demosaic(mosaic, "GRBG", method="learned"), one)
    finally:
        kernels.set_threads(0)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("crop", [Rectangle(0, 0, 96, 128), Rectangle(3, 6, 85, 117)])
def test_develop_by_it(scenes, orientation, crop):
    """Close to what the other method gives on a smooth scene, rendered from the strided planes as from a copy."""
    raw = scenes.raw_of(scenes.smooth_scene(), "GBRG", orientation)
    crop = Rectangle(crop.left, crop.top, crop.width, crop.height) if orientation == 6 else crop
    raw = scenes.raw_of(scenes.smooth_scene(), "GBRG", orientation, crop)
    report = Report()
    scene = develop(raw, demosaic="learned", report=report)
    plain = develop(raw)
    assert scene.pixels.shape == plain.pixels.shape
    np.testing.assert_allclose(scene.pixels, plain.pixels, atol=0.03)
    assert any("learned" in note for stage in report.stages for note in stage.notes)
    copy = kernels.empty(scene.pixels.shape)
    copy[...] = scene.pixels
    picture, same = (render(type(scene)(pixels, scene.noise)) for pixels in (scene.pixels, copy))
    np.testing.assert_array_equal(picture.pixels, same.pixels)

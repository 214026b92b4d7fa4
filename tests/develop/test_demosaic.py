import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.develop.demosaic import MARGINS, demosaic
from fotohaus.develop.demosaic_learned import TOE
from fotohaus.raw.image import CFA_PATTERNS, Rectangle

MARGIN = MARGINS["directional"]


def encode(v):
    return np.where(v < 0, v * (0.5 / TOE), np.sqrt(np.maximum(v, 0) + TOE**2) - TOE)


def decode(u):
    return u * (np.maximum(u, 0) + 2 * TOE)


def reference(m, cfa):
    """The method in NumPy, without a thought for speed; a generous mirrored border."""
    pad = 16
    m = np.pad(m.astype(np.float64), pad, mode="reflect")
    y, x = np.mgrid[: m.shape[0], : m.shape[1]]
    red_y, red_x = divmod(cfa.index("R"), 2)
    green, red_row = ((x + y + red_x + red_y) & 1) == 1, ((y + red_y) & 1) == 0

    def at(a, dy, dx):
        return np.roll(a, (-dy, -dx), (0, 1))

    differences, smoothness = {}, {}
    for axis, (dy, dx) in {"v": (1, 0), "h": (0, 1)}.items():
        near, far = at(m, dy, dx) + at(m, -dy, -dx), at(m, 2 * dy, 2 * dx) + at(m, -2 * dy, -2 * dx)
        other = near / 2 + (2 * m - far) / 4
        d = differences[axis] = np.where(green, m - other, other - m)
        gradient = np.abs(at(d, dy, dx) - at(d, -dy, -dx))
        window = {-2: 1, -1: 3, 0: 4, 1: 3, 2: 1}
        mean = sum(k * n * at(gradient, j, i) for i, k in window.items() for j, n in window.items()) / 144
        smoothness[axis] = 1 / (mean + 3e-5)
    sides = [("v", -1, 0), ("v", 1, 0), ("h", 0, -1), ("h", 0, 1)]
    weights = [at(smoothness[a], 2 * dy, 2 * dx) for a, dy, dx in sides]
    means = [
        sum(k * at(differences[a], i * dy, i * dx) for i, k in enumerate((0.4, 0.3, 0.2, 0.1))) for a, dy, dx in sides
    ]
    own = sum(w**2 * v for w, v in zip(weights, means, strict=True)) / sum(w**2 for w in weights)
    diagonal = sum(at(own, j, i) for i in (-1, 1) for j in (-1, 1))
    outer = sum(at(own, j, i) + at(own, i, j) for i in (-3, 3) for j in (-1, 1))
    opposite = diagonal * 10 / 32 - outer / 32

    def cross(vertical, horizontal):
        values = [at(vertical, -1, 0), at(vertical, 1, 0), at(horizontal, 0, -1), at(horizontal, 0, 1)]
        return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)

    along = np.where(green, m - cross(opposite, own), m)
    across = np.where(green, m - cross(own, opposite), m + own - opposite)
    rgb = np.stack(
        [np.where(red_row, along, across), np.where(green, m, m + own), np.where(red_row, across, along)], -1
    )
    return rgb[pad:-pad, pad:-pad]


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("size", [(40, 50), (131, 67), (17, 300)])
def test_kernel_agrees_with_numpy(cfa, size):
    mosaic = np.random.default_rng(1).random(size).astype(np.float32)
    expected = decode(reference(encode(mosaic.astype(np.float64)), cfa))
    np.testing.assert_allclose(demosaic(mosaic, cfa), expected, atol=3e-4)


@pytest.mark.parametrize("size", [(2, 2), (2, 3), (3, 2), (5, 4), (2, 700), (130, 2)])
def test_small_mosaics(size):
    rgb = demosaic(np.full(size, 0.5, np.float32), "GBRG")
    np.testing.assert_allclose(rgb, 0.5, atol=1e-6)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_coloured_surface_stays_exact(scenes, cfa):
    image = np.broadcast_to([0.2, 0.7, 1.4], (40, 44, 3))
    np.testing.assert_allclose(demosaic(scenes.mosaic_of(image, cfa), cfa), image, atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_gradients_stay_exact(scenes, cfa):
    y, x = np.mgrid[:60, :80]
    image = np.stack([0.1 + 0.004 * x, 0.6 - 0.004 * x + 0.002 * y, 0.3 + 0.003 * y], -1)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    np.testing.assert_allclose(demosaic(scenes.mosaic_of(image, cfa), cfa)[inner], image[inner], atol=1e-4)


def psnr(got, truth, border=MARGIN):
    inner = np.s_[border:-border, border:-border]
    return -10 * np.log10(np.mean((got[inner] - truth[inner]) ** 2))


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_smooth_detail_survives(scenes, cfa):
    image = scenes.smooth_scene() / scenes.NEUTRAL
    assert psnr(demosaic(scenes.mosaic_of(image, cfa), cfa), image) > 52


@pytest.mark.parametrize("angle", [3, 20, 45, 70, 87])
def test_slanted_edge_has_no_zipper_nor_false_colour(scenes, angle):
    y, x = np.mgrid[:120, :120] - 60
    distance = x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))
    # An edge as a lens shows it: about two pixels wide.
    grey = 0.1 + 0.8 / (1 + np.exp(-distance / 0.55))
    image = np.repeat(grey[..., None], 3, -1)
    got = demosaic(scenes.mosaic_of(image, "RGGB"), "RGGB")
    inner = np.s_[20:-20, 20:-20]
    assert psnr(got, image) > 38
    assert np.abs(got - got.mean(-1, keepdims=True))[inner].max() < 0.08


@pytest.mark.parametrize(("folder", "least"), [("kodak", 40.8), ("mcmaster", 34.7)])
def test_quality_on_real_pictures(shared, scenes, folder, least):
    """At least a dB above Menon 2007 (39.5 and 33.7): see benchmarks/demosaic.py."""
    results = []
    for path in sorted((shared / "truth" / folder).iterdir()):
        truth = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        # The literature interpolates the pictures' codes: here these are what the method makes of linear light.
        got = encode(demosaic(scenes.mosaic_of(decode(truth), "RGGB"), "RGGB"))
        results.append(psnr(np.clip(np.round(got * 255), 0, 255) / 255, truth, 10))
    assert np.mean(results) > least


def test_matrix_is_applied_on_the_way_out(scenes):
    matrix = np.array([[0.9, 0.3, -0.2], [-0.1, 1.2, -0.1], [0.0, -0.3, 1.3]])
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), "BGGR")
    plain, turned = demosaic(mosaic, "BGGR"), demosaic(mosaic, "BGGR", matrix=matrix)
    np.testing.assert_allclose(turned, plain @ matrix.T, atol=1e-5)


@pytest.mark.parametrize("place", [(12, 12), (13, 16), (14, 17), (15, 21)])
def test_a_crop_is_a_part_of_the_whole(scenes, place):
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), "RGGB")
    crop = Rectangle(*place, 37, 61)
    whole = demosaic(mosaic, "RGGB")
    np.testing.assert_allclose(demosaic(mosaic, "RGGB", crop=crop), whole[crop.slices], atol=1e-6)


def test_threads_do_not_change_the_result(scenes):
    mosaic = scenes.mosaic_of(scenes.smooth_scene(300, 700), "RGGB")
    try:
        kernels.set_threads(1)
        one = demosaic(mosaic, "RGGB")
        kernels.set_threads(3)
        np.testing.assert_array_equal(demosaic(mosaic, "RGGB"), one)
    finally:
        kernels.set_threads(0)


def test_wrong_arguments_are_refused():
    mosaic = np.zeros((8, 8), np.float32)
    with pytest.raises(ValueError, match="RGGB"):
        demosaic(mosaic, "RGBG")
    with pytest.raises(ValueError, match="2 x 2"):
        demosaic(mosaic[:1], "RGGB")
    with pytest.raises(ValueError, match="crop"):
        demosaic(mosaic, "RGGB", crop=Rectangle(0, 1, 8, 8))
    with pytest.raises(ValueError, match="learned"):
        demosaic(mosaic, "RGGB", method="bilinear")

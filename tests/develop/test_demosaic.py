import numpy as np
import pytest
from PIL import Image

from fotohaus import kernels
from fotohaus.develop.demosaic import MARGIN, demosaic
from fotohaus.develop.demosaic_network import integers, weights
from fotohaus.develop.demosaic_noise import TOE
from fotohaus.raw.image import CFA_PATTERNS, Rectangle

SITES = ((0, 0), (0, 1), (1, 0), (1, 1))  # (y, x) of R, G, G, B in a quad


def encode(v):
    return np.where(v < 0, v * (0.5 / TOE), np.sqrt(np.maximum(v, 0) + TOE**2) - TOE)


def decode(u):
    return u * (np.maximum(u, 0) + 2 * TOE)


def at(a, dy, dx):
    return np.roll(a, (-dy, -dx), (-2, -1))


def directional(m):
    """The estimate in NumPy, of an encoded mosaic that begins with a red sample; and its gradients."""
    y, x = np.mgrid[: m.shape[0], : m.shape[1]]
    green, red_row = ((x + y) & 1) == 1, (y & 1) == 0
    differences, gradients = {}, {}
    for axis, (dy, dx) in {"v": (1, 0), "h": (0, 1)}.items():
        near, far = at(m, dy, dx) + at(m, -dy, -dx), at(m, 2 * dy, 2 * dx) + at(m, -2 * dy, -2 * dx)
        other = near / 2 + (2 * m - far) / 4
        d = differences[axis] = np.where(green, m - other, other - m)
        gradient = np.abs(at(d, dy, dx) - at(d, -dy, -dx))
        window = {-2: 1, -1: 3, 0: 4, 1: 3, 2: 1}
        gradients[axis] = sum(k * n * at(gradient, j, i) for i, k in window.items() for j, n in window.items()) / 144
    smoothness = {axis: 1 / (mean + 3e-5) for axis, mean in gradients.items()}
    sides = [("v", -1, 0), ("v", 1, 0), ("h", 0, -1), ("h", 0, 1)]
    scales = [at(smoothness[a], 2 * dy, 2 * dx) for a, dy, dx in sides]
    means = [
        sum(k * at(differences[a], i * dy, i * dx) for i, k in enumerate((0.4, 0.3, 0.2, 0.1))) for a, dy, dx in sides
    ]
    own = sum(w**2 * v for w, v in zip(scales, means, strict=True)) / sum(w**2 for w in scales)
    diagonal = sum(at(own, j, i) for i in (-1, 1) for j in (-1, 1))
    outer = sum(at(own, j, i) + at(own, i, j) for i in (-3, 3) for j in (-1, 1))
    opposite = diagonal * 10 / 32 - outer / 32

    def cross(vertical, horizontal):
        values = [at(vertical, -1, 0), at(vertical, 1, 0), at(horizontal, 0, -1), at(horizontal, 0, 1)]
        return sum(w * v for w, v in zip(scales, values, strict=True)) / sum(scales)

    along = np.where(green, m - cross(opposite, own), m)
    across = np.where(green, m - cross(own, opposite), m + own - opposite)
    rgb = np.stack([np.where(red_row, along, across), np.where(green, m, m + own), np.where(red_row, across, along)])
    return rgb, gradients["h"], gradients["v"]


def quads(a):
    return np.stack([a[y::2, x::2] for y, x in SITES])


def reference(mosaic, cfa):
    """The method in NumPy, in double precision; a generous mirrored border that also completes the quads."""
    pad = 32
    red_y, red_x = divmod(cfa.index("R"), 2)
    height, width = mosaic.shape
    ends = (pad + (height + red_y) % 2, pad + (width + red_x) % 2)
    m = np.pad(encode(mosaic.astype(np.float64)), ((pad + red_y, ends[0]), (pad + red_x, ends[1])), mode="reflect")
    rgb, *gradients = directional(m)
    known = quads(m)
    guess = np.stack([quads(colour) for colour in rgb])
    missing = [(1, 0), (2, 0), (0, 1), (2, 1), (0, 2), (2, 2), (0, 3), (1, 3)]  # colours that each place lacks

    ring = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    corners = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    row, column = [(0, 1), (0, -1)], [(1, 0), (-1, 0)]
    plain = [ring, corners, row, column, column, row, corners, ring]
    beyond = np.stack([
        guess[colour, place] - quads(sum(at(m, *step) for step in steps) / len(steps))[place]
        for (colour, place), steps in zip(missing, plain, strict=True)
    ])  # fmt: skip

    w = weights()
    blocks, bias = len(w["depthwise"]), w["bias"][:, :, None, None]
    near = [(j, i) for j in (-1, 0, 1) for i in (-1, 0, 1)]
    raw = sum(np.tensordot(w["stem"][:, :, j + 1, i + 1], at(known, j, i), 1) for j, i in near)
    raw = raw + np.tensordot(w["estimate"], beyond, 1)
    activity = np.abs(raw).mean(0)
    scale = sum(at(activity, j, i) for j, i in near) / 9 + 0.002
    linear = raw / scale
    rows, columns = (quads(g).mean(0) for g in gradients)
    both = rows + columns + 1e-3
    surroundings = np.stack([(rows - columns) / both, both / (both + scale), scale / (scale + 0.03)])
    h = np.maximum(linear + np.tensordot(w["surroundings"], surroundings, 1) + bias[0], 0)
    for n in range(blocks):
        taps = w["depthwise"][n][..., None, None]
        d = bias[1 + n] + sum(taps[:, j + 1, i + 1] * at(h, j, i) for j, i in near)
        h = h + np.maximum(np.tensordot(w["pointwise"][n], d, 1) + bias[1 + blocks + n], 0)
    gates = zip(w["pointwise"][blocks:], bias[1 + 2 * blocks :], strict=True)
    gated = [np.clip(np.tensordot(k, h, 1) + b, -1, 1) * linear for k, b in gates]
    fix = np.tensordot(w["tail"], np.concatenate([h, linear, *gated]), 1) * scale
    for (colour, place), values in zip(missing, fix, strict=True):
        guess[colour, place] += values

    out = np.empty((*m.shape, 3))
    for place, (y, x) in enumerate(SITES):
        out[y::2, x::2] = guess[:, place].transpose(1, 2, 0)
    top, left = pad + red_y, pad + red_x
    return decode(out)[top : top + height, left : left + width]


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("size", [(40, 50), (131, 67), (17, 301), (300, 33)])
@pytest.mark.parametrize(("contrast", "mean", "most"), [(1.4, 4e-4, 2e-2), (0.1, 8e-5, 1.2e-3)])
def test_kernel_agrees_with_numpy(cfa, size, contrast, mean, most):
    """To the integers' precision, which is one of the local contrast; in noise from black to white some saturate."""
    mosaic = (0.6 + (np.random.default_rng(1).random(size) - 0.5) * contrast).astype(np.float32)
    got = demosaic(mosaic, cfa)
    assert got.shape == (*size, 3)
    off = np.abs(got - reference(mosaic, cfa))
    assert off.mean() < mean
    assert off.max() < most


def test_no_sum_leaves_32_bits():
    """Whatever the mosaic: 16 bits times weights, and what is added to them."""
    numbers = {name: np.abs(v.astype(np.int64)) for name, v in integers().items()}
    sums = {name: numbers[name].sum((0, 1)) for name in ("estimate", "surroundings", "pointwise", "tail")}
    filters = numbers["stem"].sum((0, 1, 2, 3)) + sums["estimate"]
    assert 2**15 * filters.max() < 2**31 - 2**13
    layers = np.concatenate([sums["surroundings"][None], sums["pointwise"].T])
    assert (2**15 * layers + numbers["bias"]).max() < 2**31
    assert (2**15 * sums["tail"] + numbers["start"]).max() < 2**31


@pytest.mark.parametrize("level", [0.004, 0.05, 0.31, 0.9, 3.0])
def test_filters_are_blind_to_even_colours(level):
    """Rounded weights as well: those of each colour add up to 0."""
    numbers = integers()
    filters, estimate = numbers["stem"].astype(int).sum((2, 3)), numbers["estimate"].astype(int)
    filters, estimate = filters.reshape(4, -1), estimate.reshape(8, -1)
    for planes, outputs in (([0], [2, 4, 6]), ([1, 2], [0, 7]), ([3], [1, 3, 5])):
        assert not (filters[planes].sum(0) + estimate[outputs].sum(0)).any()
    even = np.full((40, 48), level, np.float32)
    np.testing.assert_allclose(demosaic(even, "RGGB"), level, rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("size", [(2, 2), (2, 3), (3, 2), (5, 4), (2, 700), (130, 2)])
def test_small_mosaics(size, cfa):
    noise = np.random.default_rng(1).random(size).astype(np.float32)
    for mosaic in (noise, np.zeros(size, np.float32), 1000 * noise, -noise):
        assert np.isfinite(demosaic(mosaic, cfa)).all()
    np.testing.assert_allclose(demosaic(np.full(size, 0.5, np.float32), cfa), 0.5, atol=2e-3)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_coloured_surface_stays(scenes, cfa):
    """Not exactly, as a trained network has it: to 0.2 %."""
    image = np.broadcast_to([0.2, 0.7, 1.4], (40, 44, 3))
    np.testing.assert_allclose(demosaic(scenes.mosaic_of(image, cfa), cfa), image, rtol=2e-3)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_known_samples_stay(scenes, cfa):
    mosaic = (np.random.default_rng(2).random((50, 61)) * 1.5 - 0.1).astype(np.float32)
    np.testing.assert_allclose(scenes.mosaic_of(demosaic(mosaic, cfa), cfa), mosaic, atol=1e-6)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_gradients_stay(scenes, cfa):
    y, x = np.mgrid[:60, :80]
    image = np.stack([0.1 + 0.004 * x, 0.6 - 0.004 * x + 0.002 * y, 0.3 + 0.003 * y], -1)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    np.testing.assert_allclose(demosaic(scenes.mosaic_of(image, cfa), cfa)[inner], image[inner], atol=1.5e-3)


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


@pytest.mark.parametrize(("folder", "least", "least_in_light"), [("kodak", 41.0, 40.7), ("mcmaster", 36.2, 35.9)])
def test_quality_on_real_pictures(shared, scenes, folder, least, least_in_light):
    """At least 1.5 and 2.5 dB above Menon 2007 (39.46 and 33.71): see benchmarks/demosaic.py.

    As the literature has it, on the pictures' codes, which here are what the method makes of linear light; and on
    linear light as a developer has it, the error in eight bits of sRGB.
    """
    codes, light = [], []
    for path in sorted((shared / "truth" / folder).iterdir()):
        truth = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
        got = encode(demosaic(scenes.mosaic_of(decode(truth), "RGGB"), "RGGB"))
        codes.append(psnr(np.clip(np.round(got * 255), 0, 255) / 255, truth, 10))
        linear = np.where(truth <= 0.04045, truth / 12.92, ((truth + 0.055) / 1.055) ** 2.4)
        got = np.clip(demosaic(scenes.mosaic_of(linear, "RGGB"), "RGGB"), 0, 1)
        got = np.where(got <= 0.0031308, got * 12.92, 1.055 * got ** (1 / 2.4) - 0.055)
        light.append(psnr(np.round(got * 255) / 255, truth, 10))
    assert np.mean(codes) > least
    assert np.mean(light) > least_in_light


def test_matrix_is_applied_on_the_way_out(scenes):
    matrix = np.array([[0.9, 0.3, -0.2], [-0.1, 1.2, -0.1], [0.0, -0.3, 1.3]])
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), "BGGR")
    plain, turned = demosaic(mosaic, "BGGR"), demosaic(mosaic, "BGGR", matrix=matrix)
    np.testing.assert_allclose(turned, plain @ matrix.T, atol=1e-5)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
@pytest.mark.parametrize("place", [(0, 0), (20, 22), (21, 23), (59, 67)])
def test_a_crop_is_a_part_of_the_whole(scenes, cfa, place):
    mosaic = scenes.mosaic_of(scenes.smooth_scene(), cfa)
    crop = Rectangle(*place, 37, 61)
    np.testing.assert_array_equal(demosaic(mosaic, cfa, crop=crop), demosaic(mosaic, cfa)[crop.slices])


@pytest.mark.parametrize("place", [30, 31, 44, 157])
def test_a_pixel_is_the_same_in_whatever_strip_it_is_made(place):
    """Bit for bit, with the stated margin and no more."""
    mosaic = np.random.default_rng(3).random((250, 411)).astype(np.float32)
    whole = demosaic(mosaic, "RGGB")
    part = mosaic[place - MARGIN : place + 30 + MARGIN, place - MARGIN : place + 200 + MARGIN]
    cfa = "BGGR" if (place - MARGIN) % 2 else "RGGB"
    got = demosaic(part, cfa, crop=Rectangle(MARGIN, MARGIN, 30, 200))
    np.testing.assert_array_equal(got, whole[place : place + 30, place : place + 200])


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

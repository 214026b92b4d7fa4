"""Scenes and measures for the tests of this room: the `measure` fixture is this module."""

import sys

import numpy as np
import pytest


def make_scene(h, w, seed=0):
    """(h, w, 3) linear sRGB with detail at every scale, hard edges, and flat parts."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:h, :w].astype(np.float32)
    image = np.full((h, w, 3), 0.35, np.float32)
    for size in (8, 16, 32, 64, 128):
        coarse = rng.standard_normal((-(-h // size) + 1, -(-w // size) + 1, 3)).astype(np.float32)
        i, j = (y / size).astype(int), (x / size).astype(int)
        fy, fx = (y / size - i)[..., None], (x / size - j)[..., None]
        upper = coarse[i, j] * (1 - fx) + coarse[i, j + 1] * fx
        lower = coarse[i + 1, j] * (1 - fx) + coarse[i + 1, j + 1] * fx
        gray = (upper * (1 - fy) + lower * fy) * 0.25 + (upper * (1 - fy) + lower * fy).mean(-1, keepdims=True) * 0.75
        image += 0.06 * gray
    for _ in range(40):
        cy, cx, r = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(8, 60)
        image[(y - cy) ** 2 + (x - cx) ** 2 < r * r] = rng.uniform(0.05, 0.95, 3)
    image[h // 2 : h // 2 + h // 8, w // 8 : w // 2] = 0.3
    return np.clip(image, 0.01, 1)


@pytest.fixture(scope="session")
def scene():
    return make_scene(1700, 2200)


@pytest.fixture(scope="session")
def measure():
    return sys.modules[__name__]


def light(raw):
    """The mosaic in units of the white level."""
    return (raw.mosaic - raw.black[0, 0]) / (raw.white[0, 0] - raw.black[0, 0])


def psnr(image, truth, border=32):
    error = (image - truth)[border:-border, border:-border]
    return 10 * np.log10(1 / np.mean(np.square(error, dtype=np.float64)))


def tile_gains(merged, single, truth, size=32):
    """dB by which each tile of `merged` is nearer to the truth than that of `single`."""

    def energy(error):
        h, w = (n // size * size for n in error.shape)
        return np.square(error[:h, :w], dtype=np.float64).reshape(h // size, size, w // size, size).mean((1, 3))

    return 10 * np.log10(energy(single - truth) / energy(merged - truth))


def alignment_error(found, motion, size, border=16):
    """(n, 2) difference of an Alignment's displacement from a simulated motion's, px, at its nodes in the image."""
    matrix = motion.matrix(size)
    nodes = found.nodes
    y, x = np.mgrid[: nodes.shape[0], : nodes.shape[1]] * 64 - 0.5
    inside = (x >= border) & (x < size[1] - border) & (y >= border) & (y < size[0] - border)
    p = np.stack([x[inside], y[inside]], -1)
    q = np.linalg.solve(matrix[:, :2], (p - matrix[:, 2]).T).T
    return nodes[inside] - (q - p)


def rms(error):
    return float(np.sqrt(np.mean(np.square(error))))

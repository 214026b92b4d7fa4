"""Axial chromatic aberration: found where it is, taken off, and nothing else changed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.defringe import MARGIN, Defringe, defringe, fit_blur
from fotohaus.develop.pipeline import prepare
from fotohaus.raw import read_raw
from fotohaus.raw.image import ColorCalibration, NoiseProfile, RawImage, Rectangle
from fotohaus.simulate.sensor import phone_noise

Neutral = tuple[float, float, float]

HEIGHT, WIDTH = 420, 520
SRGB_FROM_XYZ = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
PLAN = Defringe(np.array([[0.3, 0.1], [0.4, 0.3]], np.float32), np.ones(3, np.float32), np.ones(2, np.float32))
OFF = ("denoise", "ca", "capture-sharpen")


def gaussian(plane: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    fy, fx = np.fft.fftfreq(plane.shape[0])[:, None], np.fft.rfftfreq(plane.shape[1])
    response = np.exp(-2 * (np.pi * deviation) ** 2 * (fx**2 + fy**2))
    return np.asarray(np.fft.irfft2(np.fft.rfft2(plane) * response, plane.shape))


@functools.cache
def scene(red: float = 0.6, blue: float = 0.6, sky: float = 2.0, linear: bool = False) -> RawImage:
    """Dark leaves and twigs before a sky far above white, as a lens with these blurs (green: 0.6 px) shows them."""
    rng = np.random.default_rng(2)
    light = np.full((HEIGHT, WIDTH, 3), sky) * (0.9, 1.0, 1.1)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for _ in range(90):
        cx, cy, a, b, turn = rng.uniform((0, 0, 6, 4, 0), (WIDTH, HEIGHT, 36, 14, np.pi))
        u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        light[(u / a) ** 2 + (v / b) ** 2 < 1] = np.array([0.06, 0.09, 0.03]) * rng.uniform(0.5, 2)
    seen = np.dstack([gaussian(light[..., i], s) for i, s in enumerate((red, 0.6, blue))])
    return taken(seen, linear=linear)


def taken(
    seen: NDArray[np.float64],
    neutral: Neutral = (1.0, 1.0, 1.0),
    noise: tuple[float, float] = (1e-4, 1e-6),
    *,
    linear: bool = False,
) -> RawImage:
    """White-balanced light as a camera takes it whose samples of a neutral colour are these."""
    scale, offset = noise
    light = seen * neutral
    if not linear:
        mosaic = light[..., 1].copy()
        mosaic[0::2, 0::2], mosaic[1::2, 1::2] = light[0::2, 0::2, 0], light[1::2, 1::2, 2]
        light = mosaic
    noisy = light + np.random.default_rng(1).normal(0, 1, light.shape) * np.sqrt(scale * np.maximum(light, 0) + offset)
    samples = np.rint(noisy.clip(-0.01, 1) * 15000 + 1000).astype(np.uint16)
    shape = (1, 3) if linear else (2, 2)
    return RawImage(
        samples,
        None if linear else "RGGB",
        np.full(shape, 1000, np.float32),
        np.full(shape, 16000, np.float32),
        ColorCalibration(color_matrix_1=np.diag(neutral) @ SRGB_FROM_XYZ, as_shot_neutral=neutral),
        Rectangle(0, 0, HEIGHT, WIDTH),
        noise=NoiseProfile((scale,) * 3, (offset,) * 3),
    )


def lamps(seed: int, largest: float = 14.0) -> NDArray[np.float64]:
    """Small warm lamps with a glow before a dark wall: all strong edges are theirs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = np.full((HEIGHT, WIDTH, 3), 0.03) * (1 + 0.3 * np.sin(x / 40))[..., None]
    hues = np.array([(1, 0.67, 0.33), (1, 0.55, 0.2), (1, 0.75, 0.45), (1, 0.4, 0.1)])
    for _ in range(40):
        radius, cy, cx = rng.uniform(4, largest), rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        far = np.hypot(y - cy, x - cx) / radius
        lamp = 0.5 - 0.5 * np.tanh((far - 1) * radius / 2.4) + 0.06 / (1 + far**2.2)
        light += hues[rng.integers(4)] * (rng.uniform(1.5, 12) * lamp)[..., None]
    return light


def windows(seed: int) -> NDArray[np.float64]:
    """Large clipped windows with sharp edges and bars."""
    rng = np.random.default_rng(seed)
    light = np.full((HEIGHT, WIDTH, 3), 0.05)
    for _ in range(14):
        top, left, height, width = rng.uniform((0, 0, 20, 20), (HEIGHT - 20, WIDTH - 20, 140, 140)).astype(int)
        hue = [(1, 0.8, 0.55), (1, 0.67, 0.33), (0.8, 0.95, 1.2), (1, 1, 1)][rng.integers(4)]
        light[top : top + height, left : left + width] = np.array(hue) * rng.uniform(1, 8)
        light[top + height // 2 :, left : left + width][:3] = 0.04
    return np.dstack([gaussian(light[..., i], 0.7) for i in range(3)])


def sparks(seed: int) -> NDArray[np.float64]:
    """Reflexes of the sun of 1 to 5 px."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    light = np.full((HEIGHT, WIDTH, 3), 0.08)
    for _ in range(130):
        cy, cx, radius = rng.uniform((0, 0, 0.9), (HEIGHT, WIDTH, 5))
        spark = rng.uniform(0.5, 20) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2 / radius**2)
        light += spark[..., None] * rng.uniform(0.8, 1.2, 3)
    return light


def differences(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    roots = np.sqrt(pixels.clip(0, 1))
    return np.stack([roots[..., 0] - roots[..., 1], roots[..., 2] - roots[..., 1]])


@pytest.mark.parametrize("linear", [False, True], ids=["mosaic", "linear"])
def test_fringes_are_found_and_taken_off(linear: bool) -> None:
    truth = prepare(scene(linear=linear), off=OFF).scene().pixels
    raw = scene(1.1, 1.8, linear=linear)
    made = prepare(raw, off=OFF)
    assert made.fringes is not None
    assert (made.fringes.strength == 1).all()
    before, after = (
        float(np.abs(differences(pixels) - differences(truth)).mean())
        for pixels in (prepare(raw, off=(*OFF, "defringe")).scene().pixels, made.scene().pixels)
    )
    assert after < 0.6 * before


@pytest.mark.parametrize("sky", [0.7, 2.0], ids=["below white", "clipped"])
def test_none_are_found_where_there_are_none(sky: float) -> None:
    assert prepare(scene(sky=sky), off=OFF).fringes is None


@pytest.mark.parametrize("neutral", [(1 / 1.9, 1, 1 / 1.6), (1 / 2.5, 1, 1 / 1.2), (1, 1, 1)], ids=["a", "b", "c"])
@pytest.mark.parametrize("exposure", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("draw", [lamps, windows, sparks])
def test_clipping_is_no_fringe(draw: Callable[[int], NDArray[np.float64]], exposure: float, neutral: Neutral) -> None:
    """What an edge looks like where its bright side is cut off in one colour before the others."""
    for seed in (11, 12):
        assert prepare(taken(exposure * draw(seed), neutral), off=OFF).fringes is None


@pytest.mark.parametrize("iso", [1600, 6400])
@pytest.mark.parametrize("draw", [lamps, windows, sparks])
def test_noise_is_no_fringe(draw: Callable[[int], NDArray[np.float64]], iso: int) -> None:
    noise = phone_noise(iso)
    raw = taken(0.5 * draw(11), (1 / 1.9, 1, 1 / 1.6), (noise.scale[0], noise.offset[0]))
    assert prepare(raw, off=OFF).fringes is None


def test_fringes_of_clipped_windows_are_found_and_taken_off() -> None:
    neutral, sharp = (1 / 1.9, 1, 1 / 1.6), windows(11)
    blurred = np.dstack([gaussian(sharp[..., i], s) for i, s in enumerate((1.0, 0.5, 1.8))])
    truth = np.dstack([gaussian(sharp[..., i], 0.5) for i in range(3)])
    made = prepare(taken(blurred, neutral), off=OFF)
    assert made.fringes is not None
    assert (made.fringes.blur.sum(axis=1) > 0.25).all()
    known = (truth < 0.9).all(axis=-1)
    clean = prepare(taken(truth, neutral), off=OFF).scene().pixels
    before, after = (
        float(np.abs(differences(pixels) - differences(clean))[:, known].mean())
        for pixels in (prepare(taken(blurred, neutral), off=(*OFF, "defringe")).scene().pixels, made.scene().pixels)
    )
    assert after < 0.6 * before


def test_where_green_is_the_blurred_one() -> None:
    truth = prepare(taken(np.dstack([gaussian(windows(12)[..., i], 0.6) for i in range(3)])), off=OFF).scene().pixels
    raw = taken(np.dstack([gaussian(windows(12)[..., i], s) for i, s in enumerate((0.6, 1.5, 0.6))]))
    made = prepare(raw, off=OFF)
    assert made.fringes is not None
    assert (made.fringes.blur.sum(axis=1) < -0.4).all()
    before, after = (
        float(np.abs(differences(pixels) - differences(truth)).mean())
        for pixels in (prepare(raw, off=(*OFF, "defringe")).scene().pixels, made.scene().pixels)
    )
    assert after < 0.8 * before


def test_hero6_has_purple_fringes_and_the_others_have_none(shared: Path) -> None:
    for name, fringed in (("gopro_hero6_mural", True), ("gopro_fusion_front", False), ("canon_colorchecker", False)):
        found = prepare(read_raw(shared / "raw" / f"{name}.dng"), off=OFF).fringes
        assert (found is not None) == fringed
        if found is not None:
            assert (found.blur.sum(axis=1) > 0.15).all()


def test_flat_and_small_pictures_have_none() -> None:
    raw = scene()
    flat = np.full((HEIGHT, WIDTH), 5000, np.uint16)
    small = Rectangle(0, 0, 40, 60)
    assert prepare(replace(raw, mosaic=flat), off=OFF).fringes is None
    assert prepare(replace(raw, crop=small), off=OFF).fringes is None


def test_samples_far_below_black_are_no_edges() -> None:
    pixels = np.full((288, 288, 3), -0.05, np.float32)
    pixels[:100] = 1.0
    with np.errstate(all="raise"):
        fit_blur(pixels, np.ones(3, np.float32), 1)


def test_strips_are_the_whole() -> None:
    made = prepare(scene(1.1, 1.8), off=OFF)
    assert made.fringes is not None
    whole = made.rows(0, HEIGHT)
    for top, bottom in ((0, 37), (101, 102), (157, 300), (300, HEIGHT)):
        np.testing.assert_array_equal(made.rows(top, bottom), whole[top:bottom])


def test_green_weak_edges_and_clipped_green_stay() -> None:
    rng = np.random.default_rng(3)
    pixels = rng.uniform(0.3, 0.4, (80, 96, 3)).astype(np.float32)
    np.testing.assert_array_equal(defringe(pixels, PLAN), pixels)
    pixels[:, 40:] *= 6
    changed = defringe(pixels, PLAN)
    np.testing.assert_array_equal(changed[..., 1], pixels[..., 1])
    clipped = pixels[..., 1] > 0.97
    np.testing.assert_array_equal(changed[clipped], pixels[clipped])


def test_no_colour_is_made_that_was_not_near() -> None:
    rng = np.random.default_rng(4)
    pixels = np.abs(rng.normal(0.3, 0.3, (64, 64, 3))).astype(np.float32)
    strong = Defringe(np.full((2, 2), 1.5, np.float32), PLAN.clip, PLAN.strength)
    changed = defringe(pixels, strong)
    assert np.isfinite(changed).all()
    assert (changed >= np.minimum(pixels, 0)).all()


def test_a_violet_flower_before_the_sky_stays() -> None:
    """What is wider than a fringe keeps its colour."""
    pixels = np.full((120, 160, 3), (0.9, 0.95, 0.96), np.float32)
    pixels[30:90, 40:120] = (0.25, 0.08, 0.4)
    changed = defringe(pixels, PLAN)
    inner = np.s_[34:86, 44:116]
    assert np.abs(changed[inner] - pixels[inner]).max() < 0.02


def test_crops() -> None:
    rng = np.random.default_rng(5)
    pixels = np.abs(rng.normal(0.3, 0.3, (160, 64, 3))).astype(np.float32)
    whole = defringe(pixels, PLAN)
    first = 96 - MARGIN // 4 * 4
    part = defringe(pixels[first:], PLAN, crop=Rectangle(96 - first, 8, 30, 40))
    np.testing.assert_allclose(part, whole[96:126, 8:48], atol=1e-5)
    with pytest.raises(ValueError, match="is not within"):
        defringe(pixels, PLAN, crop=Rectangle(150, 0, 20, 10))


@pytest.mark.parametrize("size", [(67, 131), (30, 70), (9, 5)])
def test_planes_are_changed_where_they_lie_within_their_bounds(size) -> None:
    """Tiles at the right and at the bottom end beyond the picture, and green stays."""
    height, width = size
    around = kernels.empty((height + 40, width + 80, 3))
    around[:] = np.random.default_rng(6).uniform(0.01, 1, around.shape)
    pixels, before = around[:height, :width], around.copy("K")
    wanted = defringe(np.ascontiguousarray(pixels), PLAN)
    changed = defringe(pixels, PLAN)
    assert np.shares_memory(changed, around)
    np.testing.assert_array_equal(changed, wanted)
    np.testing.assert_array_equal(around[..., 1], before[..., 1])
    np.testing.assert_array_equal(around[height:], before[height:])
    np.testing.assert_array_equal(around[:height, width:], before[:height, width:])
    assert (changed != before[:height, :width]).any()

"""A scene made in strips is the scene made at once."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.pipeline import prepare
from fotohaus.raw.image import Rectangle
from fotohaus.strips import STRIP


def bright(scenes, height=3 * STRIP + 21, width=171, **facts):
    """A scene with detail, of which some is clipped."""
    rng = np.random.default_rng(4)
    camera = 3.0 * scenes.smooth_scene(height, width) + rng.normal(0, 0.01, (height, width, 3))
    return scenes.raw_of(camera, **facts)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rows_do_not_depend_on_the_strip_they_are_made_in(scenes, orientation):
    raw = bright(scenes, orientation=orientation)
    raw = replace(raw, crop=Rectangle(5, 8, raw.mosaic.shape[0] - 11, raw.mosaic.shape[1] - 20))
    development = prepare(raw)
    assert development.source.highlights is not None
    height = development.shape[0]
    whole = development.rows(0, height)
    for top, bottom in ((0, 1), (3, 40), (height // 2 - 7, height // 2 + 6), (height - 5, height)):
        np.testing.assert_array_equal(development.rows(top, bottom), whole[top:bottom])


def test_linear_raw_too(scenes):
    raw = bright(scenes)
    linear = replace(
        raw,
        mosaic=np.stack([raw.mosaic] * 3, axis=-1),
        cfa=None,
        black=np.full((1, 3), raw.black[0, 0], np.float32),
        white=np.full((1, 3), raw.white[0, 0], np.float32),
    )
    development = prepare(linear)
    whole = development.rows(0, development.shape[0])
    # The compiler makes two versions of this kernel's loop, for the middle and the end, which round differently.
    np.testing.assert_allclose(development.rows(100, 140), whole[100:140], rtol=1e-6, atol=1e-7)


def test_any_number_of_threads_makes_the_same(scenes):
    raw = bright(scenes)
    try:
        found = []
        for count in (1, 2, 3):
            kernels.set_threads(count)
            found.append(develop(raw).pixels)
    finally:
        kernels.set_threads(0)
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_the_overview_is_the_scene_in_small(scenes):
    raw = scenes.raw_of(0.8 * scenes.smooth_scene(900, 700), orientation=6)
    scene = develop(raw)
    rows, columns = scene.overview.shape[:2]
    assert 65536 / 4.1 < rows * columns <= 65536 * 1.01
    step = scene.shape[0] / rows
    assert scene.shape[1] / columns == pytest.approx(step, abs=0.1)
    near = scene.pixels[np.ix_(*((np.arange(n) * step).astype(int) for n in (rows, columns)))]
    assert np.abs(scene.overview - near).mean() < 0.015

"""The look that a camera's maker put into its files, asked for when a picture is rendered."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.raw.image import NoiseProfile
from fotohaus.raw.opcode_types import WarpRectilinear
from fotohaus.render import render
from fotohaus.report import Report
from profiles import look_cases

CASES = dict(look_cases())


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_takes_the_place_of_exposure_and_tone(name):
    scene = develop(CASES[name].raw, off=("capture-sharpen", "denoise"))
    assert scene.camera_look is not None
    report = Report()
    got = render(scene, look="camera", ev=-0.5, report=report)
    assert report.warnings == []
    exposed = np.multiply(scene.pixels, np.float32(2**-0.5), out=kernels.empty(scene.pixels.shape))
    looked = replace(scene, pixels=apply_profile_look(exposed, scene.camera_look), camera_look=None, overview=None)
    expected = render(looked, look="neutral", auto_exposure=False, off=("tone",))
    assert np.abs(got.pixels.astype(int) - expected.pixels).max() <= 2
    assert np.abs(got.pixels.astype(int) - render(scene).pixels).max() > 1000


@pytest.mark.parametrize("size", [(2, 2), (3, 5), (9, 7), (5, 17)])
@pytest.mark.parametrize("mosaic", [True, False])
def test_tiny_pictures_with_all_of_it(scenes, size, mosaic):
    height, width = size
    camera = np.clip(3 * scenes.smooth_scene(20, 20)[:height, :width], 0, 1)
    raw = replace(
        scenes.raw_of(camera, noise=NoiseProfile((2e-3,) * 3, (2e-5,) * 3)), profile=CASES["all of it"].raw.profile
    )
    if not mosaic:
        levels = {name: np.full((1, 3), getattr(raw, name)[0, 0], np.float32) for name in ("black", "white")}
        raw = replace(raw, mosaic=np.stack([raw.mosaic] * 3, axis=-1), cfa=None, **levels)
    warp = WarpRectilinear(((1.0, 0.05, 0.0, 0.0, 0.0, 0.0),), (0.5, 0.5))
    for each in (raw, replace(raw, opcodes_3=(warp,))):
        scene = develop(each, wb="auto", denoise=1.0)
        assert np.isfinite(scene.pixels).all()
        for look in ("neutral", "camera"):
            assert render(scene, look=look).shape == scene.shape

"""The look that a camera's maker put into its files, asked for when a picture is rendered."""

from dataclasses import replace

import numpy as np
import pytest
from tests.develop.profiles import look_cases

from fotohaus import kernels
from fotohaus.develop import develop
from fotohaus.develop.profile_look import apply_profile_look
from fotohaus.render import render
from fotohaus.report import Report

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
    expected = render(looked, auto_exposure=False, off=("tone",))
    assert np.abs(got.pixels.astype(int) - expected.pixels).max() <= 2
    assert np.abs(got.pixels.astype(int) - render(scene).pixels).max() > 1000

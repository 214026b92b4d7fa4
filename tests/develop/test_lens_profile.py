"""Lens corrections from the database, against the database's own map."""

from dataclasses import replace

import numpy as np
import pytest

from fotohaus.develop.geometry import upright
from fotohaus.develop.lens import prepare_lens
from fotohaus.develop.lens_profile import LensProfile, NoProfile, find_lens_profile
from fotohaus.raw import opcode_types as types
from fotohaus.raw.image import CaptureInfo, ColorCalibration, RawImage, Rectangle
from fotohaus.report import Report

lensfunpy = pytest.importorskip("lensfunpy")

CANON = CaptureInfo(
    make="Canon", model="Canon EOS 5D Mark III", lens_model="EF24-105mm f/4L IS USM", focal_length=24, f_number=4.0
)


def raw_of(capture: CaptureInfo, size: tuple[int, int] = (2000, 3000), crop: Rectangle | None = None) -> RawImage:
    level = np.ones((2, 2), np.float32)
    crop = crop or Rectangle(0, 0, *size)
    return RawImage(
        np.zeros(size, np.uint16), "RGGB", 0 * level, level, ColorCalibration(np.eye(3)), crop, capture=capture
    )


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        (CaptureInfo(), "does not say which camera"),
        (CaptureInfo(make="Nobody", model="Nothing 1"), "knows no camera Nobody Nothing 1"),
        (replace(CANON, lens_model=None), "does not say which lens"),
        (replace(CANON, lens_model="Looking Glass 7mm"), "knows no lens Looking Glass"),
        (replace(CANON, focal_length=None), "focal length"),
    ],
)
def test_why_there_is_none(capture: CaptureInfo, reason: str) -> None:
    found = find_lens_profile(raw_of(capture))
    assert isinstance(found, NoProfile)
    assert reason in found.reason


def test_a_lens_can_be_named() -> None:
    found = find_lens_profile(raw_of(replace(CANON, lens_model=None)), lens="Canon EF 24-105mm f/4L IS USM")
    assert isinstance(found, LensProfile)
    assert "24-105" in found.lens


@pytest.mark.parametrize("crop", [None, Rectangle(40, 60, 1900, 2850)])
@pytest.mark.parametrize(
    "capture",
    [CANON, CaptureInfo(make="Canon", model="Canon PowerShot G16", focal_length=6.1, f_number=2.8)],
    ids=["lens", "compact"],
)
def test_opcodes_do_what_lensfun_does(capture: CaptureInfo, crop: Rectangle | None) -> None:
    raw = raw_of(capture, crop=crop)
    height, width = raw.crop.height, raw.crop.width
    found = find_lens_profile(raw)
    assert isinstance(found, LensProfile)
    assert isinstance(found.opcodes[-1], types.WarpRectilinear2)
    lens = prepare_lens(raw, upright(raw, 1 << 20), profile=found.opcodes)
    assert lens is not None

    database = lensfunpy.Database(load_common=False)
    camera = database.find_cameras(capture.make, capture.model)[0]
    own = next(x for x in database.lenses if x.model == found.lens and camera.mount in x.mounts)
    flags = lensfunpy.ModifyFlags
    modifier = lensfunpy.Modifier(own, camera.crop_factor, width, height)
    what = flags.DISTORTION | flags.TCA | flags.SCALE | flags.VIGNETTING
    modifier.initialize(capture.focal_length, capture.f_number, 10.0, scale=0.0, pixel_format=np.float32, flags=what)
    gain = np.ones((height, width, 3), np.float32)
    has_gain = modifier.apply_color_modification(gain)
    assert has_gain == any(isinstance(o, types.GainMap) for o in found.opcodes)
    for y in (0, height // 32 * 16, height // 16 * 16 - 16):
        line = modifier.apply_subpixel_geometry_distortion(0, y, width, 1)[0, ::16]
        nodes = lens.nodes[1 + y // 16, 1 : 1 + len(line)]
        at = np.arange(0, width, 16)[:, None]
        # lensfun's own square roots are good to 12 bits: 0.15 px in its corners.
        assert np.abs(at + nodes[:, :3] - line[..., 0]).max() < 0.25
        assert np.abs(y + nodes[:, 3:6] - line[..., 1]).max() < 0.25
        if has_gain:
            np.testing.assert_allclose(nodes[:, 7], gain_at(found, raw, line, gain), rtol=0.02)


def gain_at(found: LensProfile, raw: RawImage, line: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The database's gain where the pixels come from: in the picture as taken, of which it knows no more than all."""
    x, y = (np.rint(line[:, 1, i]).astype(int) for i in (0, 1))
    return gain[y.clip(0, gain.shape[0] - 1), x.clip(0, gain.shape[1] - 1), 1]


def test_nobody_is_asked_about_a_lens_that_the_file_corrects(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lens auto`, or a lens's name, is for files without a warp or vignette of their own."""
    from fotohaus.develop import lens_profile, pipeline

    asked = []
    monkeypatch.setattr(
        lens_profile, "find_lens_profile", lambda raw, lens: asked.append(raw.name) or NoProfile("nobody knows it")
    )
    plain = raw_of(CANON, size=(64, 96))
    vignette = types.FixVignetteRadial((0.1, 0.0, 0.0, 0.0, 0.0), (0.5, 0.5))
    own = replace(plain, opcodes_3=(vignette,))
    for lens in ("auto", "Looking Glass 7mm"):
        report = Report()
        pipeline.prepare(own, lens=lens, report=report)
        assert not asked
        assert not report.warnings
    pipeline.prepare(own, lens="auto", off=("opcodes",))
    pipeline.prepare(plain, lens="auto")
    assert len(asked) == 2

"""Other raws go through LibRaw in a child process that may die without harm.

No raw file of another kind is at hand, so LibRaw is given DNGs, which both readers read.
"""

import os
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fotohaus.raw import libraw, libraw_child
from fotohaus.raw.calibration import SRGB_FROM_XYZ
from fotohaus.raw.dng_read import read_dng
from fotohaus.raw.image import CFA_PATTERNS, RawImage, Rectangle
from fotohaus.raw.libraw import libraw_cfa, libraw_header, read_libraw
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.report import Report

Maker = Callable[..., Any]


def ours(path: Path) -> RawImage:
    with Source(path=path) as source:
        return read_dng(source, path)


def same(path: Path) -> None:
    expected, found = ours(path), read_libraw(path)
    assert found.cfa == expected.cfa
    np.testing.assert_array_equal(found.mosaic, expected.mosaic)
    np.testing.assert_array_equal(found.black, expected.black)
    np.testing.assert_array_equal(found.white, expected.white)
    assert found.crop == expected.crop
    assert found.orientation == expected.orientation
    neutral, wanted = found.color.as_shot_neutral, expected.color.as_shot_neutral
    assert neutral is not None
    assert wanted is not None
    np.testing.assert_allclose(neutral, np.array(wanted) / max(wanted), rtol=1e-4)
    assert found.capture.model == expected.capture.model
    assert found.path == str(path)


@pytest.mark.parametrize("name", ["raw/canon_colorchecker.dng", "raw/gopro_hero6_mural.dng", "burst/m94/N000.dng"])
def test_both_readers_agree_on_real_files(shared: Path, name: str) -> None:
    same(shared / name)


@pytest.mark.parametrize("cfa", CFA_PATTERNS)
def test_both_readers_agree_on_phases_and_margins(dng: Maker, samples: Maker, tmp_path: Path, cfa: str) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(
        dng(
            samples((70, 90), 14),
            cfa=cfa,
            main={274: (3, 1 + CFA_PATTERNS.index(cfa) * 2)},
            raw={50829: (4, [4, 6, 66, 88]), 50713: (3, [2, 2]), 50714: (3, [60, 61, 62, 63]), 50717: (4, 16000)},
        )
    )
    same(path)


def test_both_readers_agree_on_odd_margins(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    # LibRaw leaves out a row and a column so that its margins are even.
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((70, 90), 14), raw={50829: (4, [3, 5, 65, 87]), 50717: (4, 16000)}))
    expected, found = ours(path), read_libraw(path)
    assert (expected.cfa, found.cfa) == ("RGGB", "BGGR")
    height, width = found.mosaic.shape
    np.testing.assert_array_equal(found.mosaic, expected.mosaic[1 : 1 + height, 1 : 1 + width])


def test_a_sub_process_that_crashes_or_hangs_is_an_error(
    dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, child = tmp_path / "a.nef", tmp_path / "child.py"
    path.write_bytes(dng(samples((16, 16))))
    monkeypatch.setattr(libraw, "_CHILD", child)
    for script, reason in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11"),
        ("import sys; sys.exit(3)", "exit 3"),
        ("import sys; sys.stdout.write('x' * 8)", "LibRaw failed"),
        ("import sys; sys.stdout.write('x')", "LibRaw failed"),
    ):
        child.write_text(script)
        with pytest.raises(TiffError, match=reason):
            read_libraw(path)
    monkeypatch.setattr(libraw, "TIME_LIMIT", 0.3)
    child.write_text("import time; time.sleep(60)")
    begin = time.monotonic()
    with pytest.raises(TiffError, match="did not finish"):
        read_libraw(path)
    assert time.monotonic() - begin < 10


def test_the_child_can_not_take_all_memory(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.nef"
    path.write_bytes(dng(samples((16, 16)), raw={256: (4, 60000), 257: (4, 60000), 278: (4, 60000)}))
    with pytest.raises(TiffError):
        read_libraw(path)


def test_what_is_no_raw_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nef"
    path.write_bytes(b"II*\0" + os.urandom(5000))
    with pytest.raises(TiffError, match="LibRaw"):
        read_libraw(path)


def test_a_camera_that_libraw_does_not_know_is_said(shared: Path) -> None:
    report = Report()
    read_libraw(shared / "burst" / "m94" / "N000.dng", report)
    assert "no color matrix" in report.warnings[0]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"flat": True, "pattern": [[0] * 6] * 6, "colors": "RGBG"}, "not a Bayer"),
        ({"flat": True, "pattern": None, "colors": "RGBG"}, "no mosaic"),
        ({"flat": False, "pattern": [[0, 1], [3, 2]], "colors": "RGBG"}, "no mosaic"),
        ({"flat": True, "pattern": [[0, 1], [3, 2]], "colors": "GMCY"}, "not a Bayer"),
        ({"flat": True, "pattern": [[0, 1], [3, 2]], "colors": "RGBE"}, "not a Bayer"),
    ],
)
def test_other_sensors_are_refused(header: dict[str, Any], reason: str) -> None:
    with pytest.raises(TiffError, match=reason):
        libraw_cfa(header)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"white": 63}, "not above black level"),
        ({"pixel_aspect": 20.0}, "pixels of 20 x 1"),
        ({"pattern": None}, "no mosaic"),
    ],
)
def test_headers_that_make_no_sense_are_refused(
    dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((64, 80)), raw={50714: (3, 63)}))
    header, capture, mosaic = libraw_header(path, "image")
    monkeypatch.setattr(libraw, "libraw_header", lambda *_: (header | changes, capture, mosaic))
    with pytest.raises(TiffError, match=reason):
        read_libraw(path)
    monkeypatch.setattr(libraw, "libraw_header", lambda *_: (header | {"white_balance": [0.0] * 4}, capture, mosaic))
    assert read_libraw(path).color.as_shot_neutral is None


def test_samples_that_were_balanced_before_they_were_stored(
    dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Nikon D1 does, whose matrix in LibRaw is of samples before that: equal ones are of a white in daylight."""
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((64, 80))))
    header, capture, mosaic = libraw_header(path, "image")
    # LibRaw's matrix of the D1, and one of no camera.
    d1 = [[0.7637, -0.2199, -0.0974], [-0.9109, 1.7099, 0.2043], [-0.2822, 0.3306, 0.8372], [0, 0, 0]]
    odd = [[-0.7637, 0.2199, 0.0974], *d1[1:]]

    def color(**changes: Any) -> Any:
        facts = replace(capture, model=changes.pop("model", "NIKON D1"))
        monkeypatch.setattr(libraw, "libraw_header", lambda *_: (header | changes, facts, mosaic))
        return read_libraw(path).color

    d65 = np.linalg.solve(SRGB_FROM_XYZ, np.ones(3))
    balanced = color(white_balance=[1.0] * 4, xyz_to_camera=d1)
    np.testing.assert_allclose(balanced.color_matrix_1 @ d65, np.ones(3), atol=1e-12)
    np.testing.assert_allclose(balanced.color_matrix_1[2] / np.array(d1[2]), 1 / 0.9739, rtol=1e-3)
    np.testing.assert_array_equal(color(white_balance=[2.0, 1.0, 1.5, 1.0], xyz_to_camera=d1).color_matrix_1, d1[:3])
    np.testing.assert_array_equal(color(white_balance=[1.0] * 4, xyz_to_camera=odd).color_matrix_1, odd[:3])
    # Gains of one that a photographer set ("UniWB") say nothing of the samples.
    of_others = color(white_balance=[1.0] * 4, xyz_to_camera=d1, model="NIKON D3")
    np.testing.assert_array_equal(of_others.color_matrix_1, d1[:3])


def panasonic(width: int, height: int, packing: int) -> bytes:
    """A Panasonic raw without a camera's name; 16 bytes hold 14 samples of a row."""
    fields = ((2, 3, width), (3, 3, height), (45, 3, packing), (280, 4, 62))
    directory = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in fields)
    return struct.pack("<4sIH", b"IIU\0", 8, 4) + directory + bytes(4) + bytes(width // 14 * 16 * height)


def test_a_panasonic_raw_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    """LibRaw says nothing of it, and repeats the last samples that it had."""
    path = tmp_path / "a.rw2"
    whole = panasonic(140, 60, 4)
    half = whole[: len(whole) // 2]
    path.write_bytes(half)
    with pytest.raises(TiffError, match=f"cut short: the raw samples need {len(whole)} bytes, has {len(half)}"):
        read_libraw(path)
    for data in (whole, whole[:-1], panasonic(140, 60, 8)[: len(half)], whole[:20]):
        path.write_bytes(data)
        with pytest.raises(TiffError, match="LibRaw"):
            read_libraw(path)


def test_crops_are_taken_relative_to_the_visible_mosaic() -> None:
    header = {"size": [100, 200], "margin": [10, 20], "crop": [14, 28, 80, 160]}
    assert libraw._crop(header) == Rectangle(4, 8, 80, 160)
    for crop in ([0, 0, 0, 0], [5, 28, 80, 160], [14, 28, 97, 160], [14, 28, 80, 193]):
        assert libraw._crop(header | {"crop": crop}) == Rectangle(0, 0, 100, 200)


def test_the_header_comes_without_the_mosaic(dng: Maker, samples: Maker, tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((64, 80))))
    header, capture, mosaic = libraw_header(path)
    assert header["size"] == [64, 80]
    assert capture.make == "Barnes"
    assert mosaic is None


class FakeRaw:
    """What rawpy shows of a file, of which there is none among the test data."""

    raw_pattern: np.ndarray | None = None
    num_colors, color_desc = 3, b"RGBG"
    camera_whitebalance, daylight_whitebalance = [0.0, 0.0, 0.0, 0.0], [2.0, 1.0, 1.6, 0.0]
    raw_image_visible = np.arange(12, dtype=np.uint16).reshape(3, 4)

    def __init__(self, kind: str, size: tuple[int, int] = (3, 4), **more: Any) -> None:
        self.raw_type = SimpleNamespace(name=kind)
        self.sizes = SimpleNamespace(height=size[0], width=size[1])
        vars(self).update(more)

    def postprocess(self, user_wb: list[float], **options: Any) -> np.ndarray:
        assert options["output_bps"] == 16
        # As LibRaw scales: the largest gain is 1.
        gains = np.array(user_wb[:3]) / max(user_wb)
        return np.rint(np.array([20000, 60000, 40000]) * gains * np.ones((*vars(self.sizes).values(), 1))).astype("u2")


SIX = np.zeros((6, 6), np.uint8)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (
            {"kind": "Flat", "num_colors": 4, "color_desc": b"GMCY", "raw_pattern": SIX[:4, :2]},
            r"GMCY.* not red, green",
        ),
        ({"kind": "Flat", "raw_pattern": SIX, "size": (480, 640)}, "640 x 480 .* too small"),
    ],
)
def test_sensors_that_nobody_here_demosaics_are_named(kind: dict[str, Any], reason: str) -> None:
    import rawpy

    with pytest.raises(ValueError, match=reason):
        libraw_child._image(FakeRaw(**kind), rawpy)


@pytest.mark.parametrize("kind", [{"kind": "Stack"}, {"kind": "Flat", "raw_pattern": SIX, "size": (600, 600)}])
def test_foveon_and_x_trans_keep_their_levels_through_white_balance(kind: dict[str, Any]) -> None:
    import rawpy

    linear = libraw_child._image(FakeRaw(**kind), rawpy)
    np.testing.assert_allclose(linear[0, 0].astype(float), [20000, 60000, 40000], atol=1.5)


def test_a_monochrome_camera(dng: Maker, samples: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import rawpy

    np.testing.assert_array_equal(libraw_child._image(FakeRaw("Flat", num_colors=1), rawpy)[0], [0, 1, 2, 3])
    path = tmp_path / "a.dng"
    path.write_bytes(dng(samples((64, 80)), raw={50714: (3, 63)}))
    header, capture, mosaic = libraw_header(path, "image")
    changes = {"planes": 1, "pattern": None}
    monkeypatch.setattr(libraw, "libraw_header", lambda *_: (header | changes, capture, mosaic))
    image = read_libraw(path)
    assert image.monochrome
    assert (image.cfa, image.mosaic.shape, image.black.tolist()) == (None, (64, 80, 3), [[63, 63, 63]])
    assert image.color.as_shot_neutral == (1, 1, 1)

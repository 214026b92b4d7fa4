"""exiftool finds nothing wrong with what real raw files and merges of them become."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.private_photos import exiftool_facts

from fotohaus.develop.scene import Scene
from fotohaus.metadata import Metadata
from fotohaus.modes.photo import merge_files
from fotohaus.output import HOLDS, write
from fotohaus.raw import expand_sources, read_raw
from fotohaus.raw.image import RawImage, Rectangle
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture
from fotohaus.report import Report

EVERYTHING = Metadata(keep=("location", "serial", "owner"), artist="Jänë", copyright="© {year} Jänë")
DEFLATE = "Invalid value for IFD0 tag 0x0103 Compression"
"""exiftool's list of compressions ends before deflate (Adobe, TIFF Technical Notes, 2002)."""
SMALL = (96, 144)
SOURCES = ("raw/canon_colorchecker.dng", "raw/gopro_fusion_front.dng", "raw/gopro_hero6_mural.dng", "burst/m94")


@pytest.fixture(scope="module")
def raws(shared: Path) -> dict[str, RawImage]:
    """Corners of real raw images and of a merge, with all that is known of them."""
    height, width = SMALL
    found: dict[str, RawImage] = {}
    for name in SOURCES:
        files = expand_sources([shared / name])
        raw = merge_files(files, Recipe(), Report())
        small = np.ascontiguousarray(raw.mosaic[:height, :width])
        found[name] = replace(raw, mosaic=small, crop=Rectangle(0, 0, height, width))
    return found


def written(raw: RawImage, path: Path) -> Path:
    nouns = {
        Picture: Picture(np.full((*SMALL, 3), 9000, np.uint16), capture=raw.capture),
        Scene: Scene(np.full((*SMALL, 3), 0.5, np.float32), capture=raw.capture),
        RawImage: raw,
    }
    return write(nouns[HOLDS[path.suffix]], path, recipe=Recipe(), metadata=EVERYTHING)


@pytest.mark.parametrize("kind", [kind for kind in HOLDS if kind not in (".jpeg", ".tiff")])
@pytest.mark.parametrize("source", SOURCES)
def test_real_files(tmp_path: Path, raws: dict[str, RawImage], source: str, kind: str) -> None:
    told = exiftool_facts(written(raws[source], tmp_path / f"out{kind}"))
    if kind == ".tif":
        assert (told["Validate"], told["Warning"]) == ("1 Warning", DEFLATE)
    else:
        assert told["Validate"] == "OK", told
    assert not {"Warning", "Error"} & set(told) or kind == ".tif"
    if HOLDS[kind] is Scene:
        return
    assert told["Artist"] == "Jänë"
    if HOLDS[kind] is Picture:
        assert told["Orientation"] == "Horizontal (normal)"
    if source == "burst/m94":
        assert told["CompositeImage"] == "Composite Image Captured While Shooting"
        assert told["CompositeImageCount"] == "8 8"
        # The camera's clock has whole seconds: nobody knows the period. Eight frames of 10 s follow.
        assert told["CompositeImageExposureTimes"] == f"undef 80 80 10 10 10 10 1 8{' 10' * 8}"
    else:
        assert "CompositeImage" not in told


def test_where_a_camera_put_a_file_is_no_description(tmp_path: Path, raws: dict[str, RawImage]) -> None:
    hero = raws["raw/gopro_hero6_mural.dng"]
    assert (hero.capture.description or "").startswith("C:\\DCIM")
    assert hero.capture.serial == "C32213DVT14025"
    for kind in HOLDS:
        assert b"DCIM" not in written(hero, tmp_path / f"out{kind}").read_bytes()


def test_a_merge_that_was_kept_says_so_when_it_is_read(tmp_path: Path, raws: dict[str, RawImage]) -> None:
    merged = raws["burst/m94"]
    back = read_raw(written(merged, tmp_path / "merged.dng")).capture
    assert back.frames == 8
    assert back.composite == merged.capture.composite
    assert (back.taken, back.model) == (merged.capture.taken, merged.capture.model)

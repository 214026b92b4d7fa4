"""What a raw file or a photo tells about its owner does not come out again, in any format, unless it is asked for."""

import os
from pathlib import Path

import pytest
from tests.private_photos import LOCATION, SECRETS, found_in, private_dng, private_jpeg, told_by_exiftool

from fotohaus.metadata import Metadata
from fotohaus.modes.photo import make_photo
from fotohaus.output import HOLDS, read_recipe
from fotohaus.raw import describe
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe

KINDS = list(HOLDS)
NEVER = ("other", "folder")
EVERYTHING = Metadata(keep=("location", "serial", "owner"))


def _silent(path: Path) -> None:
    """Nothing private is in a file: neither in its bytes nor in what readers make of them."""
    assert found_in(path) == []
    told = told_by_exiftool(path)
    if told is not None:
        secrets = [text for texts in SECRETS.values() for text in texts]
        assert [text for text in (*secrets, "GPSLatitude", "48 deg", "SerialNumber", "OwnerName") if text in told] == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose name is nobody's business."""
    (tmp_path / "secret-folder").mkdir()
    return tmp_path / "secret-folder"


def test_the_test_photos_do_tell(folder: Path) -> None:
    dng, jpeg = private_dng(folder / "a.dng"), private_jpeg(folder / "a.jpg")
    assert set(found_in(dng)) == {
        *(t for kind, texts in SECRETS.items() if kind != "folder" for t in texts),
        "location",
    }
    assert {"SN-BODY-4711", "Jane Ownersdottir", "SECRET-XMP", "location"} <= set(found_in(jpeg))
    for path in (dng, jpeg):
        private = describe(path)["private"]
        assert private["position"] == pytest.approx(LOCATION, abs=1e-6)
        assert (private["altitude_m"], private["direction_degrees"]) == pytest.approx((314.15, 271.82))
        assert private["position_time_utc"] == "2022-07-04 10:30:14"
        assert (private["serial"], private["lens_serial"]) == ("SN-BODY-4711", "SN-LENS-4713")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["a.dng", "a.jpg"])
def test_nothing_private_comes_out(folder: Path, source: str, kind: str) -> None:
    given = (private_dng if source == "a.dng" else private_jpeg)(folder / source)
    out = folder / f"out{kind}"
    recipe = Recipe(reference=str(given), gamut="p3")
    make_photo([given], out, recipe)
    _silent(out)
    assert "private" not in (describe(out) if HOLDS[kind] is RawImage else {})
    assert read_recipe(out).reference == source  # the name alone
    # What is public is there.
    data = out.read_bytes()
    assert b"Testcam 1" in data
    if kind != ".exr":
        assert b"Jo Public" in data


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_for_comes_out(folder: Path, kind: str) -> None:
    given, out = private_dng(folder / "a.dng"), folder / f"out{kind}"
    make_photo([given], out, Recipe(), metadata=EVERYTHING)
    assert {"SN-BODY-4711", "SN-LENS-4713", "Jane Ownersdottir", "location"} <= set(found_in(out))
    assert found_in(out, NEVER) == ["location"]
    make_photo([given], out, Recipe(), metadata=Metadata(keep=("serial",)))
    assert set(found_in(out)) == {"SN-BODY-4711", "SN-LENS-4713"}
    make_photo([given], out, Recipe(), metadata=Metadata(keep=("location", "serial"), strip=("serial",)))
    assert found_in(out) == ["location"]


@pytest.mark.parametrize("kind", KINDS)
def test_all_leaves_nothing_but_the_picture(folder: Path, kind: str) -> None:
    given, out = private_dng(folder / "a.dng"), folder / f"out{kind}"
    stripped = Metadata(keep=("location", "serial", "owner"), strip=("all",), artist="Me", copyright="Mine")
    make_photo([given], out, Recipe(reference=1), metadata=stripped)
    _silent(out)
    data = out.read_bytes()
    for text in (b"Testcam", b"Barnes", b"Jo Public", b"Mine", b"a.dng", b"fotohaus", b"2022", b"merge"):
        assert text not in data, text


@pytest.mark.parametrize("kind", [".dng", ".jpg", ".tif", ".exr"])
def test_a_merge_leaks_nothing_either(folder: Path, kind: str) -> None:
    frames = [private_dng(folder / f"{i}.dng", i) for i in range(3)]
    out, debug = folder / f"out{kind}", folder / "debug"
    make_photo(frames, out, Recipe(reference=str(frames[1])), debug=debug)
    _silent(out)
    files = sorted(debug.iterdir())
    assert {"report.json", "report.txt"} <= {f.name for f in files}
    for file in files:
        _silent(file)
    assert read_recipe(out).reference == "1.dng"


def test_a_look_is_named_without_its_folder(folder: Path) -> None:
    from fotohaus.render.look import to_toml
    from fotohaus.render.looks import load_look

    look = folder / "looks" / "mine.toml"
    look.parent.mkdir()
    look.write_text(to_toml(load_look("authentic")))
    given, out = private_dng(folder / "a.dng"), folder / "out.png"
    make_photo([given], out, Recipe(look=str(look)))
    _silent(out)
    assert read_recipe(out).look == "mine.toml"


def test_a_contact_sheet_leaks_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fotohaus.cli import looks as cli

    given = private_dng(folder / "a.dng")
    for out in (folder / "sheet.jpg", folder / "sheet.png"):
        cli._save(out, cli._contact_sheet(given))
        _silent(out)
    assert sorted(os.listdir(folder)) == ["a.dng", "sheet.jpg", "sheet.png"]

"""The options of metadata as a person types them."""

import os
from pathlib import Path

import pytest
from tests.private_photos import found_in, private_dng, private_jpeg

from fotohaus.metadata import Metadata
from fotohaus.modes.photo import make_photo
from fotohaus.raw import describe
from fotohaus.recipe import Recipe

from .conftest import Run


def test_options_and_the_configuration(run: Run, tmp_path: Path) -> None:
    dng = private_dng(tmp_path / "a.dng")
    home = tmp_path / "home"
    (home / "fotohaus").mkdir(parents=True)
    config = home / "fotohaus" / "config.toml"
    config.write_text('artist = "Config"\ncopyright = "(c) {year} Config"\nkeep = ["location"]\n')
    environment = {"XDG_CONFIG_HOME": str(home), "APPDATA": str(home)}
    done = run("develop", dng, "-o", "a.jpg", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    facts = describe(tmp_path / "a.jpg")
    assert (facts["capture"]["artist"], facts["capture"]["copyright"]) == ("Config", "(c) 2022 Config")
    assert found_in(tmp_path / "a.jpg") == ["location"]
    options = ("--artist", "Jane", "--strip", "location", "--keep", "serial,location")
    done = run("develop", dng, "-o", "b.jpg", *options, **environment)
    assert done.returncode == 0
    facts = describe(tmp_path / "b.jpg")
    assert facts["capture"]["artist"] == "Jane"
    assert set(found_in(tmp_path / "b.jpg")) == {"SN-BODY-4711", "SN-LENS-4713"}
    config.write_text("artist = 3")
    done = run("develop", dng, "-o", "c.jpg", **environment)
    assert done.returncode == 1
    assert done.stderr == f"fotohaus: {config}: artist must be a line of text of at most 1000 characters\n"
    assert not (tmp_path / "c.jpg").exists()


def test_wrong_words(run: Run, tmp_path: Path) -> None:
    for option, why in (("--keep", "'gps' can't be kept"), ("--strip", "'gps' can't be stripped")):
        done = run("develop", "a.dng", "-o", "a.jpg", option, "location,gps")
        assert done.returncode == 2
        assert f"argument {option}: {why}" in done.stderr


def test_a_sibling(run: Run, tmp_path: Path) -> None:
    dng, jpeg = private_dng(tmp_path / "a.dng"), private_jpeg(tmp_path / "a.jpg")
    done = run("develop", dng, "-o", "out.jpg", "-v")
    assert "a.jpg lies beside and may know more" in done.stderr
    done = run("develop", dng, "-o", "out.jpg", "--metadata-from", jpeg, "-v")
    assert "from a.jpg: focal length, focal length 35mm, lens model" in done.stderr
    facts = describe(tmp_path / "out.jpg")
    assert (facts["camera"]["lens_model"], facts["capture"]["focal_length_mm"]) == ("Barnes 8.7 mm f/1.9", 8.7)
    assert "private" not in facts
    done = run("develop", dng, "-o", "out.jpg", "--metadata-from", "missing.jpg")
    assert (done.returncode, done.stderr) == (1, "fotohaus: missing.jpg: no such file\n")


def test_from_python_nothing_is_configured(tmp_path: Path) -> None:
    dng = private_dng(tmp_path / "a.dng")
    make_photo([dng], tmp_path / "a.png", Recipe(), metadata=Metadata(copyright="{year} me"))
    assert describe(tmp_path / "a.png")["capture"]["copyright"] == "2022 me"


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
@pytest.mark.parametrize("home", [{"HOME": ""}, {"HOME": "."}, {"HOME": "/none", "XDG_CONFIG_HOME": ".config"}])
def test_no_configuration_is_taken_from_the_current_folder(
    run: Run, frame: Path, tmp_path: Path, home: dict[str, str]
) -> None:
    folder = tmp_path / ".config" / "fotohaus"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('artist = "Nobody"')
    done = run("develop", frame, "-o", "a.jpg", "--long-edge", "64", **{"XDG_CONFIG_HOME": "", **home})
    assert done.returncode == 0, done.stderr
    assert b"Nobody" not in (tmp_path / "a.jpg").read_bytes()

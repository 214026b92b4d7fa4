"""What a file says besides its picture, and the configuration that says it."""

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from fotohaus.config import read_config
from fotohaus.errors import ReadError
from fotohaus.metadata import FIELDS, Metadata, cropped, dated, words
from fotohaus.raw.image import CaptureInfo

CAPTURE = CaptureInfo(
    make="Barnes",
    taken=datetime(2022, 7, 4),
    artist="Camera's Owner",
    serial="S",
    lens_serial="L",
    owner="O",
    position=(1.0, 2.0),
    altitude=3.0,
    direction=4.0,
    magnetic=True,
    fix_time=datetime(2022, 7, 4),
    frames=3,
)


def test_private_facts_stay_out_unless_asked_for() -> None:
    private = {name for names in FIELDS.values() for name in names}
    shown = Metadata().published(CAPTURE)
    assert {n for n in vars(CAPTURE) if getattr(shown, n) != getattr(CAPTURE, n)} == private
    for word, names in FIELDS.items():
        shown = Metadata(keep=(word,)).published(CAPTURE)
        assert {n for n in private if getattr(shown, n) == getattr(CAPTURE, n)} == set(names)
        assert Metadata(keep=(word,), strip=(word,)).published(CAPTURE) == Metadata().published(CAPTURE)
    assert Metadata(keep=("serial",), strip=("all",), artist="Me").published(CAPTURE) == CaptureInfo()


def test_every_private_fact_that_info_knows_is_covered() -> None:
    from fotohaus.raw.describe_file import _PRIVATE

    assert set(_PRIVATE) <= {name for names in FIELDS.values() for name in names}


def test_the_artist_that_was_named_stands_for_the_cameras() -> None:
    assert Metadata().published(CAPTURE).artist == "Camera's Owner"
    shown = Metadata(artist=" Jane ", copyright="© {year} {name} Jane").published(CAPTURE)
    assert (shown.artist, shown.copyright) == ("Jane", "© 2022 {name} Jane")
    assert Metadata(artist="", copyright="").published(CAPTURE).artist is None
    assert dated("© {year} Jane", CaptureInfo()) == "© Jane"
    assert Metadata(copyright="{year}").published(CaptureInfo()).copyright is None


def test_a_crop_is_a_longer_lens() -> None:
    assert cropped(CaptureInfo(focal_length=8.7, focal_length_35mm=24.0), 0.5).focal_length_35mm == 48
    assert cropped(CAPTURE, 0.5) == CAPTURE


def test_words_that_are_none() -> None:
    assert words(" Location, serial,,serial ") == ("location", "serial")
    with pytest.raises(ValueError, match="'gps' can't be kept: location, serial, owner can"):
        Metadata(keep=("gps",))
    with pytest.raises(ValueError, match="'gps' can't be stripped: all, location, serial, owner can"):
        Metadata(strip=("gps",))
    with pytest.raises(ValueError, match="'all' can't be kept"):
        Metadata(keep=("all",))


def test_a_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    if sys.platform == "darwin":
        monkeypatch.setenv("HOME", str(tmp_path))
    from fotohaus.config import own_folder

    assert read_config() == Metadata()
    own_folder().mkdir(parents=True)
    assert read_config() == Metadata()
    text = 'artist = "Jänë"\ncopyright = "© {year} Jänë"\nkeep = ["location"]\n'
    (own_folder() / "config.toml").write_text(text, encoding="utf-8")
    expected = Metadata(artist="Jänë", copyright="© {year} Jänë", keep=("location",))
    assert read_config() == expected
    (own_folder() / "config.toml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_config() == expected
    (own_folder() / "config.toml").write_text('keep = "serial, location"')
    assert read_config() == Metadata(keep=("serial", "location"))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"artist = \nkeep = 1", "is no configuration: .*line 1"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"artist = 3", "artist must be a line of text"),
        (b'artist = "a\\nb"', "artist must be a line of text"),
        (b'copyright = ["x"]', "copyright must be a line of text"),
        (b'author = "Jane"', "'author' is no setting: artist, copyright, keep are"),
        (b"keep = 3", "keep must be a list of location, serial, owner"),
        (b'keep = ["gps"]', "keep must be a list of"),
        (b'keep = [["location"]]', "keep must be a list of"),
        (b"a" * 70_000, "more than 65536 bytes"),
        (b"x = " + b"[" * 30_000, "is no configuration"),
    ],
)
def test_a_configuration_that_is_none_is_one_clear_line(tmp_path: Path, data: bytes, why: str) -> None:
    (tmp_path / "config.toml").write_bytes(data)
    with pytest.raises(ReadError, match=why) as caught:
        read_config(tmp_path / "config.toml")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300 + len(str(tmp_path))


def test_places_where_no_configuration_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ReadError, match="it is no file"):
        read_config(tmp_path)
    with pytest.raises(ReadError, match="no such file"):
        read_config(tmp_path / "missing.toml")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    assert read_config() == Metadata()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ReadError, match="it is no file"):
            read_config(tmp_path / "pipe")


def test_without_a_configuration_nothing_is_imported_for_it(tmp_path: Path) -> None:
    program = (
        "import sys; from fotohaus.config import read_config; before = {*sys.modules}; read_config();"
        "print(*({*sys.modules} - before), 'tomllib' in sys.modules)"
    )
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_home_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user has no name."""
    import pwd

    from fotohaus.config import home_folder, own_folder, read_config
    from fotohaus.framing.shelf import templates
    from fotohaus.render.looks import looks

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert not own_folder().exists()
    assert not home_folder().is_dir()
    assert read_config() == Metadata()
    assert "vivid" in looks()
    assert "strip" in templates()

"""Templates are data from anywhere."""

from pathlib import Path

import pytest

from fotohaus.errors import ReadError
from fotohaus.framing.shelf import PACKAGED, load_template, own_folder, templates
from fotohaus.framing.template import parse_template


def test_the_package_has_four_of_its_own() -> None:
    assert list(templates())[:4] == ["strip", "polaroid", "passepartout", "caption"]
    for path in PACKAGED.glob("*.toml"):
        template = load_template(path.stem)
        assert template.title
        assert template.about
        assert template.block


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "version"),
        ("version = 2", "version"),
        ("version = ", "Invalid value"),
        ("version = 1\nborder = 3", "border"),
        ("version = 1\nmargin = 1e9", "margin"),
        ("version = 1\nmargin = nan", "margin"),
        ("version = 1\nmargin = true", "margin"),
        ('version = 1\npaper = "white"', "paper"),
        ("version = 1\nblock = 3", "block"),
        ('version = 1\n[[block]]\nalign = "up"', "align"),
        ("version = 1\n[[block]]\n", "line"),
        ('version = 1\n[[block]]\n[[block.line]]\nshow = ["serial"]', "serial"),
        ('version = 1\n[[block]]\n[[block.line]]\nshow = ["camera"]\nrows = 1.5', "rows"),
        ('version = 1\ntitle = "a\\u0000b"', "title"),
        ("version = 1\na" + "[" * 5000, ""),
    ],
)
def test_what_is_no_template_is_refused_in_a_line(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"^no frame") as caught:
        parse_template(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 300


def test_templates_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    own_folder().mkdir(parents=True)
    mine = own_folder() / "mine.toml"
    mine.write_text('version = 1\ntitle = "Mine"\n')
    assert load_template("mine").title == load_template(str(mine)).title == "Mine"
    with pytest.raises(ReadError, match=r"no frame 'other'.*mine, none"):
        load_template("other")
    with pytest.raises(ReadError):
        load_template(str(tmp_path / "absent.toml"))

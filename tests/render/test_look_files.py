"""Files of looks: read, checked as what comes from anywhere must be, written, found."""

import contextlib
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.errors import ReadError
from fotohaus.recipe import Recipe
from fotohaus.render import look as looks_module
from fotohaus.render.look import Look, blend, chosen, is_curve_only, parse_look, to_toml
from fotohaus.render.looks import LARGEST, load_look, looks, own_folder, read_look

NAMES = ("authentic", "vibrant", "natural", "vivid", "mono", "mono-contrast", "sepia", "blue")


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """The user's folder is an empty one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    own_folder().mkdir(parents=True)
    return own_folder()


@pytest.mark.parametrize("name", NAMES)
def test_a_look_survives_being_written(name):
    look = load_look(name)
    assert parse_look(to_toml(look)) == look
    assert look != Look()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no version"),
        ("version = 2", "version"),
        ("version = true", "version"),
        ("version = 1\nnonsense = 1", "'nonsense' is unknown"),
        ("version = 1\n[tone]\nslop = 1", "'tone.slop' is unknown"),
        ("version = 1\n[tone]\nslope = nan", "tone.slope must be a number"),
        ("version = 1\n[tone]\nslope = inf", "tone.slope must be a number"),
        ("version = 1\n[tone]\nslope = true", "tone.slope must be a number"),
        ("version = 1\n[tone]\nslope = '1'", "tone.slope must be a number"),
        ("version = 1\n[tone]\nslope = 5", "tone.slope must be from -0.6 to 1"),
        ("version = 1\nvignette = -0.1", "vignette must be from 0 to 1"),
        ("version = 1\ntone = 3", "tone must be a table"),
        ("version = 1\n[mono]\namount = 1\nred = -1", "mono.red, green and blue must add up to 0.1 at least"),
        ("version = 1\nhues = [1]", "hues must be a table"),
        ("version = 1\n[hues.green]\nchroma = [1]", "hues.green.chroma must be a number"),
        ("version = 1\n[hues.teal]\nchroma = 0.1", "'hues.teal' is unknown"),
        ("version = 1\ntitle = 'a\\nb'\nabout = \"a\\nb\"", "about must be one line"),
        (f"version = 1\ntitle = '{'x' * 501}'", "title must be one line"),
        ("version =", "no TOML"),
        ("version = 1\na = " + "[" * 50000, "no TOML"),
        ("version = 1\n" + ".".join("a" * 40000) + " = 1", "no TOML: nested too deeply"),
        ("version = 1\nvignette = " + "9" * 90000, "no TOML"),
    ],
)
def test_what_is_no_look_is_said_in_one_line(tmp_path, text, says):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ReadError, match=r"bad\.toml: ") as error:
        read_look(path)
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"version = 1\n#" + b"x" * LARGEST])
def test_bytes_that_are_no_look(tmp_path, data):
    path = tmp_path / "bad.toml"
    path.write_bytes(data)
    with pytest.raises(ReadError, match="no look"):
        read_look(path)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300).map(lambda b: b.decode("latin-1")))
def test_any_text_is_a_look_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_look(text), Look)


def test_looks_are_found_by_name_and_path(own, tmp_path):
    mine = replace(load_look("mono"), title="Mine")
    (own / "mine.toml").write_text(to_toml(mine))
    (own / "camera.toml").write_text(to_toml(mine))
    (own / "Not A Name.toml").write_text(to_toml(mine))
    (own / "mono.toml").write_text(to_toml(mine))  # does not hide fotohaus's
    assert load_look("mine") == mine
    assert load_look(str(own / "mine.toml")) == mine
    assert load_look("mono").title == "Mono"
    assert {"mine"} == set(looks()) - {"neutral", *NAMES}
    for wrong in ("nothing", "../mono", "Mono", ""):
        with pytest.raises(ReadError):
            load_look(wrong)
    with pytest.raises(ReadError, match="no look 'nothing': neutral, authentic"):
        load_look("nothing")
    with pytest.raises(ReadError):
        load_look(str(tmp_path))  # a folder
    with pytest.raises(ReadError, match="no numbers of it"):
        load_look("camera")


def test_a_file_that_looks_like_a_name_is_told_how_to_be_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evening").write_text("version = 1\nvignette = 0.5")
    with pytest.raises(ReadError, match=r"call it \./evening"):
        load_look("evening")
    assert load_look("./evening").vignette == 0.5


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_no_look(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(ReadError, match="no file"):
        read_look(tmp_path / "pipe.toml")
    with pytest.raises(ReadError, match="no such file"):
        read_look(tmp_path / "missing.toml")


@pytest.mark.skipif(os.name != "posix", reason="needs symbolic links")
def test_a_loop_of_links_is_no_look(tmp_path):
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(ReadError, match="symbolic links"):
        read_look(tmp_path / "loop.toml")


def test_sliders_take_their_places():
    look = load_look("authentic")
    assert chosen(look, Recipe(look="authentic")) == look
    assert chosen(look, Recipe(vignette=0.0, grain=1.0)).vignette == 0
    assert chosen(look, Recipe(grain=1.0)).grain.amount == 1
    assert chosen(look, Recipe(texture=-0.5)).texture == looks_module.Texture(-0.5, -0.5)
    assert chosen(look, Recipe(sharpen=0.7)).sharpen == 0.7
    assert chosen(look, Recipe(warmth=0.3)).warmth == 0.3
    assert chosen(look, Recipe(tone=0.5)).tone.slope > look.tone.slope
    assert chosen(look, Recipe(off=("vignette",))).vignette == 0
    assert chosen(look, Recipe(off=("vignette",), vignette=1.0)).vignette == 0
    plain = chosen(look, Recipe(off="all"))  # type: ignore[arg-type]
    assert is_curve_only(plain)
    assert plain.sharpen == 0


def test_strength_goes_from_neutral_to_the_look():
    look = load_look("sepia")
    nothing = chosen(look, Recipe(strength=0.0))
    assert nothing == Look()
    half = chosen(look, Recipe(strength=0.5))
    assert half.vignette == pytest.approx(look.vignette / 2)
    assert half.split.shadows.hue == look.split.shadows.hue
    assert blend(Look(), look, 1.0) == look


@pytest.mark.parametrize("a", [-1.0, 0.0, 1.0])
def test_sliders_never_leave_what_a_look_may_be(a):
    for name in NAMES:
        look = chosen(load_look(name), Recipe(tone=a, warmth=a, texture=a, vignette=abs(a), grain=abs(a)))
        assert to_toml(parse_look(to_toml(look))) == to_toml(look)

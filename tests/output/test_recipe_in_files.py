"""The recipe in XMP, in and out: hostile names, rewritten packets, damaged and malicious files."""

import os
import shutil
import struct
import subprocess
import time
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.develop.scene import Scene
from fotohaus.errors import ReadError
from fotohaus.output import read_recipe, write
from fotohaus.output.xmp import XmpError, packet, recipe_text
from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.recipe import Recipe
from fotohaus.render.picture import Picture

NAMES = ["p.jpg", "p.avif", "p.jxl", "p.tif", "p.png", "p.exr", "p.dng"]


@pytest.fixture(params=NAMES)
def photo(
    request: pytest.FixtureRequest, tmp_path: Path, picture: Picture, scene: Scene, raw: RawImage, recipe: Recipe
) -> Path:
    noun = {"exr": scene, "dng": raw}.get(request.param[-3:], picture)
    return write(noun, tmp_path / request.param, recipe=recipe)


@pytest.mark.parametrize("look", ["/home/me/secret/mine.toml", "C:\\me\\secret\\mine.toml"])
def test_a_look_s_file_is_named_without_its_folder(tmp_path: Path, picture: Picture, look: str) -> None:
    path = write(picture, tmp_path / "p.jpg", recipe=Recipe(look=look, ev=1))
    assert b"secret" not in path.read_bytes()
    assert read_recipe(path) == Recipe(look="mine.toml", ev=1)
    (tmp_path / "mine.toml").write_text("version = 1")
    assert read_recipe(path).look == str(tmp_path / "mine.toml")


def test_a_toml_file_is_a_recipe(tmp_path: Path, recipe: Recipe) -> None:
    path = tmp_path / "r.toml"
    path.write_text(recipe.to_toml())
    assert read_recipe(path) == recipe
    path.write_bytes(b"\xef\xbb\xbfev = 1.5\r\n")
    assert read_recipe(path) == Recipe(ev=1.5)


@settings(max_examples=200)
@given(st.lists(st.text(max_size=300), max_size=120))
def test_names_of_any_kind_make_a_well_formed_packet(names: list[str]) -> None:
    recipe = Recipe(ev=-1.25)
    made = packet(recipe, CaptureInfo(sources=tuple(names), frames=7))
    assert len(made) < 65_000
    ElementTree.fromstring(made)
    assert Recipe.from_toml(recipe_text(made)) == recipe
    assert packet(recipe, CaptureInfo(sources=tuple(names), frames=7)) == made


def test_a_name_can_not_smuggle_in_a_recipe() -> None:
    smuggled = "<fotohaus:recipe>ev = 9.0</fotohaus:recipe>"
    assert Recipe.from_toml(recipe_text(packet(Recipe(), CaptureInfo(sources=(smuggled,))))) == Recipe()


def test_another_program_may_have_rewritten_the_packet() -> None:
    as_attribute = """<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
    <rdf:Description rdf:about='' xmlns:ns7='https://fotohaus.org/ns/1.0/' ns7:frames='2'
      ns7:recipe='ev = 1.0&#xA;look = &quot;neutral&quot;&#10;'/></rdf:RDF></x:xmpmeta>"""
    assert Recipe.from_toml(recipe_text(as_attribute.encode())) == Recipe(ev=1.0, look="neutral")


@pytest.mark.parametrize("name", ["p.jpg", "p.avif", "p.jxl", "p.tif", "p.png"])
def test_a_recipe_survives_exiftool(tmp_path: Path, picture: Picture, recipe: Recipe, name: str) -> None:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("exiftool is not installed")
    path = write(picture, tmp_path / name, recipe=recipe)
    subprocess.run([program, "-q", "-overwrite_original", "-XMP-dc:Title=A & B", path], check=True)
    assert b"dc:title" in path.read_bytes()
    assert read_recipe(path) == recipe


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("sharpen = 3.0", "recipe: sharpen: "),
        ("ev = nan", "recipe: ev: "),
        ('off = ["nonsense"]', r"recipe: off\.0: "),
        ("blur = 1", "recipe: blur: "),
        ("version = 2", "recipe: version: "),
        ('"evil\\nname" = 1', r"recipe: evil\?name: "),
        ("a" * 5000 + " = 1", "recipe: aaaa"),
        ("ev = ", "is not a recipe: "),
        ("a = " + "[" * 20000, "is not a recipe: nested too deep|is not a recipe: "),
        ("ev = " + "9" * 5000, "is not a recipe: |recipe: ev"),
        ("\0\1\2", "is not a recipe: "),
    ],
)
def test_a_bad_recipe_is_told_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(ReadError, match=f"r.toml: ({why})") as caught:
        read_recipe(path)
    assert "\n" not in str(caught.value)
    assert len(caught.value.reason) < 300


def test_files_that_hold_no_recipe(tmp_path: Path, picture: Picture) -> None:
    from PIL import Image

    for name in ("p.jpg", "p.png", "p.tif"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
        with pytest.raises(ReadError, match="holds no fotohaus recipe"):
            read_recipe(tmp_path / name)
    (tmp_path / "empty").touch()
    (tmp_path / "large.toml").write_bytes(b"#" * 100_000)
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)))
    (tmp_path / "folder").mkdir()
    for name, why in (
        ("empty", "is empty"),
        ("large.toml", "too large"),
        ("binary", "none of JPEG"),
        ("folder", "is a folder"),
        ("missing", "no such file"),
    ):
        with pytest.raises(ReadError, match=why):
            read_recipe(tmp_path / name)


def test_bytes_between_segments_are_gone_over(tmp_path: Path, picture: Picture, recipe: Recipe) -> None:
    path = write(picture, tmp_path / "p.jpg", recipe=recipe)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"no segment\xff" + data[2:])
    assert read_recipe(path) == recipe


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(ReadError, match="not a regular file"):
        read_recipe(tmp_path / "pipe.jpg")


def outcome(path: Path) -> Recipe | str:
    try:
        return read_recipe(path)
    except ReadError as error:
        return "one line" if str(error).startswith(f"{path}: ") and "\n" not in str(error) else str(error)


def test_a_file_cut_anywhere_gives_a_recipe_or_one_line(photo: Path, recipe: Recipe) -> None:
    data = photo.read_bytes()
    end = data.rindex(b"<?xpacket end") + 200
    for length in (*range(0, 64), *range(64, min(end, len(data)), 97)):
        photo.write_bytes(data[:length])
        assert outcome(photo) in (recipe, "one line")


def test_flipped_bytes_give_a_recipe_or_one_line(photo: Path) -> None:
    import numpy as np

    rng = np.random.default_rng(5)
    data = photo.read_bytes()
    end = min(len(data), data.rindex(b"<?xpacket end") + 200)
    for _ in range(300):
        changed = bytearray(data)
        for at in rng.integers(0, end, 3):
            changed[at] = rng.integers(0, 256)
        photo.write_bytes(changed)
        assert isinstance(outcome(photo), Recipe) or outcome(photo) == "one line"


def test_entities_are_refused_and_bombs_do_not_go_off(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>' + packet(
        Recipe(), CaptureInfo()
    )
    with pytest.raises(XmpError, match="entities"):
        recipe_text(bomb)
    with pytest.raises(XmpError, match="large"):
        recipe_text(b" " * (2 << 20))

    # A PNG whose compressed text would be 200 MB.
    body = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(200_000_000))
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", zlib.crc32(b"iTXt" + body))
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk)
    began = time.process_time()
    with pytest.raises(ReadError, match="large"):
        read_recipe(path)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "head", [b"\xff\xd8" + b"\xff\xe2\x00\x02" * 500_000, b"\x89PNG\r\n\x1a\n" + bytes(4) + b"tEXt"]
)
def test_endless_parts_end(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(head if head[0] == 0xFF else head[:8] + (head[8:] + bytes(4)) * 500_000)
    began = time.process_time()
    with pytest.raises(ReadError, match="no fotohaus recipe"):
        read_recipe(path)
    assert time.process_time() - began < 5

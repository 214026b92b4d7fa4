"""What is done with the sources of a photo: which frames are taken, which left out, and what is said."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fotohaus.cli.app import run
from fotohaus.errors import FotohausError
from fotohaus.modes.frames import find_reference
from fotohaus.raw.dng import encode_dng
from fotohaus.raw.image import RawImage
from fotohaus.simulate import simulate_burst

Write = Callable[..., Path]


class Done:
    """What a command did: its exit code, what it printed, its warnings and error, one line each."""

    def __init__(self, *arguments: object) -> None:
        out, lines = io.StringIO(), io.StringIO()
        self.error = ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(lines):
            try:
                self.code = run(list(map(str, arguments)))
            except FotohausError as error:
                self.code, self.error = 1, str(error)
            except SystemExit as left:
                self.code = int(left.code or 0)
        self.out, self.lines = out.getvalue(), lines.getvalue().splitlines()


@pytest.fixture(scope="module")
def burst() -> list[RawImage]:
    rng = np.random.default_rng(4)
    world = np.kron(rng.uniform(0.05, 0.9, (24, 30, 3)), np.ones((12, 12, 1)))
    return list(simulate_burst(world, size=(96, 112), iso=400, exposure=0.6, frames=8, shake=1, rotation=0.0))


@pytest.fixture
def write(tmp_path: Path, burst: list[RawImage]) -> Write:
    def write(
        name: str, index: int, stops: float = 0, later: float = 0, change: dict[str, Any] | None = None, **raw: Any
    ) -> Path:
        frame = burst[index]
        capture = frame.capture
        assert capture.taken is not None
        assert capture.exposure_time is not None
        capture = replace(
            capture, taken=capture.taken + timedelta(seconds=later), exposure_time=capture.exposure_time * 2**stops
        )
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encode_dng(replace(frame, capture=replace(capture, **(change or {})), **raw)))
        return path

    return write


def develop(*arguments: object) -> Done:
    return Done("develop", *arguments)


def test_the_rest_is_left_out_by_name(write: Write, tmp_path: Path) -> None:
    for i in range(3):
        write(f"{i}.dng", i)
    write("other.dng", 3, change={"model": "Other"})
    write("turned.dng", 4, orientation=6)
    (tmp_path / "in" / "broken.dng").write_bytes(write("long.dng", 5).read_bytes()[:-9000])
    (tmp_path / "in" / "empty.dng").touch()
    (tmp_path / "in" / "long.dng").unlink()
    shutil.copy(tmp_path / "in" / "1.dng", tmp_path / "in" / "twin.dng")
    (tmp_path / "in" / "1.xmp").write_text("sidecar")
    (tmp_path / "in" / "1.jpg").write_bytes(b"\xff\xd8\xff")
    done = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "-v")
    assert done.code == 0, done.error
    warnings = sorted(line for line in done.lines if line.startswith("warning: "))
    expected = {
        "broken.dng": "damaged",
        "empty.dng": "is empty",
        "other.dng": "another camera (fotohaus Other)",
        "turned.dng": "orientation 6",
        "twin.dng": "the same as",
    }
    assert len(warnings) == len(expected)
    for line, (name, reason) in zip(warnings, expected.items(), strict=True):
        assert re.fullmatch(rf"warning: .*{name} left out: .*{re.escape(reason)}.*", line)
    assert any("merged 3 frames" in line for line in done.lines)
    strict = develop(tmp_path / "in", "-o", tmp_path / "strict.jpg", "--strict")
    assert (strict.code, strict.lines) == (1, [])
    assert re.search(r"(empty|broken)\.dng: is", strict.error)
    assert not (tmp_path / "strict.jpg").exists()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ({"change": {"model": "Other"}}, "odd.dng: another camera"),
        ({"orientation": 3}, "odd.dng: orientation 3"),
        ({"stops": 2}, r"odd.dng: its exposure differs by \+2.0 EV"),
        ({"later": 300}, "odd.dng: taken 5 minutes after"),
    ],
)
def test_strict_refuses_by_name(write: Write, tmp_path: Path, spoil: dict[str, Any], reason: str) -> None:
    files = [write("0.dng", 0), write("1.dng", 1), write("odd.dng", 2, **spoil)]
    done = develop(*files, "-o", tmp_path / "out.jpg", "--strict")
    assert (done.code, done.lines) == (1, [])
    assert re.search(reason, done.error)
    assert not (tmp_path / "out.jpg").exists()
    assert develop(*files, "-o", tmp_path / "out.jpg").code == 0


def test_a_frame_that_breaks_while_it_is_decoded(write: Write, tmp_path: Path) -> None:
    files = [write(f"{i}.dng", i) for i in range(4)]
    whole = files[0].read_bytes()
    # Its metadata is sound: only decoding shows that there is no JPEG in it any more.
    assert b"\xff\xd8\xff" in whole
    files[0].write_bytes(whole.replace(b"\xff\xd8\xff", b"\0\0\0"))
    done = develop(*files, "-o", tmp_path / "out.jpg", "-v")
    assert done.code == 0
    assert any(re.match(r"warning: .*0\.dng left out: ", line) for line in done.lines)
    assert any("merged 3 frames" in line for line in done.lines)
    named = develop(*files, "-o", tmp_path / "named.jpg", "--reference", "0.dng")
    strict = develop(*files, "-o", tmp_path / "named.jpg", "--strict")
    for refused in (named, strict):
        assert refused.code == 1
        assert "0.dng: " in refused.error
    assert not (tmp_path / "named.jpg").exists()


def test_nothing_but_broken_frames(tmp_path: Path) -> None:
    for name in ("a.dng", "b.dng"):
        (tmp_path / name).write_bytes(b"no")
    done = develop(tmp_path / "a.dng", tmp_path / "b.dng", "-o", tmp_path / "out.jpg")
    assert done.code == 1
    assert done.error == "none of the 2 files can be read"
    assert len(done.lines) == 2


def test_two_bursts_in_a_folder_make_the_first_photo(write: Write, tmp_path: Path) -> None:
    for i in range(4):
        write(f"a{i}.dng", i)
        write(f"b{i}.dng", i + 4, later=60)
    done = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "-v")
    assert done.code == 0
    warnings = [line for line in done.lines if line.startswith("warning: ")]
    assert len(warnings) == 1
    assert "b0.dng and 3 more left out: taken 60 s after a0.dng" in warnings[0]
    assert any("merged 4 frames" in line for line in done.lines)
    other = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "--reference", "b2.dng", "-v")
    assert any("b2.dng" in line and "merged 4 frames" in line for line in other.lines)
    every = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "--gap", 100, "-v")
    assert any("merged 8 frames" in line for line in every.lines)


def test_many_groups_are_one_line(write: Write, tmp_path: Path) -> None:
    for i in range(8):
        write(f"{i}.dng", i, later=100 * i)
    done = develop(tmp_path / "in", "-o", tmp_path / "out.jpg")
    assert len(done.lines) == 1
    assert "7 files of 7 other groups left out" in done.lines[0]


def test_a_bracket_is_told_and_its_equal_frames_are_merged(write: Write, tmp_path: Path) -> None:
    for i, stops in enumerate((0, -2, 2, 0, -2, 0)):
        write(f"{i}.dng", i, stops=stops)
    done = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "-v")
    (warning,) = [line for line in done.lines if line.startswith("warning: ")]
    assert re.search(r"6 frames .* are a bracket over 4.0 EV: only the 3 of 1/50 s", warning)
    assert any("merged 3 frames" in line for line in done.lines)
    dark = develop(tmp_path / "in", "-o", tmp_path / "out.jpg", "--reference", 2, "-v")
    assert any("merged 2 frames" in line for line in dark.lines)


def test_the_reference_by_number_name_and_path(write: Write, tmp_path: Path) -> None:
    files = [write(f"IMG_{i}.dng", i) for i in range(5)]
    for reference in ("4", "IMG_3.dng", "IMG_3", files[3]):
        done = develop(tmp_path / "in", "-o", tmp_path / "out.dng", "--reference", reference, "-v")
        assert any(re.search(r"IMG_3.dng; .*merged 5 frames", line) for line in done.lines)
    for reference, reason in {"6": "only 5", "IMG_9.dng": "IMG_9.dng is none of the 5 frames"}.items():
        refused = develop(tmp_path / "in", "-o", tmp_path / "no.dng", "--reference", reference)
        assert (refused.code, refused.lines) == (1, [])
        assert reason in refused.error
    # One file is no exception.
    assert develop(files[3], "-o", tmp_path / "out.dng", "--reference", "IMG_3").code == 0
    assert "only 1" in develop(files[3], "-o", tmp_path / "no.dng", "--reference", 2).error


def test_a_name_in_two_folders_is_not_guessed() -> None:
    files = [Path("a/1.dng"), Path("b/1.dng")]
    assert find_reference(files, "b/1.dng") == files[1]
    with pytest.raises(FotohausError, match=r"may be a/1\.dng or b/1\.dng"):
        find_reference(files, "1.dng")


def test_groups_are_printed(write: Write, tmp_path: Path) -> None:
    for i in range(3):
        write(f"a{i}.dng", i)
        write(f"b{i}.dng", i + 3, later=60, stops=2 * i)
    text = Done("group", tmp_path / "in")
    assert text.code == 0
    assert "1: a burst of 3, 1/50 s" in text.out
    assert "2: a bracket of 3 over 4.0 EV" in text.out
    (tmp_path / "in" / "c.dng").write_bytes(b"no")
    done = Done("group", tmp_path / "in", "--json")
    assert done.code == 1
    facts = json.loads(done.out)
    assert [group["kind"] for group in facts["groups"]] == ["burst", "bracket"]
    assert [frame["ev"] for frame in facts["groups"][1]["frames"]] == [0, 2, 4]
    assert [Path(left["file"]).name for left in facts["left_out"]] == ["c.dng"]


def test_five_hundred_frames(write: Write, tmp_path: Path) -> None:
    made = [write(f"{i:03}.dng", i).read_bytes() for i in range(8)]
    for i in range(500):
        # What follows a DNG's fields is nobody's business, but makes it another file.
        (tmp_path / "in" / f"{i:03}.dng").write_bytes(made[i % 8] + i.to_bytes(2, "big"))
    done = develop(tmp_path / "in", "-o", tmp_path / "out.dng", "-v")
    assert done.code == 0
    assert any("merged 500 frames" in line for line in done.lines)


def test_one_frame_needs_no_grouping(write: Write, tmp_path: Path) -> None:
    path = write("one.dng", 0)
    script = (
        f"import sys; from fotohaus.cli.app import run\n"
        f"assert run(['develop', {str(path)!r}, '-o', {str(tmp_path / 'out.jpg')!r}]) == 0\n"
        "print([m for m in sys.modules if m.startswith(('fotohaus.burst', 'fotohaus.raw.group', 'fotohaus.modes.fr'))])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_photos_go_the_same_way(write: Write, tmp_path: Path) -> None:
    """A JPEG comes out as it went in; a burst of them is one photo, and one frame among raw files is left out."""
    files = [write(f"{i}.dng", i) for i in range(3)]
    photos = tmp_path / "photos"
    photos.mkdir()
    for file in files:
        assert develop(file, "-o", photos / f"{file.stem}.jpg", "--gamut", "srgb", "--quality", 100).code == 0
    one = develop(photos / "0.jpg", "-o", tmp_path / "one.png", "--gamut", "srgb")
    assert (one.code, one.lines) == (0, [])
    before, after = (np.asarray(Image.open(p).convert("RGB"), int) for p in (photos / "0.jpg", tmp_path / "one.png"))
    assert np.abs(before - after).max() <= 2
    burst = develop(photos, "-o", tmp_path / "burst.jpg", "-v")
    assert any("merged 3 frames" in line for line in burst.lines)
    brighter = develop(photos / "0.jpg", "-o", tmp_path / "up.png", "--ev", 1)
    assert brighter.code == 0
    assert np.asarray(Image.open(tmp_path / "up.png").convert("RGB"), int).mean() > before.mean() + 10
    for out in ("out.dng", "out.exr"):
        assert develop(photos, "-o", tmp_path / out).code == 0
    mixed = develop(*files, photos / "0.jpg", "-o", tmp_path / "mixed.jpg")
    assert [line.partition("left out: ")[2][:10] for line in mixed.lines] == ["CFA linear"]

"""`fotohaus frame`, `fotohaus sheet` and `develop --frame` from outside."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_develop_frame_and_sheet(run: Run, frame: Path, tmp_path: Path) -> None:
    done = run("develop", frame, "-o", "a.jpg", "--frame", "strip", "--caption", "Hallo", "--sdr")
    assert (done.returncode, done.stderr) == (0, "")
    done = run("frame", "a.jpg", "--frame", "passepartout", "--caption", "noch einmal")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a-framed.jpg\n", "")
    with Image.open(tmp_path / "a.jpg") as inner, Image.open(tmp_path / "a-framed.jpg") as outer:
        assert outer.width > inner.width
        assert outer.height > inner.height
    done = run("sheet", ".", "-o", "sheet.jpg")
    assert (done.returncode, done.stdout) == (0, "sheet.jpg\n"), done.stderr


def test_wrong_usage(run: Run, frame: Path) -> None:
    assert run("frame").returncode == 2
    assert run("frame", "--list").stdout.startswith("strip ")
    done = run("develop", frame, "-o", "a.jpg", "--frame", "gold")
    assert done.returncode == 1
    assert done.stderr.startswith("fotohaus: there is no frame 'gold': strip, ")
    assert run("frame", "a.jpg", "--frame", "Gold!").returncode == 2
    done = run("frame", frame)
    assert done.returncode == 1
    assert "develop --frame" in done.stderr


def test_numbers_that_can_not_be_are_named(run: Run) -> None:
    done = run("sheet", ".", "-o", "s.jpg", "--columns", "99")
    assert done.returncode == 2
    assert "'99' is no whole number from 1 to 12" in done.stderr
    done = run("sheet", ".", "-o", "s.jpg", "--threads", "many")
    assert done.returncode == 2
    assert "'many' is no whole number from 0 to 1024" in done.stderr


def test_what_can_not_be_framed_is_named(run: Run, frame: Path, tmp_path: Path) -> None:
    assert run("develop", frame, "-o", "a.avif", "--long-edge", "64").returncode == 0
    (tmp_path / "text.jpg").write_text("no photo at all")
    for name, why in (("a.avif", "is an AVIF image"), ("text.jpg", "is of no known kind")):
        done = run("frame", name)
        assert (done.returncode, done.stderr) == (1, f"fotohaus: {name}: {why}: JPEG, PNG and TIFF can be framed\n")


def test_broken_photos_do_not_keep_others_from_a_frame(run: Run, frame: Path, tmp_path: Path) -> None:
    assert run("develop", frame, "-o", "b.jpg", "--long-edge", "64").returncode == 0
    (tmp_path / "a.jpg").write_text("no photo")
    done = run("frame", "a.jpg", "b.jpg")
    assert (done.returncode, done.stdout) == (1, "b-framed.jpg\n")
    assert done.stderr.startswith("fotohaus: a.jpg: ")


def test_a_sheet_of_nothing_is_none(run: Run, frame: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.dng"):
        (tmp_path / name).write_text("no photo")
    done = run("sheet", ".", "-o", "s.png")
    assert done.returncode == 1
    assert done.stderr.endswith("fotohaus: nothing to show: not one of the files can be read\n")
    assert not (tmp_path / "s.png").exists()
    (tmp_path / "c.dng").symlink_to(frame)
    assert run("sheet", ".", "-o", "s.png").returncode == 0

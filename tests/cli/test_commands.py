"""The command line from outside: what people type, what they get, and what they are told."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fotohaus as fh

SAMPLE = Path(__file__).resolve().parents[2] / "src" / "fotohaus" / "sample"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.mark.parametrize("name", ["p.jpg", "p.tif", "p.png", "p.exr", "p.dng"])
def test_one_frame_becomes_a_file_quietly(run: Run, frame: Path, tmp_path: Path, name: str) -> None:
    done = run("develop", frame, "-o", name)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(tmp_path) == [name]


def test_a_folder_of_frames_is_one_photo(run: Run, tmp_path: Path) -> None:
    done = run("develop", SAMPLE, "-o", "photo.jpg", "-v")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "merge" in done.stderr
    with Image.open(tmp_path / "photo.jpg") as photo:
        assert min(photo.size) > 100


@pytest.mark.parametrize("name", ["first.jpg", "first.png", "first.tif"])
def test_the_recipe_inside_a_photo_makes_it_again(run: Run, frame: Path, tmp_path: Path, name: str) -> None:
    assert run("develop", frame, "-o", name, "--ev", "0.7", "--sharpen", "0", "--gamut", "srgb").returncode == 0
    assert run("develop", frame, "-o", "again.png", "--recipe", name).returncode == 0
    assert run("develop", frame, "-o", "direct.png", "--ev", "0.7", "--sharpen", "0", "--gamut", "srgb").returncode == 0
    assert run("develop", frame, "-o", "other.png").returncode == 0
    again, direct, other = ((tmp_path / n).read_bytes() for n in ("again.png", "direct.png", "other.png"))
    assert again == direct
    assert again != other


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png"])
def test_python_makes_the_same_file(run: Run, frame: Path, tmp_path: Path, name: str) -> None:
    """The command makes strips that are never put together; the nouns of Python are whole."""
    assert run("develop", frame, "-o", tmp_path / name).returncode == 0
    (raw,) = fh.read([frame])
    fh.write(fh.render(fh.develop(fh.merge([raw]))), tmp_path / f"python-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"python-{name}").read_bytes()


def test_white_balance_is_chosen_and_kept(run: Run, frame: Path, tmp_path: Path) -> None:
    for name, *options in (
        ["as-shot.png"],
        ["warm.png", "--wb", "Shade"],
        ["cold.png", "--wb", "2850K,0"],
        ["again.png", "--recipe", "warm.png"],
    ):
        done = run("develop", frame, "-o", name, *options)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "warm.png").read_bytes()
    means = [
        np.asarray(Image.open(tmp_path / n)).mean((0, 1), dtype=float) for n in ("cold.png", "as-shot.png", "warm.png")
    ]
    ratios = [mean[0] / mean[2] for mean in means]
    assert ratios == sorted(ratios)
    done = run("develop", frame, "-o", "out.png", "--wb", "pick:99999,3")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "pixels" in done.stderr


def test_a_recipe_from_toml_and_options_on_top(run: Run, frame: Path, tmp_path: Path) -> None:
    (tmp_path / "dark.toml").write_text("ev = -1.0\n")
    for name, *options in (["dark.png"], ["lighter.png", "--ev", "0"]):
        assert run("develop", frame, "-o", name, "--recipe", "dark.toml", *options).returncode == 0
    dark, lighter = (np.asarray(Image.open(tmp_path / n)).mean() for n in ("dark.png", "lighter.png"))
    assert dark < 0.8 * lighter


def test_threads_do_not_change_a_byte(run: Run, tmp_path: Path) -> None:
    for threads in (1, 2):
        assert run("develop", SAMPLE, "-o", f"{threads}.jpg", "--threads", threads).returncode == 0
    assert (tmp_path / "1.jpg").read_bytes() == (tmp_path / "2.jpg").read_bytes()


def test_every_stage_has_an_off_switch(run: Run, frame: Path) -> None:
    done = run("develop", frame, "-o", "plain.png", "--off", "all")
    assert done.returncode == 0, done.stderr


def bad_inputs(folder: Path, frame: Path) -> dict[str, Path]:
    whole = frame.read_bytes()
    contents = {
        "empty.dng": b"",
        "text.dng": b"this is a letter, not a photograph\n" * 40,
        "head.dng": whole[:8],
        "half.dng": whole[: len(whole) // 2],
        "endless.dng": b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0",
        "picture.jpg": b"\xff\xd8\xff\xe0" + bytes(100),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "folder").mkdir()
    return {name: folder / name for name in [*contents, "folder", "missing.dng"]}


@pytest.mark.parametrize(
    "name", ["empty.dng", "text.dng", "head.dng", "half.dng", "endless.dng", "picture.jpg", "folder", "missing.dng"]
)
def test_bad_input_is_one_line_and_exit_1(run: Run, frame: Path, tmp_path: Path, name: str) -> None:
    path = bad_inputs(tmp_path, frame)[name]
    before = set(os.listdir(tmp_path))
    done = run("develop", path, "-o", "out.jpg")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("fotohaus: ")
    assert name in done.stderr
    assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("out", ["nowhere/out.jpg", "out.gif", "out", "taken.jpg"])
def test_an_output_that_can_not_be_is_said_before_the_work(run: Run, frame: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "taken.jpg").mkdir()
    done = run("develop", frame, "-o", out)
    assert done.returncode == 1
    assert out in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_input_is_never_overwritten(run: Run, frame: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.dng"
    mine.write_bytes(frame.read_bytes())
    done = run("develop", mine, "-o", mine)
    assert done.returncode == 1
    assert "never overwritten" in done.stderr
    assert mine.read_bytes() == frame.read_bytes()


def test_a_full_disk_leaves_nothing(run: Run, frame: Path, tmp_path: Path) -> None:
    # A limit on the size of files fails the write in the middle, as a full disk does.
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        f"sys.argv = ['fotohaus', 'develop', {str(frame)!r}, '-o', 'out.jpg'];"
        "from fotohaus.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "out.jpg" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["develop"],
        ["develop", "x.dng"],
        ["develop", "x.dng", "-o", "a.jpg", "--ev", "much"],
        ["develop", "x.dng", "-o", "a.jpg", "--ev", "99"],
        ["develop", "x.dng", "-o", "a.jpg", "--off", "gravity"],
        ["develop", "x.dng", "-o", "a.jpg", "--threads", "-1"],
        ["develop", "x.dng", "-o", "a.jpg", "--wb", "nonsense"],
        ["develop", "x.dng", "-o", "a.jpg", "--wb", "100"],
        ["frobnicate"],
    ],
)
def test_wrong_usage_is_exit_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_info_says_what_the_file_says(run: Run, frame: Path) -> None:
    done = run("info", frame, "--json")
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert "private" not in facts
    text = run("info", frame)
    assert text.returncode == 0
    assert len(text.stdout.splitlines()) > 10


def test_info_goes_on_after_a_bad_file(run: Run, frame: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.dng").write_bytes(b"no")
    done = run("info", "bad.dng", frame)
    assert done.returncode == 1
    assert "bad.dng" in done.stderr
    assert frame.name in done.stdout


def test_demo_makes_two_photos_and_says_where(run: Run, tmp_path: Path) -> None:
    done = run("demo", "-o", "photos")
    assert done.returncode == 0, done.stderr
    for name in ("photo.jpg", "one-frame.jpg"):
        assert str(tmp_path / "photos" / name) in done.stdout
        with Image.open(tmp_path / "photos" / name) as photo:
            photo.load()


def test_help_and_import_stay_light() -> None:
    script = (
        "import sys, fotohaus, fotohaus.cli.app;print([m for m in ('numpy', 'PIL', 'imagecodecs') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_denoising_is_chosen_and_kept(run: Run, frame: Path, tmp_path: Path) -> None:
    for name, options in {"a.jpg": [], "b.jpg": ["--denoise", "0"], "c.jpg": ["--off", "denoise"]}.items():
        assert run("develop", frame, "-o", name, *options).returncode == 0
    noisy, clean = (np.asarray(Image.open(tmp_path / name), float) for name in ("b.jpg", "a.jpg"))
    rough, smooth = (np.abs(np.diff(picture, 2, axis=1)).mean() for picture in (noisy, clean))
    assert smooth < 0.7 * rough
    assert np.array_equal(noisy, np.asarray(Image.open(tmp_path / "c.jpg"), float))
    assert fh.read_recipe(tmp_path / "b.jpg").denoise == 0


def test_another_camera_profile(run: Run, frame: Path, tmp_path: Path) -> None:
    (tmp_path / "text.dcp").write_text("no profile")
    refused = run("develop", frame, "-o", "a.jpg", "--profile", "text.dcp")
    assert refused.returncode == 1
    assert "text.dcp" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "a.jpg").exists()


@pytest.mark.parametrize("options", [["--look", "camera"], ["--lens", "auto"]])
def test_what_the_file_does_not_have_is_said(run: Run, frame: Path, tmp_path: Path, options: list[str]) -> None:
    plain = run("develop", frame, "-o", "plain.png", "--look", "neutral")
    asked = run("develop", frame, "-o", "asked.png", "--look", "neutral", *options)
    assert (plain.returncode, asked.returncode) == (0, 0)
    assert asked.stderr.startswith("warning: ")
    with Image.open(tmp_path / "plain.png") as a, Image.open(tmp_path / "asked.png") as b:
        assert np.array_equal(np.asarray(a), np.asarray(b))


def test_the_best_quality_is_a_reconstruction(run: Run, tmp_path: Path) -> None:
    done = run("develop", SAMPLE, "-o", "best.jpg", "--quality", "max", "-v")
    assert done.returncode == 0, done.stderr
    assert "reconstruct" in done.stderr
    recipe = fh.read_recipe(tmp_path / "best.jpg")
    assert (recipe.merge, recipe.quality) == ("max", 98)

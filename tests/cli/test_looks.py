"""`fotohaus looks` from outside."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(run: Run, tmp_path: Path) -> Run:
    """The command with a person's folders that are the test's."""
    own = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "HOME": str(tmp_path), "APPDATA": str(tmp_path / "config")}
    return partial(run, **own)


def test_the_looks_are_listed(run: Run) -> None:
    done = run("looks", "list")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()][:3] == ["neutral", "authentic", "vibrant"]
    assert done.stderr == ""


def test_a_contact_sheet(run: Run, frame: Path, tmp_path: Path) -> None:
    done = run("looks", "list", frame, "-o", "sheet.jpg")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert min(sheet.size) > 300


def test_a_look_is_shown(run: Run, tmp_path: Path) -> None:
    done = run("looks", "show", "authentic")
    assert "[tone]" in done.stdout
    done = run("looks", "show", "authentic", "-o", "plot.png")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with Image.open(tmp_path / "plot.png") as plot:
        assert np.asarray(plot).std() > 5


def test_a_look_is_kept_and_used(run: Run, frame: Path, tmp_path: Path) -> None:
    options = ("--look", "authentic", "--vignette", "0.9", "--warmth", "0.4")
    done = run("looks", "save", "mine", *options)
    assert done.returncode == 0, done.stderr
    assert "mine" in run("looks", "list").stdout
    assert run("develop", frame, "-o", "kept.png", "--look", "mine").returncode == 0
    assert run("develop", frame, "-o", "said.png", *options).returncode == 0
    with Image.open(tmp_path / "kept.png") as kept, Image.open(tmp_path / "said.png") as said:
        assert np.array_equal(np.asarray(kept), np.asarray(said))
    again = run("looks", "save", "mine")
    assert again.returncode == 1
    assert "--force" in again.stderr
    assert run("looks", "save", "mine", "--force").returncode == 0


def test_a_look_as_a_table_and_back(run: Run, frame: Path, tmp_path: Path) -> None:
    plain = ("--local-tone", "0", "--sharpen", "0", "--vignette", "0", "--grain", "0", "--texture", "0")
    assert run("develop", frame, "-o", "look.png", "--look", "authentic", *plain).returncode == 0
    assert run("develop", frame, "-o", "neutral.png", "--look", "neutral", *plain).returncode == 0

    def apart(name: str) -> float:
        with Image.open(tmp_path / "look.png") as look, Image.open(tmp_path / name) as other:
            return float(np.abs(np.asarray(look, np.float32) - np.asarray(other)).mean())

    for table in ("a.cube", "a.png"):
        done = run("looks", "export", "authentic", "-o", table, *(["--level", "5"] if table == "a.png" else []))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        done = run("develop", frame, "-o", "table.png", "--look", table, *plain)
        assert done.returncode == 0, done.stderr
        assert apart("table.png") < 0.3 * apart("neutral.png")


def test_a_table_has_the_looks_name_unless_another_is_given(run: Run, tmp_path: Path) -> None:
    assert run("looks", "export", "mono", "--cube", "5").returncode == 0
    assert "LUT_3D_SIZE 5\n" in (tmp_path / "mono.cube").read_text()


def test_a_look_is_learned(run: Run, frame: Path, tmp_path: Path) -> None:
    assert run("develop", frame, "-o", "shown.jpg", "--look", "vivid").returncode == 0
    done = run("looks", "fit", frame, "shown.jpg", "-o", "mine.toml", "--title", "Mine")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "mean CIEDE2000" in done.stdout
    assert "shown.jpg: exposure" in done.stdout
    again = run("looks", "fit", "shown.jpg", frame, "-o", "again.toml", "--title", "Mine")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "mine.toml").read_bytes() == (tmp_path / "again.toml").read_bytes()
    assert 'title = "Mine"' in run("looks", "show", "./mine.toml").stdout
    for name, look in (("neutral.png", "neutral"), ("mine.png", "mine.toml")):
        assert run("develop", frame, "-o", name, "--look", look).returncode == 0

    def pixels(name: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        with Image.open(tmp_path / name) as image:
            return np.asarray(image.convert("RGB").reduce(8), np.float64)

    shown = pixels("shown.jpg")
    # What the look has of texture, vignette and sharpening is not learned: the rest of the way is not to be had.
    assert np.abs(pixels("mine.png") - shown).mean() < 0.66 * np.abs(pixels("neutral.png") - shown).mean()


def test_pairs_that_are_none(run: Run, frame: Path, tmp_path: Path) -> None:
    Image.effect_noise((300, 200), 90).convert("RGB").save(tmp_path / "other.jpg")
    Image.new("RGB", (5, 4)).save(tmp_path / "tiny.png")
    (tmp_path / "broken.jpg").write_bytes((tmp_path / "other.jpg").read_bytes()[:900])
    for files, says in (
        ((frame, "other.jpg"), "other.jpg: shows something else"),
        ((frame, "tiny.png"), "tiny.png: is too small"),
        ((frame, frame), "is a raw file, as"),
        (("other.jpg", "other.jpg"), "is no raw file, nor is"),
        ((frame, "broken.jpg"), "broken.jpg: "),
        ((frame, "missing.jpg"), "missing.jpg: "),
    ):
        done = run("looks", "fit", *files, "-o", "mine.toml")
        assert done.returncode == 1
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "mine.toml").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("looks",), 2, "list"),
        (("looks", "nonsense"), 2, "no command 'nonsense'"),
        (("looks", "show", "nothing"), 1, "there is no look 'nothing'"),
        (("looks", "show", "mono", "-o", "x.gif"), 1, ".jpg and .png"),
        (("looks", "show", "mono", "-o", "none/x.png"), 1, "does not exist"),
        (("looks", "list", "-o", "x.png"), 2, "both"),
        (("looks", "list", "missing.dng", "-o", "x.png"), 1, "no such file"),
        (("looks", "fit", "x.dng", "-o", "mine.toml"), 2, "pairs are needed"),
        (("looks", "fit", "x.dng", "x.jpg", "-o", "mine.cube"), 1, "a look is a .toml file"),
        (("looks", "fit", "x.dng", "x.jpg", "-o", "none/mine.toml"), 1, "does not exist"),
        (("looks", "save", "Mine"), 2, "a-z"),
        (("looks", "export", "mono", "-o", "x.3dl"), 1, ".cube and .png"),
        (("looks", "export", "mono", "-o", "x.cube", "--size", "200"), 2, "2 to 129"),
        (("looks", "export", "mono", "--cube", "1"), 2, "2 to 129"),
        (("looks", "export", "camera"), 1, "there are no numbers of it"),
        (("looks", "show", "camera"), 1, "there are no numbers of it"),
        (("looks", "export", "none/x.toml"), 1, "no such file"),
        (("looks", "list", ".", "-o", "x.png"), 1, "is a folder"),
        (("looks", "save", "mine", "--look", "broken.toml"), 1, "must be a number"),
        (("looks", "save", "mine", "--look", "broken.cube"), 1, "a table, not a look"),
        (("looks", "save", "mine", "--title", "a\nb"), 1, "one line"),
        (("looks", "export", "mono", "-o", "x.png", "--level", "20"), 2, "2 to 12"),
        (("looks", "export", "mono", "-o", "x.png", "--input", "p3"), 2, "takes srgb"),
        (("looks", "export", "mono", "-o", "x.cube", "--input", "vlog"), 2, "slog3"),
        (("looks", "export", "x.cube", "-o", "y.cube"), 1, "a table, not a look"),
        (("develop", "x.dng", "-o", "y.jpg", "--look", "broken.cube"), 1, "broken.cube: no LUT: it says 8 lines"),
        (("looks", "save", "mono"), 2, "fotohaus's own"),
        (("looks", "save", "mine", "--vignette", "3"), 2, "--vignette"),
        (("develop", "x.dng", "-o", "y.jpg", "--look", "nothing"), 1, "there is no look 'nothing'"),
        (("develop", "x.dng", "-o", "y.jpg", "--look", "broken.toml"), 1, "broken.toml: tone.slope must be a number"),
    ],
)
def test_what_goes_wrong_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    (tmp_path / "broken.toml").write_text("version = 1\n[tone]\nslope = nan\n")
    (tmp_path / "broken.cube").write_text("LUT_3D_SIZE 2\n0 0 0\n")
    done = run(*arguments)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert len(done.stderr.splitlines()) == 1


def test_a_broken_own_look_hides_no_other(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "config" / "fotohaus" / "looks"
    folder.mkdir(parents=True)
    (folder / "broken.toml").write_text("version = 7")
    done = run("looks", "list")
    if sys.platform.startswith("linux"):
        assert done.returncode == 1
        assert "broken.toml" in done.stderr
    assert "mono" in done.stdout

"""What people mistype, odd names, and odd surroundings: a line that says what to do, never a traceback."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fotohaus.cli import app
from fotohaus.cli.app import COMMANDS
from fotohaus.errors import FotohausError

from .conftest import Run


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("develp a.dng", "no command 'develp': did you mean develop?"),
        ("looks lst", "no command 'lst': did you mean list?"),
        ("--verison", "there is no option --verison: did you mean --version?"),
        ("develop a.dng --output b.jpg", "there is no option --output: did you mean --out?"),
        ("develop a.dng -o b.jpg --exposure=1", "there is no option --exposure: did you mean --ev?"),
        ("develop a.dng -o b.jpg --xyzzy", "there is no option --xyzzy\n"),
        ("develop a.dng -o b.jpg -o c.dng", "-o/--out: given twice"),
        ("develop a.dng -o b.jpg --gamut adobe", "--gamut: 'adobe' is none of srgb or p3"),
        ("develop a.dng -o b.jpg --merge best", "--merge: 'best' is none of robust, max, mean or off"),
        ("develop a.dng -o b.jpg --off grian", "--off: 'grian' is none of opcodes, "),
        ("develop a.dng -o b.jpg --ev 99", "--ev: 99 is not from -10 to 10"),
        ("develop a.dng -o b.jpg --ev bright", "--ev: 'bright' is no number"),
        ("develop a.dng -o b.jpg --long-edge 99.5", "--long-edge: '99.5' is no whole number"),
    ],
)
def test_what_was_meant(run: Run, arguments: str, says: str) -> None:
    done = run(*arguments.split())
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize("arguments", ["develop --help", "develop a.dng -o b.jpg --defringe off"])
def test_help_and_misspelt_words_need_neither_numpy_nor_pydantic(arguments: str) -> None:
    code = f"""
import sys
from fotohaus.cli import app
try:
    app.run({arguments.split()!r})
except SystemExit:
    print(*sorted({{"numpy", "pydantic"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"], capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1:] == [""], done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["develop", "", "-o", "b.jpg"],
        ["develop", "a.dng", "-o", ""],
        ["develop", "a.dng", "-o", "b.jpg", "--recipe", ""],
        ["develop", "a.dng", "-o", "b.jpg", "--metadata-from="],
        ["info", "a.dng", ""],
        ["group", ""],
        ["frame", ""],
        ["sheet", "", "-o", "sheet.jpg"],
        ["looks", "list", "", "-o", "sheet.jpg"],
    ],
)
def test_a_variable_that_a_script_never_set_is_not_the_folder_it_runs_in(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("an empty name names no file")


def test_examples_of_the_help_are_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As far as can be told without the files that they name."""
    monkeypatch.chdir(tmp_path)
    examples = [f"{name} {example}" for name, command in COMMANDS.items() for example in command.examples]
    assert len(examples) > 9
    for example in examples:
        with contextlib.suppress(FotohausError):
            assert app.run(shlex.split(example)) == 1, example  # wrong usage would leave by SystemExit
    with pytest.raises(SystemExit):
        app.run(["develop", "--help"])
    assert "examples:\n  fotohaus develop burst/ -o photo.jpg\n" in capsys.readouterr().out


def test_help_is_a_command_too(run: Run) -> None:
    assert run("help").stdout == run("--help").stdout
    assert run("help", "sheet").stdout == run("sheet", "--help").stdout
    assert run("help", "looks", "show").stdout == run("looks", "show", "--help").stdout


@pytest.mark.parametrize(
    ("out", "says"), [(".", "is a folder: name the photo in it"), ("photo", "has no extension"), ("-", "no extension")]
)
def test_an_output_without_a_kind(run: Run, frame: Path, out: str, says: str) -> None:
    done = run("develop", frame, "-o", out)
    assert done.returncode == 1
    assert says in done.stderr


def test_names_that_begin_like_options(run: Run, frame: Path, tmp_path: Path) -> None:
    (tmp_path / "--a.dng").symlink_to(frame)
    assert run("info", "--", "--a.dng").stdout.startswith("file: --a.dng\n")


def test_a_name_commands_no_terminal(run: Run, frame: Path, tmp_path: Path) -> None:
    name = "a\nb \x1b[31m\udcff 日.dng"
    done = run("info", name)
    assert done.stderr == "fotohaus: a\\nb \\x1b[31m\\udcff 日.dng: no such file\n"
    (tmp_path / name).symlink_to(frame)
    for encoding in ("utf-8", "ascii"):
        done = run("info", name, PYTHONIOENCODING=encoding)
        assert done.stdout.splitlines()[0].startswith("file: a\\nb \\x1b[31m\\udcff "), done.stderr
        done = run("group", "--json", name, PYTHONIOENCODING=encoding)
        assert json.loads(done.stdout)["groups"][0]["frames"][0]["file"] == name
        assert run("cameras", "show", "12s ultra", PYTHONIOENCODING=encoding).returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no /dev/full")
def test_nowhere_to_say_it(frame: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "fotohaus"]
    for words in (["info", frame], ["--help"], ["develop", "--help"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([*program, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "fotohaus: standard output: no space left on device\n")
    command = f"{' '.join(program)} develop {frame} -o {tmp_path}/a.jpg --long-edge 64 <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", command], check=False).returncode == 0
    assert (tmp_path / "a.jpg").read_bytes()[:2] == b"\xff\xd8"
    done = subprocess.run(["sh", "-c", f"{' '.join(program)} --help >&-"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform == "win32", reason="no folder in use can be removed")
def test_the_current_folder_is_gone(frame: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"rmdir {gone}; {sys.executable} -m fotohaus develop {frame} -o "
    done = subprocess.run(["sh", "-c", command + "a.jpg"], cwd=gone, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "fotohaus: a.jpg: the current folder does not exist any more\n")

"""`fotohaus demo`: what a burst is worth, seen in a minute."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from fotohaus.cli.terminal import stage_lines
from fotohaus.errors import WriteError
from fotohaus.modes.photo import make_photo
from fotohaus.raw import expand_sources
from fotohaus.recipe import Recipe
from fotohaus.report import Report


def run(folder: Path) -> None:
    """Develop the bundled burst, and its first frame alone, into `folder`; print what was done and where it is.

    Raises WriteError if the folder can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(folder, error.strerror or str(error)) from error
    with as_file(files("fotohaus") / "sample") as sample:
        frames = expand_sources([sample])
        print(f"The sample: {len(frames)} raw frames, hand-held in dim light.\n")
        # The same frame leads both, so that they show the same picture.
        _make(frames, folder / "photo.jpg", f"{len(frames)} frames merged")
        _make(frames[:1], folder / "one-frame.jpg", "one frame, to compare")


def _make(frames: list[Path], out: Path, title: str) -> None:
    report = Report()
    make_photo(frames, out, Recipe(reference=1), report)
    print(f"{title}:")
    for record in report.stages:
        print(*(f"  {line}" for line in stage_lines(record)), sep="\n")
    for warning in report.warnings:
        print(f"  warning: {warning}")
    print(f"  -> {out.resolve()}\n")

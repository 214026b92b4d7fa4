"""The photo mode: frames of one scene, merged, developed, rendered and written as one recipe says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fotohaus.burst import merge
from fotohaus.develop import develop
from fotohaus.errors import WriteError
from fotohaus.output import write
from fotohaus.raw import expand_sources, stream
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.render import render
from fotohaus.report import Report

PathLike = str | os.PathLike[str]

NOUNS = {
    ".dng": "raw",
    ".exr": "scene",
    **dict.fromkeys((".jpg", ".jpeg", ".tif", ".tiff", ".png"), "picture"),
}
"""What each kind of file holds."""


def merge_frames(sources: Sequence[PathLike], recipe: Recipe, report: Report) -> RawImage:
    """Read the frames of one photo and merge them.

    sources : raw files, or one folder of them.

    Raises ReadError for a file that can't be read, MergeError for frames that don't belong together.
    """
    files = expand_sources(sources)
    with report.stage("merge"):
        return merge(
            stream(files, report),
            method=recipe.merge,
            reference=recipe.reference,
            total=len(files),
            report=report,
        )


def make_photo(sources: Sequence[PathLike], out: PathLike, recipe: Recipe, report: Report | None = None) -> Path:
    """Develop the frames of one photo into `out`, whose extension says what comes out; returns its path.

    Raises ReadError, MergeError or WriteError; nothing is left under the output's name then.
    """
    report = report or Report()
    path = check_output(out, expand_sources(sources))
    raw = merge_frames(sources, recipe, report)
    kind = NOUNS[path.suffix.lower()]
    if kind == "raw":
        return write(raw, path, recipe=recipe, report=report)
    with report.stage("develop"):
        scene = develop(raw, off=recipe.off, report=report)
    del raw
    if kind == "scene":
        return write(scene, path, recipe=recipe, report=report)
    with report.stage("render"):
        picture = render(scene, recipe, report=report)
    del scene
    return write(picture, path, recipe=recipe, report=report)


def check_output(out: PathLike, sources: Sequence[PathLike]) -> Path:
    """The output's path, after the mistakes that can be seen before hours of work.

    Raises WriteError for an unknown extension, a missing folder, or an output that is one of the inputs.
    """
    path = Path(out)
    if path.suffix.lower() not in NOUNS:
        raise WriteError(path, f"unknown kind of output {path.suffix!r}; use one of {', '.join(NOUNS)}")
    if not path.parent.is_dir():
        raise WriteError(path, "its folder does not exist")
    if path.is_dir():
        raise WriteError(path, "is a folder")
    if path.exists() and any(path.samefile(source) for source in sources if Path(source).exists()):
        raise WriteError(path, "is one of the inputs, which are never overwritten")
    return path

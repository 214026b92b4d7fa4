"""The photo mode: frames of one scene, merged, developed, rendered and written as one recipe says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fotohaus.develop.pipeline import prepare
from fotohaus.develop.scene import Scene
from fotohaus.errors import WriteError
from fotohaus.output import HOLDS, check_target, write
from fotohaus.raw import apply_profile, expand_sources, read_dcp, stream
from fotohaus.raw.image import RawImage
from fotohaus.recipe import Recipe
from fotohaus.render.pipeline import Rendering
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.burst.diagnosis import Diagnosis

PathLike = str | os.PathLike[str]


def merge_files(
    files: Sequence[PathLike], recipe: Recipe, report: Report, diagnosis: Diagnosis | None = None
) -> RawImage:
    """Read the raw files of one photo and merge them; a diagnosis is told what happens to each.

    Raises ReadError for a file that can't be read, MergeError for frames that don't belong together.
    """
    frames = stream(files, report, off=recipe.off, quad=recipe.quad)
    if len(files) == 1:
        with report.stage("read"):
            raw = next(frames)
        if diagnosis is not None:
            diagnosis.alone(raw)
        return raw
    # Not at the top: most photos are one frame, and this room is the largest.
    from fotohaus.burst import merge

    return merge(
        frames,
        method=recipe.merge,
        reference=recipe.reference,
        total=len(files),
        report=report,
        diagnosis=diagnosis,
    )


def make_photo(
    sources: Sequence[PathLike],
    out: PathLike,
    recipe: Recipe,
    report: Report | None = None,
    *,
    profile: PathLike | None = None,
    debug: PathLike | None = None,
) -> Path:
    """Develop the frames of one photo into `out`, whose extension says what comes out; returns its path.

    sources : raw files, or one folder of them. profile : a camera profile (DCP file) in place of the raw files' own.
    debug : a folder for pictures of what the merge did, made if it is missing.

    Raises ReadError, MergeError or WriteError; nothing is left under the output's name then.
    """
    report = report or Report()
    files = expand_sources(sources)
    path = check_output(out, files)
    camera = None if profile is None else read_dcp(profile)
    raw = merge_files(files, recipe, report) if debug is None else _diagnosed(files, recipe, report, debug)
    if camera is not None:
        raw = apply_profile(raw, camera)
    kind = HOLDS[path.suffix.lower()]
    if kind is RawImage:
        return write(raw, path, recipe=recipe, report=report)
    development = prepare(raw, off=recipe.off, wb=recipe.wb, denoise=recipe.denoise, lens=recipe.lens, report=report)
    if kind is Scene:
        with report.stage("scene"):
            scene = development.scene()
        return write(scene, path, recipe=recipe, report=report)
    return write(Rendering(development, recipe, report), path, recipe=recipe, report=report)


def _diagnosed(files: Sequence[PathLike], recipe: Recipe, report: Report, folder: PathLike) -> RawImage:
    """Merge, and write down what happened, also when nothing comes of it."""
    from fotohaus.burst.diagnosis import Diagnosis
    from fotohaus.output.diagnosis import prepare_folder, write_diagnosis

    prepare_folder(folder)
    diagnosis = Diagnosis()
    try:
        return merge_files(files, recipe, report, diagnosis)
    finally:
        if diagnosis.frames:
            write_diagnosis(diagnosis, folder, report)


def check_output(out: PathLike, sources: Sequence[PathLike]) -> Path:
    """The output's path, after the mistakes that can be seen before minutes of work.

    Raises WriteError for an unknown extension, a place that can't be written to, or an output that is an input.
    """
    path = Path(out)
    if path.suffix.lower() not in HOLDS:
        raise WriteError(path, f"unknown kind of file {path.suffix!r}: {', '.join(HOLDS)} can be written")
    check_target(path)
    if path.exists() and any(path.samefile(source) for source in sources if Path(source).exists()):
        raise WriteError(path, "is one of the inputs, which are never overwritten")
    return path

"""The photo mode: frames of one scene, merged, developed, rendered and written as one recipe says."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fotohaus.develop.scene import Scene
from fotohaus.errors import ReadError, WriteError
from fotohaus.extensions import JPEG
from fotohaus.metadata import Metadata
from fotohaus.modes.capture_facts import completed, with_metadata
from fotohaus.output import HOLDS, check_target, write
from fotohaus.raw import apply_profile, expand_sources, read_dcp, stream
from fotohaus.raw.image import RawImage
from fotohaus.recipe import DEFAULT_LOOK, Recipe
from fotohaus.report import Report

if TYPE_CHECKING:
    from fotohaus.burst.diagnosis import Diagnosis

PathLike = str | os.PathLike[str]


def merge_files(
    files: Sequence[Path],
    recipe: Recipe,
    report: Report,
    *,
    gap: float | None = None,
    strict: bool = False,
    diagnosis: Diagnosis | None = None,
) -> RawImage:
    """Read the raw files of one photo and merge them; a diagnosis is told what happens to each.

    Which of them make the photo is as in `choose_frames`; a frame that turns out to be damaged is left out as well.
    Raises ReadError and MergeError as that does, and if no frame can be read.
    """
    if len(files) == 1:
        if recipe.reference is not None:
            from fotohaus.modes.frames import find_reference

            find_reference(files, recipe.reference)
        with report.stage("read"):
            raw = next(stream(files, report, off=recipe.off, quad=recipe.quad))
        if raw.noise is None:
            from fotohaus.cameras.noise import with_noise

            raw = with_noise(raw, report)
        if diagnosis is not None:
            diagnosis.alone(raw)
        return raw
    # Not at the top: most photos are one frame, and these are large.
    from fotohaus.burst import merge
    from fotohaus.modes.frames import choose_frames

    chosen = choose_frames(files, reference=recipe.reference, gap=gap, strict=strict, report=report)

    def damaged(error: ReadError) -> None:
        if strict or (recipe.reference is not None and error.path == os.fspath(chosen[0])):
            raise error
        report.warn(f"{error.path} left out: {error.reason}")

    frames = stream(chosen, report, off=recipe.off, quad=recipe.quad, damaged=damaged)
    return merge(
        frames,
        method=recipe.merge,
        reference=None if recipe.reference is None else 1,
        strict=strict,
        total=len(chosen),
        denoise=recipe.merge_denoise,
        even="denoise" not in recipe.off,
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
    gap: float | None = None,
    strict: bool = False,
    debug: PathLike | None = None,
    metadata: Metadata | None = None,
    metadata_from: PathLike | None = None,
) -> Path:
    """Develop the frames of one photo into `out`, whose extension says what comes out; returns its path.

    sources : raw files, or one folder of them. profile : a camera profile (DCP file) in place of the raw files' own.
    gap : the pause in seconds between frames of different photos; by default as the rhythm of the frames tells.
    strict : refuse sources of which a frame would be left out. debug : a folder for pictures of what the merge did,
    made if it is missing. metadata : what the file says besides the picture. metadata_from : another file of the same
    photo, which fills what the raw files don't say about the capture (`fotohaus.raw.sibling`).

    Raises ReadError, MergeError or WriteError; nothing is left under the output's name then.
    """
    report = report or Report()
    files = expand_sources(sources)
    path = check_output(out, files)
    camera = None if profile is None else read_dcp(profile)
    sibling = None
    if metadata_from is not None:
        from fotohaus.raw.sibling import read_metadata

        sibling = read_metadata(metadata_from)
    threading.Thread(target=_import_what_develops, args=(recipe.look or DEFAULT_LOOK,), daemon=True).start()
    with _diagnosis(debug, report) as diagnosis:
        raw = merge_files(files, recipe, report, gap=gap, strict=strict, diagnosis=diagnosis)
    raw = with_metadata(raw, sibling, metadata_from, files[0], report)
    if camera is not None:
        raw = apply_profile(raw, camera)
    if raw.rendered:
        from fotohaus.modes.finished import for_rendered

        recipe = for_rendered(recipe, headroom=raw.color.baseline_exposure)
    recipe = recipe.with_look(DEFAULT_LOOK)
    raw = completed(raw, report)
    kind = HOLDS[path.suffix.lower()]
    if kind is RawImage:
        return write(raw, path, recipe=recipe, report=report, metadata=metadata)
    from fotohaus.develop.pipeline import prepare

    development = prepare(
        raw,
        off=recipe.off,
        wb=recipe.wb,
        denoise=recipe.denoise,
        lens=recipe.lens,
        defringe=recipe.defringe,
        report=report,
    )
    if kind is Scene:
        with report.stage("scene"):
            scene = development.scene()
        return write(scene, path, recipe=recipe, report=report, metadata=metadata)
    # Its first rows are made while what codes them is imported.
    threading.Thread(target=_import_what_writes, args=(path.suffix.lower(),), daemon=True).start()
    from fotohaus.render.pipeline import Rendering

    return write(Rendering(development, recipe, report), path, recipe=recipe, report=report, metadata=metadata)


def _import_what_develops(look: str) -> None:
    """For a thread, while a file is read: importing takes longer than reading does."""
    import fotohaus.develop.pipeline
    from fotohaus.develop import demosaic_network

    # Read and turned once, it serves all strips.
    demosaic_network.integers()
    import fotohaus.render.pipeline  # noqa: F401
    from fotohaus.render.looks import is_lut, load_look

    # What is wrong with it shows when a picture is made.
    with suppress(ReadError):
        if look != "camera" and not is_lut(look):
            load_look(look)


def _import_what_writes(kind: str) -> None:
    """For a thread, while the first rows are made: kernels don't wait for imports, as the decisions before them do."""
    import fotohaus.output.pictures

    if kind in JPEG:
        import PIL.JpegImagePlugin  # noqa: F401

        import fotohaus.output.ultra_hdr  # noqa: F401


@contextmanager
def _diagnosis(folder: PathLike | None, report: Report) -> Iterator[Diagnosis | None]:
    """A diagnosis that is written down, also when nothing comes of the merge; None for no folder."""
    if folder is None:
        yield None
        return
    from fotohaus.burst.diagnosis import Diagnosis
    from fotohaus.output.diagnosis import prepare_folder, write_diagnosis

    prepare_folder(folder)
    diagnosis = Diagnosis()
    try:
        yield diagnosis
    finally:
        if diagnosis.frames:
            write_diagnosis(diagnosis, folder, report)


def check_output(out: PathLike, sources: Sequence[PathLike]) -> Path:
    """The output's path, after the mistakes that can be seen before minutes of work.

    Raises WriteError for an unknown extension, a place that can't be written to, or an output that is an input.
    """
    path = Path(out)
    if not path.suffix:
        if path.is_dir():
            raise WriteError(out, f"is a folder: name the photo in it, {path / 'photo.jpg'} say")
        raise WriteError(out, f"has no extension to tell the kind of file by: {', '.join(HOLDS)}")
    if path.suffix.lower() not in HOLDS:
        raise WriteError(path, f"unknown kind of file {path.suffix!r}: {', '.join(HOLDS)} can be written")
    check_target(path)
    if path.exists() and any(path.samefile(source) for source in sources if Path(source).exists()):
        raise WriteError(path, "is one of the inputs, which are never overwritten")
    return path

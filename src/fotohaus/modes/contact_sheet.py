"""Contact sheets: a folder's photos and raw files in small on pages, with their names, dates and exposures."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fotohaus import extensions
from fotohaus.errors import ReadError, WriteError
from fotohaus.framing.contact import DPI, Cell, Page, facts_of, grid
from fotohaus.framing.words import words
from fotohaus.output.atomic import check_target, save
from fotohaus.raw.frame_facts import read_facts
from fotohaus.raw.grouping import group_files
from fotohaus.raw.image import CaptureInfo
from fotohaus.raw.reading import reading
from fotohaus.raw.sources import (
    expand_sources,
    kind_of,
    nothing_in,
    read_raw,
)
from fotohaus.raw.tiff import Source, TiffError
from fotohaus.recipe import Recipe
from fotohaus.records import record
from fotohaus.report import Report
from fotohaus.strips import in_threads

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 5
_TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF Orientation to Pillow's Transpose
_BURST = 60.0  # s of pauses: what had more is no burst, whatever its rhythm
_TRIES = 4  # frames of a burst that are tried if the first is damaged
_ENOUGH = 0.8  # of a cell's side: a smaller picture in a file is not worth showing


@record
class _Entry:
    """The files that a cell stands for: one, or the frames of a burst, the first that can be shown for all."""

    files: tuple[Path, ...]


def contact_sheet(
    sources: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    report: Report | None = None,
    *,
    columns: int = COLUMNS,
    every: bool = False,
) -> list[Path]:
    """Write contact sheets of files and folders to `out` (.jpg or .png), or OUT-1, OUT-2 and so on; returns the pages.

    Raw files show the picture that they bring if it is large enough, else are developed in small. A burst is one cell
    with the number of its frames, or each frame one with `every`. A file that can't be shown leaves an empty cell that
    says why, and a warning. Pages are A4 at 300 dpi; the picture of a page is all that is held at once.

    Raises ReadError if there is nothing to show, all files being broken, say; WriteError for an output that can't be
    written.
    """
    report = report or Report()
    path = Path(out)
    if path.suffix.lower() not in extensions.DRAWINGS:
        raise WriteError(path, f"unknown kind of file {path.suffix!r}: .jpg and .png can be written")
    check_target(path)
    with report.stage("read"):
        entries = _entries(_files(sources, report), every)
    layout = grid(columns)
    parts = [entries[at : at + layout.cells] for at in range(0, len(entries), layout.cells)]
    title = _title(sources)
    digits = len(str(len(parts)))
    pages: list[Path] = []
    held: list[tuple[Path, bytes]] = []
    some = False
    with report.stage("sheet"):
        shown = in_threads(lambda entry: _cell(entry, (layout.wide, layout.high)), entries)
        done = 0
        for number, part in enumerate(parts, 1):
            count = sum(len(entry.files) for entry in entries)
            note = f"{count} {'file' if count == 1 else 'files'}"
            if len(parts) > 1:
                note += f", page {number} of {len(parts)}"
            page = Page(layout, title, note, -(-len(part) // layout.columns) if len(parts) == 1 else layout.rows)
            for place in range(len(part)):
                cell, troubles = next(shown)
                for trouble in troubles:
                    report.warn(trouble)
                page.put(place, cell)
                some = some or cell.picture is not None
                done += 1
                report.progress(done, len(entries))
            name = path if len(parts) == 1 else path.with_name(f"{path.stem}-{number:0{digits}}{path.suffix}")
            held.append((name, _encoded(page.image, path.suffix.lower())))
            # Until a picture shows, it may be that there is none, and then no sheet.
            while some and held:
                name, data = held.pop(0)
                save(name, [data])
                pages.append(name)
        if not some:
            raise ReadError(None, "nothing to show: not one of the files can be read")
        report.note(f"{len(entries)} cells on {len(pages)} {'page' if len(pages) == 1 else 'pages'}")
    return pages


def _encoded(image: Image, suffix: str) -> bytes:
    from PIL import ImageCms

    out = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(out, "PNG" if suffix == ".png" else "JPEG", quality=90, dpi=(DPI, DPI), icc_profile=profile)
    return out.getvalue()


def _files(sources: Sequence[str | os.PathLike[str]], report: Report) -> list[Path]:
    """The files that sources name: a folder's raw files and photos both; of a raw file and its JPEG, one name, one."""
    named: list[Path] = []
    for source in sources:
        folder = Path(source)
        if not folder.is_dir():
            named.append(folder)
            continue
        inside = [file for file in folder.iterdir() if file.name[0] != "." and file.is_file()]
        raws = [file for file in inside if file.suffix.lower() in extensions.RAWS]
        stems = {raw.stem.casefold() for raw in raws}
        photos = [
            file for file in inside if file.suffix.lower() in extensions.PHOTOS and file.stem.casefold() not in stems
        ]
        if not raws and not photos:
            raise nothing_in(folder, inside)
        stems.update(photo.stem.casefold() for photo in photos)
        unread = sorted(
            file.name
            for file in inside
            if file.suffix.lower() in extensions.UNREAD and file.stem.casefold() not in stems
        )
        if unread:
            more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
            report.warn(f"{folder}: {', '.join(unread[:3])}{more} left out: files of these kinds are not read yet")
        named += sorted([*raws, *photos], key=_by_number)
    return expand_sources(named)


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Sort key by which IMG_2 comes before IMG_10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", path.name.casefold())]


def _entries(files: list[Path], every: bool) -> list[_Entry]:
    """The files in order; those of a burst, which is told by their times, as one."""
    order = {str(file): i for i, file in enumerate(files)}
    bursts: dict[int, tuple[Path, ...]] = {}
    hidden: set[int] = set()
    for group in [] if every else group_files(files).groups:
        frames = group.frames
        exposed = sum(frame.capture.exposure_time or 0.0 for frame in frames)
        # Frames that tell no time are put together for want of anything better: they may be anything.
        timed = all(frame.begins is not None for frame in frames)
        if len(frames) > 1 and timed and (group.seconds or 0.0) < _BURST + exposed:
            places = sorted(order[frame.name] for frame in frames)
            bursts[places[0]] = tuple(files[place] for place in places)
            hidden.update(places[1:])
    return [_Entry(bursts.get(i, (file,))) for i, file in enumerate(files) if i not in hidden]


def _title(sources: Sequence[str | os.PathLike[str]]) -> str:
    folders = [Path(source) if Path(source).is_dir() else Path(source).parent for source in sources]
    names = list(dict.fromkeys(folder.resolve().name or "/" for folder in folders))
    return ", ".join(names[:3]) + (" …" if len(names) > 3 else "")


def _cell(entry: _Entry, room: tuple[int, int]) -> tuple[Cell, list[str]]:
    """An entry's cell, whatever is wrong with its files, and what is."""
    troubles: list[str] = []
    capture, reason = CaptureInfo(), ""
    for path in entry.files[:_TRIES]:
        try:
            facts = read_facts(path)
            capture = facts.capture
            picture = _picture(path, room, facts.orientation or 1)
            return Cell(picture, path.name, facts_of(words(capture)), len(entry.files)), troubles
        except ReadError as error:
            troubles.append(str(error))
            reason = reason or error.reason
    return Cell(None, entry.files[0].name, facts_of(words(capture)), len(entry.files), reason), troubles


def _picture(path: Path, room: tuple[int, int], orientation: int) -> Image:
    """A file's picture in sRGB, upright, within the room (width, height), px. Raises ReadError."""
    from PIL import Image

    side = max(room)
    with reading(path), Source(path=path) as source:
        if kind_of(source, path) == "rendered":
            image = _photo(source, side)
        else:
            from fotohaus.raw.embedded_picture import embedded_picture

            brought = embedded_picture(source, round(_ENOUGH * side))
            image = _developed(path) if brought is None else brought
    if orientation in _TURNS:
        image = image.transpose(Image.Transpose(_TURNS[orientation]))
    share = min(room[0] / image.width, room[1] / image.height)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0) if share < 1 else image


def _photo(source: Source, side: int) -> Image:
    """A finished photo's picture, as stored; TiffError for a damaged one."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    from fotohaus.raw.rendered import photo_facts, read_samples

    facts = photo_facts(source)
    if facts["format"] == "JPEG":
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with JpegImageFile(io.BytesIO(source.read(0, source.size))) as coded:
                    coded.draft("RGB", (2 * side, 2 * side))
                    return _in_srgb(coded.convert("RGB"), coded.info.get("icc_profile") or b"")
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                raise TiffError(f"is damaged: {error}") from None
    _, samples, icc = read_samples(source)
    if samples.dtype == np.uint16:
        samples = (samples >> 8).astype(np.uint8)
    if samples.dtype != np.uint8:
        raise TiffError(f"samples of {samples.dtype} are not supported in a photo")
    samples = samples if samples.ndim == 3 else samples[..., None]
    colors = samples[..., :3] if samples.shape[2] >= 3 else samples[..., :1].repeat(3, axis=2)
    image = Image.fromarray(np.ascontiguousarray(colors))
    image.thumbnail((2 * side, 2 * side), Image.Resampling.BOX)
    return _in_srgb(image, icc)


def _in_srgb(image: Image, icc: bytes) -> Image:
    """A picture from its profile's colours to sRGB's; as it is if the profile is of no use."""
    if not icc:
        return image
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB")) or image
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image


def _developed(path: Path) -> Image:
    """A raw file developed in small, as stored. Raises ReadError."""
    from PIL import Image

    from fotohaus.output.preview import preview

    small = preview(read_raw(path), Recipe())
    if small is None:
        raise ReadError(path, "can't be developed")
    return Image.fromarray(small)

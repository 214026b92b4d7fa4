"""From names to raw images: which files, in which order, one or all at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from fotohaus import extensions
from fotohaus.errors import ReadError
from fotohaus.raw.cfa import OtherCfa
from fotohaus.raw.dng_read import Quad, is_dng, read_dng, with_dng_facts
from fotohaus.raw.image import RawImage
from fotohaus.raw.reading import reading, reason_of
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.report import Report

Kind = Literal["dng", "libraw", "rendered"]

_RENDERED = (b"\xff\xd8\xff", b"\x89PNG")
# What files begin with, from which byte on.
_NOT_RAW = {
    "a GIF": (0, (b"GIF8",)),
    "an OpenEXR image": (0, (b"\x76\x2f\x31\x01",)),
    "a WebP image": (8, (b"WEBP",)),
    "a JPEG XL image": (0, (b"\xff\x0a", b"\0\0\0\x0cJXL ")),
    "an AVIF image": (4, (b"ftypavif", b"ftypavis")),
    "a HEIF image": (4, tuple(b"ftyp" + kind for kind in b"heic heix heim heis heif hevc hevx mif1 msf1".split())),
    "a video": (4, (b"ftypisom", b"ftypmp4", b"ftypqt  ", b"ftypavc1")),
    "a ZIP archive": (0, (b"PK\x03\x04",)),
    "a PDF": (0, (b"%PDF",)),
}
_NO_IMAGE = ("a video", "a ZIP archive", "a PDF")

PathLike = str | os.PathLike[str]


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key by which IMG_2 comes before IMG_10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts], path.name


def expand_sources(sources: Sequence[PathLike]) -> list[Path]:
    """The files that sources name: files as given, a folder's raw files, or else its photos, in natural order.

    Hidden files and files of other extensions are skipped in folders, but never when named: JPEGs beside raw files are
    the same frames again. A file named twice counts once. Raises ReadError for a path that does not exist, a folder
    without raw files or photos, and no sources.
    """
    if not sources:
        raise ReadError(None, "no raw files were named")
    files: list[Path] = []
    for source in sources:
        if os.fspath(source) == "":
            raise ReadError(None, "an empty name names no file")
        path = Path(source)
        try:
            if path.is_dir():
                found: list[Path] = []
                inside = [p for p in path.iterdir() if p.name[0] != "."]
                for kinds in (extensions.RAWS, extensions.PHOTOS):
                    named = (p for p in inside if p.suffix.lower() in kinds)
                    found = found or sorted((p for p in named if p.is_file()), key=_natural)
                if not found:
                    raise nothing_in(path, inside)
                files += found
            elif path.exists():
                files.append(path)
            else:
                raise ReadError(path, "no such file or folder")
        except OSError as error:
            raise ReadError(path, reason_of(error)) from None
    once: dict[str, Path] = {}
    for file in files:
        once.setdefault(os.path.realpath(file), file)
    return list(once.values())


def nothing_in(folder: Path, inside: Iterable[Path]) -> ReadError:
    """The error for a folder without anything to read, which names the photos that are not."""
    kinds = ", ".join(sorted({p.suffix.lower() for p in inside if p.suffix.lower() in extensions.UNREAD}))
    named = f": {kinds} are not read yet, make them JPEG, PNG or TIFF first" if kinds else ""
    return ReadError(folder, f"is a folder without raw files or photos{named}")


def read_raw(
    path: PathLike,
    report: Report | None = None,
    *,
    off: Collection[str] = (),
    enhanced: bool = False,
    quad: Quad = "bin",
    hdr: bool = True,
) -> RawImage:
    """Read one raw file: DNG by fotohaus itself, everything else by LibRaw; JPEG, PNG and TIFF as linear raw.

    off : stages to leave out: "opcodes" keeps a DNG's opcode list 1 from being applied to the samples.
    enhanced : take a DNG's enhanced image (already demosaiced) instead of the raw one, where there is one.
    quad : whether a quad Bayer DNG becomes one sample per cell ("bin") or a Bayer mosaic of full size ("full").
    hdr : follow the gain map of a JPEG to its HDR rendition.
    Raises ReadError if the file is missing, unreadable, damaged, or of a kind that is not read.
    """
    with reading(path), Source(path=path) as source:
        kind = kind_of(source, path)
        if kind == "rendered":
            from fotohaus.raw.rendered import read_rendered

            return read_rendered(source, path, report, hdr=hdr)
        if kind == "dng":
            with suppress(OtherCfa):
                return read_dng(source, path, report, off=off, enhanced=enhanced, quad=quad)
        if kind == "libraw":
            from fotohaus.raw.libraw import read_libraw

            return read_libraw(path, report)
        # What LibRaw had to demosaic is still a DNG: what that says about colour and noise is kept.
        return with_dng_facts(_demosaiced_dng(path, source, report), source, report)


def _demosaiced_dng(path: PathLike, source: Source, report: Report | None) -> RawImage:
    """A DNG that LibRaw demosaics, from a plain copy where it does not know how the mosaic is stored."""
    from fotohaus.raw.libraw import read_libraw
    from fotohaus.raw.plain_copy import plain_copy

    # Without the report: whether LibRaw knows the camera's colours matters to nobody here.
    if report is not None:
        report.note("demosaiced by LibRaw: no Bayer sensor")
    copy = plain_copy(source)
    if copy is None:
        return read_libraw(path)
    from tempfile import TemporaryDirectory

    try:
        with TemporaryDirectory(prefix="fotohaus-") as folder:
            plain = Path(folder) / "plain.dng"
            with plain.open("wb") as file:
                file.writelines(copy)
            del copy
            return replace(read_libraw(plain), path=os.fspath(path))
    except OSError as error:
        raise TiffError(f"its copy for LibRaw can't be kept in a temporary folder: {reason_of(error)}") from None


def kind_of(source: Source, path: PathLike) -> Kind:
    """Who reads a file; TiffError if it is of a kind that nobody here reads."""
    head = bytes(source.read(0, min(source.size, 64)))
    if not head:
        raise TiffError("is empty")
    if head.startswith(_RENDERED):
        return "rendered"
    for name, (at, marks) in _NOT_RAW.items():
        if head.startswith(marks, at):
            why = "not a raw file" if name in _NO_IMAGE else "which is not read yet: make it a JPEG, PNG or TIFF first"
            raise TiffError(f"is {name}, {why}")
    suffix = Path(path).suffix.lower()
    if suffix == ".dng":
        return "dng"
    if head[:2] in (b"II", b"MM"):
        try:
            if is_dng(Tiff(source)):
                return "dng"
        except TiffError:
            pass  # CRW begins like TIFF and is not.
        return "rendered" if suffix in extensions.TIFF else "libraw"
    if suffix not in extensions.RAWS:
        raise TiffError("is not a raw file of a known kind")
    return "libraw"


def read(
    paths: PathLike | Sequence[PathLike],
    report: Report | None = None,
    *,
    off: Collection[str] = (),
    quad: Quad = "bin",
) -> list[RawImage]:
    """Read raw files, or all in a folder, into memory at once.

    Raises ReadError for the first that can't be read.
    """
    return list(stream(paths, report, off=off, quad=quad))


def stream(
    paths: PathLike | Sequence[PathLike],
    report: Report | None = None,
    *,
    off: Collection[str] = (),
    quad: Quad = "bin",
    damaged: Callable[[ReadError], None] | None = None,
) -> Iterator[RawImage]:
    """Read raw files one after the other, each while the one before is worked on; at most two are held.

    A single JPEG is read as its HDR rendition, if it has a gain map; several are taken as they are. What is said of one
    file is not said again of the next.

    Raises ReadError, when its turn comes, for one that can't be read; `damaged` is called with the error instead, and
    the next file follows.
    """
    files = expand_sources([paths] if isinstance(paths, (str, os.PathLike)) else paths)
    if len(files) == 1:
        yield read_raw(files[0], report, off=off, quad=quad)
        return
    from concurrent.futures import ThreadPoolExecutor

    known: set[str] = set()
    with ThreadPoolExecutor(1, "fotohaus-read") as pool:
        following = pool.submit(_read_apart, files[0], off, quad)
        for file in [*files[1:], None]:
            image, said = following.result()
            if file is None:
                del following
            else:
                following = pool.submit(_read_apart, file, off, quad)
            if isinstance(image, ReadError):
                if damaged is None:
                    raise image
                damaged(image)
                continue
            if report is not None:
                for warning in said.warnings:
                    fault = warning.removeprefix(f"{image.path}: ")
                    if fault not in known:
                        report.warn(warning)
                    known.add(fault)
                for note in said.stages[0].notes:
                    report.note(note)
            yield image
            del image


def _read_apart(path: Path, off: Collection[str], quad: Quad) -> tuple[RawImage | ReadError, Report]:
    """A raw image, or why there is none, and what was said about it: a report is not for two threads."""
    said = Report()
    try:
        with said.stage("read"):
            # Gain maps of one burst lead to renditions of different range, the photos themselves are alike.
            return read_raw(path, said, off=off, quad=quad, hdr=False), said
    except ReadError as error:
        return error, said

"""From names to raw images: which files, in which order, one or all at a time."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from fotohaus.errors import ReadError
from fotohaus.raw.cfa import OtherCfa
from fotohaus.raw.dng_read import Quad, is_dng, read_dng, with_dng_facts
from fotohaus.raw.image import RawImage
from fotohaus.raw.tiff import Source, Tiff, TiffError
from fotohaus.report import Report

_NAMES = "dng 3fr ari arw cr2 cr3 crw dcr erf fff gpr iiq kdc mef mos mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f"
# Extensions by which a file in a folder is taken for a raw image.
RAW_EXTENSIONS = frozenset(f".{name}" for name in _NAMES.split(" "))

_NOT_RAW = {
    "a JPEG": re.compile(rb"\xff\xd8\xff"),
    "a PNG": re.compile(rb"\x89PNG"),
    "a GIF": re.compile(rb"GIF8"),
    "an OpenEXR image": re.compile(rb"\x76\x2f\x31\x01"),
    "a WebP image": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "a JPEG XL image": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL "),
    "an AVIF image": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "a HEIF image": re.compile(rb"....ftyp(hei[cxmsf]|hev[cx]|mif1|msf1)", re.DOTALL),
    "a video": re.compile(rb"....ftyp(isom|mp4|qt  |avc1)", re.DOTALL),
    "a ZIP archive": re.compile(rb"PK\x03\x04"),
    "a PDF": re.compile(rb"%PDF"),
}

PathLike = str | os.PathLike[str]


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key by which IMG_2 comes before IMG_10."""
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(1, int(p), "") if p.isdecimal() else (0, 0, p) for p in parts], path.name


def expand_sources(sources: Sequence[PathLike]) -> list[Path]:
    """The raw files that sources name: files as given, a folder's raw files in natural order.

    Hidden files and files without a raw file's extension are skipped in folders, but never when named. A file named
    twice counts once. Raises ReadError for a path that does not exist, a folder without raw files, and no sources.
    """
    if not sources:
        raise ReadError(None, "no raw files were named")
    files: list[Path] = []
    for source in sources:
        path = Path(source)
        try:
            if path.is_dir():
                inside = [p for p in path.iterdir() if p.suffix.lower() in RAW_EXTENSIONS and p.name[0] != "."]
                found = sorted((p for p in inside if p.is_file()), key=_natural)
                if not found:
                    raise ReadError(path, "is a folder without raw files")
                files += found
            elif path.exists():
                files.append(path)
            else:
                raise ReadError(path, "no such file or folder")
        except OSError as error:
            raise ReadError(path, _reason(error)) from None
    once: dict[str, Path] = {}
    for file in files:
        once.setdefault(os.path.realpath(file), file)
    return list(once.values())


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return (error.strerror or str(error)).lower()


def read_raw(
    path: PathLike,
    report: Report | None = None,
    *,
    off: Collection[str] = (),
    enhanced: bool = False,
    quad: Quad = "bin",
) -> RawImage:
    """Read one raw file: DNG by fotohaus itself, everything else by LibRaw.

    off : stages to leave out: "opcodes" keeps a DNG's opcode list 1 from being applied to the samples.
    enhanced : take a DNG's enhanced image (already demosaiced) instead of the raw one, where there is one.
    quad : whether a quad Bayer DNG becomes one sample per cell ("bin") or a Bayer mosaic of full size ("full").
    Raises ReadError if the file is missing, unreadable, damaged, or of a kind that is not read.
    """
    with reading(path), Source(path=path) as source:
        libraw = goes_to_libraw(source, path)
        if not libraw:
            with suppress(OtherCfa):
                return read_dng(source, path, report, off=off, enhanced=enhanced, quad=quad)
        from fotohaus.raw.libraw import read_libraw

        raw = read_libraw(path, report)
        # What LibRaw had to demosaic is still a DNG: what that says about colour and noise is kept.
        return raw if libraw else with_dng_facts(raw, source)


@contextmanager
def reading(path: PathLike) -> Iterator[None]:
    """Turn what can go wrong while a file is read into a ReadError for that file."""
    try:
        yield
    except TiffError as error:
        raise ReadError(path, str(error)) from None
    except OSError as error:
        raise ReadError(path, _reason(error)) from None
    except MemoryError:
        raise ReadError(path, "is too large for this machine's memory") from None
    except ValueError:
        # A path with a NUL in it.
        if "\0" not in os.fspath(path):
            raise
        raise ReadError(path, "is not a file name") from None


def goes_to_libraw(source: Source, path: PathLike) -> bool:
    """Whether LibRaw has to read a file; TiffError if it is of a kind that nobody here reads."""
    head = bytes(source.read(0, min(source.size, 64)))
    if not head:
        raise TiffError("is empty")
    for name, mark in _NOT_RAW.items():
        if mark.match(head):
            raise TiffError(f"is {name}, not a raw file")
    suffix = Path(path).suffix.lower()
    if suffix == ".dng":
        return False
    if head[:2] in (b"II", b"MM"):
        try:
            if is_dng(Tiff(source)):
                return False
        except TiffError:
            pass  # CRW begins like TIFF and is not.
        if suffix in (".tif", ".tiff"):
            raise TiffError("is a TIFF image, not a raw file")
        return True
    if suffix not in RAW_EXTENSIONS:
        raise TiffError("is not a raw file of a known kind")
    return True


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
) -> Iterator[RawImage]:
    """Read raw files one after the other, each while the one before is worked on; at most two are held.

    Raises ReadError, when its turn comes, for one that can't be read.
    """
    files = expand_sources([paths] if isinstance(paths, (str, os.PathLike)) else paths)
    if len(files) == 1:
        yield read_raw(files[0], report, off=off, quad=quad)
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, "fotohaus-read") as pool:
        following = pool.submit(_read_apart, files[0], off, quad)
        for i in range(len(files)):
            image, said = following.result()
            if i + 1 < len(files):
                following = pool.submit(_read_apart, files[i + 1], off, quad)
            else:
                del following
            if report is not None:
                for warning in said.warnings:
                    report.warn(warning)
                for note in said.stages[0].notes:
                    report.note(note)
            yield image
            del image


def _read_apart(path: Path, off: Collection[str], quad: Quad) -> tuple[RawImage, Report]:
    """A raw image and what was said about it: a report is not for two threads."""
    said = Report()
    with said.stage("read"):
        image = read_raw(path, said, off=off, quad=quad)
    return image, said

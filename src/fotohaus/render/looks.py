"""Where looks are: in the package, in the user's own folder, or in any file."""

from __future__ import annotations

import functools
import os
import re
import stat
from pathlib import Path

from fotohaus import config
from fotohaus.errors import ReadError
from fotohaus.render.look import Look, parse_look

SUFFIXES = (".cube", ".png")
"""Names of files that hold look-up tables end so."""
PACKAGED = Path(__file__).resolve().parents[1] / "looks"
LARGEST = 100_000
"""Bytes that a file of a look may have."""
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RESERVED = ("camera",)


def own_folder() -> Path:
    """The folder of the user's own looks."""
    return config.own_folder() / "looks"


def looks() -> dict[str, Path]:
    """Every look that has a name, and its file: the package's, in their order, then the user's own."""
    order = ("neutral", "authentic", "vibrant", "natural", "vivid", "mono", "mono-contrast", "sepia", "blue")
    found = {path.stem: path for path in sorted(PACKAGED.glob("*.toml"))}
    found = {name: found[name] for name in (*order, *found) if name in found}
    for path in sorted(own_folder().glob("*.toml")):
        if NAME.fullmatch(path.stem) and path.stem not in RESERVED:
            found.setdefault(path.stem, path)
    return found


def is_path(look: str) -> bool:
    """Whether a recipe's look is a file rather than a name."""
    return look.lower().endswith((".toml", *SUFFIXES)) or "/" in look or os.sep in look


def is_lut(look: str) -> bool:
    """Whether a recipe's look is a look-up table: the path of a .cube file, or of a Hald CLUT's .png."""
    return look.lower().endswith(SUFFIXES)


def load_look(look: str) -> Look:
    """A look by its name or the path of its file.

    Raises ReadError for a look that is not there, for a file that is none, and for a look-up
    table, which `fotohaus.render.lut` reads.
    """
    if look == "neutral":
        return Look()
    if look in RESERVED:
        raise ReadError(None, f"the {look}'s look is in each raw file: there are no numbers of it")
    if is_lut(look):
        raise ReadError(look, "a LUT is a table, not a look with numbers")
    if is_path(look):
        return read_look(look)
    path = PACKAGED / f"{look}.toml"
    if not (NAME.fullmatch(look) and path.is_file()):
        found = looks()
        if look not in found:
            if os.path.isfile(look):
                raise ReadError(look, f"is no look's name; as a file, call it {os.path.join(os.curdir, look)}")
            raise ReadError(None, f"there is no look {look!r}: {', '.join((*found, *RESERVED))} are there")
        path = found[look]
    return read_look(path)


def read_look(path: str | os.PathLike[str]) -> Look:
    """A look from a TOML file.

    Raises ReadError for a file that is missing, too large, or no look.
    """
    try:
        # A pipe, say, may never end, or never begin.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ReadError(path, "no look: it is no file")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise ReadError(path, (getattr(error, "strerror", None) or "can't be read").lower()) from None
    if len(data) > LARGEST:
        raise ReadError(path, f"no look: it has more than {LARGEST} bytes")
    return _parsed(data, os.fspath(path))


@functools.lru_cache(maxsize=32)
def _parsed(data: bytes, path: str) -> Look:
    try:
        return parse_look(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ReadError(path, "no look: it is not UTF-8 text") from None
    except ValueError as error:
        raise ReadError(path, str(error)) from None

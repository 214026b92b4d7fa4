"""Where frames' templates are: in the package, in the user's own folder, or in any file."""

from __future__ import annotations

import functools
import os
import re
import stat
from pathlib import Path

from fotohaus.errors import ReadError
from fotohaus.framing.template import Template, parse_template

PACKAGED = Path(__file__).resolve().parent / "templates"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ORDER = ("strip", "polaroid", "passepartout", "caption")
_LARGEST = 50_000


def own_folder() -> Path:
    """The folder of the user's own templates, beside that of their looks."""
    from fotohaus.render.looks import own_folder as looks

    return looks().parent / "frames"


def templates() -> dict[str, Path]:
    """Every template that has a name, and its file: the package's, then the user's own."""
    found = {name: PACKAGED / f"{name}.toml" for name in _ORDER}
    for folder in (PACKAGED, own_folder()):
        for path in sorted(folder.glob("*.toml")):
            if NAME.fullmatch(path.stem) and path.stem != "none":
                found.setdefault(path.stem, path)
    return found


def load_template(frame: str) -> Template:
    """A template by its name or the path of its .toml file.

    Raises ReadError for one that is not there, and for a file that is none.
    """
    if frame.lower().endswith(".toml") or "/" in frame or os.sep in frame:
        return read_template(frame)
    found = templates()
    if frame not in found:
        raise ReadError(None, f"there is no frame {frame!r}: {', '.join((*found, 'none'))} are there")
    return read_template(found[frame])


def read_template(path: str | os.PathLike[str]) -> Template:
    """A template from a TOML file. Raises ReadError for a file that is missing, too large, or no template."""
    try:
        # A pipe, say, may never end, or never begin.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise ReadError(path, "no frame: it is no file")
        with open(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise ReadError(path, (getattr(error, "strerror", None) or "can't be read").lower()) from None
    if len(data) > _LARGEST:
        raise ReadError(path, f"no frame: it has more than {_LARGEST} bytes")
    return _parsed(data, os.fspath(path))


@functools.lru_cache(maxsize=16)
def _parsed(data: bytes, path: str) -> Template:
    try:
        return parse_template(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise ReadError(path, "no frame: it is not UTF-8 text") from None
    except ValueError as error:
        raise ReadError(path, str(error)) from None

"""The user's own folder and the configuration in it: whose photos these are, and what may be said of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from fotohaus.errors import ReadError
from fotohaus.metadata import PRIVATE, Metadata, words

LARGEST = 1 << 16
"""Bytes that a configuration may have."""

_KEYS = ("artist", "copyright", "keep")
_LONGEST = 1000


_NOWHERE = Path(os.devnull)  # no file lies below it


def home_folder() -> Path:
    """The user's home; a path below which there is nothing where nobody knows it, or HOME is a relative path."""
    try:
        if os.name == "posix" and os.environ.get("HOME") == "":
            import pwd

            home = Path(pwd.getpwuid(os.getuid()).pw_dir)
        else:
            home = Path.home()
    except (KeyError, RuntimeError):
        return _NOWHERE
    # Relative to the current folder it would be anybody's: that of a downloaded archive, say.
    return home if home.is_absolute() else _NOWHERE


def xdg_folder(variable: str, *usual: str) -> Path:
    """A base folder by the XDG specification, which says to ignore relative ones; by default below the home."""
    said = Path(os.environ.get(variable, ""))
    return said if said.is_absolute() else home_folder().joinpath(*usual)


def own_folder() -> Path:
    """The user's folder of fotohaus: configuration and looks. There need not be one."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or home_folder() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = home_folder() / "Library" / "Application Support"
    else:
        base = xdg_folder("XDG_CONFIG_HOME", ".config")
    return base / "fotohaus"


def read_config(path: str | os.PathLike[str] | None = None) -> Metadata:
    """What config.toml in the user's folder, or another file, says; the defaults where there is none.

        artist = "Jane Doe"
        copyright = "© {year} Jane Doe"
        keep = ["location"]

    Raises ReadError for a file that can't be read or is none.
    """
    try:
        # Most have none: this must cost next to nothing then.
        file = os.path.join(own_folder(), "config.toml") if path is None else os.fspath(path)
        found = os.stat(file)
    except (FileNotFoundError, NotADirectoryError):
        if path is not None:
            raise ReadError(path, "no such file") from None
        return Metadata()
    except (OSError, ValueError) as error:
        raise ReadError(file, (getattr(error, "strerror", None) or "can't be read").lower()) from None
    return _read(file, found)


def _read(file: str, found: os.stat_result) -> Metadata:
    import stat

    from fotohaus.toml import parse_toml

    if not stat.S_ISREG(found.st_mode):
        raise ReadError(file, "is no configuration: it is no file")
    if found.st_size > LARGEST:
        raise ReadError(file, f"is no configuration: it has more than {LARGEST} bytes")
    try:
        with open(file, "rb") as opened:
            values = parse_toml(opened.read(LARGEST + 1).decode("utf-8-sig"))
    except OSError as error:
        raise ReadError(file, (error.strerror or str(error)).lower()) from None
    except UnicodeDecodeError:
        raise ReadError(file, "is no configuration: it is not UTF-8 text") from None
    except ValueError as error:
        raise ReadError(file, f"is no configuration: {error}") from None
    return _checked(file, values)


def _checked(file: str, values: dict[str, Any]) -> Metadata:
    for name in values:
        if name not in _KEYS:
            shown = "".join(c if c.isprintable() else "?" for c in name)[:60]
            raise ReadError(file, f"{shown!r} is no setting: {', '.join(_KEYS)} are")
    for name in ("artist", "copyright"):
        text = values.get(name, "")
        if not isinstance(text, str) or len(text) > _LONGEST or not all(c.isprintable() for c in text):
            raise ReadError(file, f"{name} must be a line of text of at most {_LONGEST} characters")
    keep = values.get("keep", ())
    keep = words(keep) if isinstance(keep, str) else keep
    if not isinstance(keep, (list, tuple)) or not all(word in PRIVATE for word in keep):
        raise ReadError(file, f"keep must be a list of {', '.join(PRIVATE)}")
    return Metadata(keep=tuple(keep), artist=values.get("artist"), copyright=values.get("copyright"))

"""What can be wrong with an input or an output, said in one line."""

from __future__ import annotations

import os


class FotohausError(Exception):
    """This input can't be developed, or this output can't be written: names the file and the reason."""

    def __init__(self, path: str | os.PathLike[str] | None, reason: str) -> None:
        self.path = None if path is None else os.fspath(path)
        self.reason = reason
        super().__init__(reason if self.path is None else f"{self.path}: {reason}")


class ReadError(FotohausError):
    """The file is missing, unreadable, damaged, or of a kind that fotohaus does not read."""


class MergeError(FotohausError):
    """The frames do not make one photo."""


class WriteError(FotohausError):
    """The output can't be written; nothing is left under its name."""

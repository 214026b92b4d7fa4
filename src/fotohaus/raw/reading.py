"""What can go wrong while a file is read, as one reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fotohaus.errors import ReadError
from fotohaus.raw.tiff import TiffError


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what can go wrong while a file is read into a ReadError for that file."""
    try:
        yield
    except TiffError as error:
        raise ReadError(path, str(error)) from None
    except OSError as error:
        raise ReadError(path, reason_of(error)) from None
    except MemoryError:
        raise ReadError(path, "is too large for this machine's memory") from None
    except ValueError:
        # A path with a NUL in it.
        if "\0" not in os.fspath(path):
            raise
        raise ReadError(path, "is not a file name") from None


def reason_of(error: OSError) -> str:
    """What the system says, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return (error.strerror or str(error)).lower()

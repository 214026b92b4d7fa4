"""A file that appears under its name when it is whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from fotohaus.errors import WriteError

_REASONS = {
    errno.ENOENT: "the folder does not exist",
    errno.ENOTDIR: "the folder is not a folder",
    errno.EISDIR: "is a folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "larger than the system allows",
    errno.ENAMETOOLONG: "the name is too long",
}


def reason(error: OSError) -> str:
    """What went wrong, in words for a person."""
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def check_target(path: Path) -> Path:
    """The file that will be written: `path` with symbolic links followed.

    Raises WriteError for a folder that is missing or can't be written to, and for what is no regular file.
    """
    try:
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise WriteError(path, f"the folder {target.parent} does not exist")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise WriteError(path, f"the folder {target.parent} can't be written to")
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return target
    except (OSError, ValueError) as error:
        raise WriteError(path, reason(error) if isinstance(error, OSError) else str(error)) from None
    if not stat.S_ISREG(mode):
        raise WriteError(path, "is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
    return target


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new, empty file beside `path`, which takes its place when the block ends well, and is removed when not.

    Raises WriteError for anything that the system refuses. A process killed in the middle leaves the new file, never
    a half-written one under the name that was asked for.
    """
    target = check_target(path)
    # The name does not depend on the target's, which may be as long as a name may be.
    partial = target.parent / f".fotohaus-{os.urandom(6).hex()}.tmp"
    try:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except OSError as error:
        raise WriteError(path, reason(error)) from None
    try:
        yield partial
        _sync(partial)
        os.replace(partial, target)
    except OSError as error:
        raise WriteError(path, reason(error)) from None
    finally:
        partial.unlink(missing_ok=True)


def save(path: Path, pieces: Sequence[bytes]) -> None:
    """Write a file's bytes, all or nothing; WriteError if that fails."""
    with replacing(path) as partial, open(partial, "wb", buffering=0) as file:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]


def _sync(path: Path) -> None:
    """Wait until the bytes are on the disk: a rename may get there before them."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

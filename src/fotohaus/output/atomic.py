"""A file that appears under its name when it is whole, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
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

_DESCRIPTORS = "/proc/self/fd"
_BEGIN, _END = ".fotohaus-", ".tmp"
_KEPT = 86_400.0
"""Seconds for which a file that is being written, or that a killed process left, is left alone."""


def reason(error: OSError) -> str:
    """What went wrong, in words for a person."""
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def check_target(path: Path) -> Path:
    """The file that will be written: `path` with symbolic links followed.

    Raises WriteError for a folder that is missing or can't be written to, and for what is no regular file.
    """
    try:
        target = Path(os.path.realpath(path))
    except FileNotFoundError:
        raise WriteError(path, "the current folder does not exist any more") from None
    except (OSError, ValueError) as error:
        raise WriteError(path, reason(error) if isinstance(error, OSError) else str(error)) from None
    try:
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
    """A new, empty file that takes the place of `path` when the block ends well, and vanishes when not.

    Raises WriteError for anything that the system refuses. A process that is killed in the middle leaves nothing under
    the name that was asked for but what was there before. On Linux the new file has no name until it is whole, so that
    a kill leaves nothing at all; elsewhere it leaves a hidden file, which a later write into the same folder removes.
    """
    target = check_target(path)
    try:
        unnamed = _open_unnamed(target.parent)
        with _unnamed(unnamed, target) if unnamed is not None else _named(target) as partial:
            yield partial
    except OSError as error:
        raise WriteError(path, reason(error)) from None


def _open_unnamed(folder: Path) -> int | None:
    """A file without a name; None where there is no such thing."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir(_DESCRIPTORS):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:
        return None  # Not every file system has them; what else is wrong will show once more.


@contextlib.contextmanager
def _unnamed(descriptor: int, target: Path) -> Iterator[Path]:
    opened = Path(f"{_DESCRIPTORS}/{descriptor}")
    try:
        yield opened
        os.fsync(descriptor)
        if not _link(opened, target):
            # Only a rename replaces what is there, and only what has a name can be renamed.
            _sweep(target.parent)
            with _new_name(target) as partial:
                if not _link(opened, partial):
                    import shutil

                    with open(opened, "rb") as source, open(partial, "xb") as copy:
                        shutil.copyfileobj(source, copy, 1 << 20)
                        os.fsync(copy.fileno())
                os.replace(partial, target)
    finally:
        os.close(descriptor)


def _link(opened: Path, name: Path) -> bool:
    """Give a file without a name one; False if that is taken, or if the system does not do it."""
    folder = os.open(name.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Naming the folder by a descriptor makes it linkat, which follows the link that stands for the file.
        os.link(opened, name.name, dst_dir_fd=folder, follow_symlinks=True)
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


@contextlib.contextmanager
def _named(target: Path) -> Iterator[Path]:
    _sweep(target.parent)
    with _new_name(target) as partial:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        yield partial
        _sync(partial)
        os.replace(partial, target)


@contextlib.contextmanager
def _new_name(target: Path) -> Iterator[Path]:
    """A name beside a file that nothing has; what has it in the end is removed."""
    # It does not depend on the target's, which may be as long as a name may be.
    partial = target.parent / f"{_BEGIN}{os.urandom(6).hex()}{_END}"
    try:
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left a day ago or more."""
    oldest = time.time() - _KEPT
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_BEGIN) and entry.name.endswith(_END):
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(entry.path)


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

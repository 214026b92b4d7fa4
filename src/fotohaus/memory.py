"""What becomes of memory that strips of pixels no longer need."""

from __future__ import annotations

import sys
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_LARGEST = 1 << 25  # bytes: what is larger never comes from the heap
_HUGE_PAGE, _MADV_HUGEPAGE = 1 << 21, 14  # of Linux
_PIECES = 4  # of the heap, each nearly as large as the largest that comes from there


def keep_memory() -> bool:
    """Have the C library keep freed memory for the next strip: half of all page faults are strips of pixels again.

    Most of the others become one for 512, where Linux has huge pages for those that ask ("madvise").
    It holds for the whole process and until its end, which then keeps what it needed at most. Returns whether the C
    library can do so: glibc's can.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    library = ctypes.CDLL(None)
    mallopt = getattr(library, "mallopt", None)
    if mallopt is None:
        return False
    choices = ((_TRIM_THRESHOLD, 1 << 30), (_MMAP_THRESHOLD, _LARGEST), (_ARENA_MAX, 1))
    kept = all([mallopt(name, value) == 1 for name, value in choices])
    if kept:
        _ask_for_huge_pages(library)
    return kept


def _ask_for_huge_pages(library: Any) -> None:
    """For what the heap grows to next; no memory is taken before something is written there."""
    from ctypes import c_int, c_size_t, c_void_p

    library.malloc.restype, library.malloc.argtypes = c_void_p, (c_size_t,)
    library.free.argtypes, library.madvise.argtypes = (c_void_p,), (c_void_p, c_size_t, c_int)
    size = _LARGEST - _HUGE_PAGE
    starts = [start for start in [library.malloc(size) for _ in range(_PIECES)] if start]
    for start in starts:
        first = start // _HUGE_PAGE * _HUGE_PAGE
        library.madvise(first, -(-(start + size - first) // _HUGE_PAGE) * _HUGE_PAGE, _MADV_HUGEPAGE)
    for start in starts:
        library.free(start)

"""What becomes of memory that strips of pixels no longer need."""

from __future__ import annotations

import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def keep_memory() -> bool:
    """Have the C library keep freed memory for the next strip: half of all page faults are strips of pixels again.

    It holds for the whole process and until its end, which then keeps what it needed at most. Returns whether the C
    library can do so: glibc's can.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    choices = ((_TRIM_THRESHOLD, 1 << 30), (_MMAP_THRESHOLD, 1 << 25), (_ARENA_MAX, 1))
    return all([mallopt(name, value) == 1 for name, value in choices])

"""A picture in horizontal strips: several are in work at once, and no stage holds a whole picture for the next."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from fotohaus import kernels

STRIP = 256
"""Rows of a strip, a multiple of the 16 that a JPEG may code together; the same for any number of threads."""

Part = TypeVar("Part")
Result = TypeVar("Result")


def strips(height: int, rows: int = STRIP) -> list[tuple[int, int]]:
    """(top, bottom) of each strip of a picture with `height` rows."""
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def in_threads(work: Callable[[Part], Result], parts: Iterable[Part]) -> Iterator[Result]:
    """The results of `work` on each part, in order; as many at once as threads are allowed, and few waiting.

    An exception of `work` is raised here; what has not begun by then never does.
    """
    count = kernels.threads()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for part in parts:
                waiting.append(pool.submit(work, part))
                if len(waiting) > 2 * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

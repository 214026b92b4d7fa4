"""What writers of HDR files need: a codec, and of a picture its size and its rendition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.errors import WriteError
from fotohaus.output.sides import check_sides
from fotohaus.output.transfer import SDR_WHITE
from fotohaus.render.picture import Rendition

Float32 = NDArray[np.float32]


def check(codec: Any, kind: str, shape: tuple[int, int], most: int) -> None:
    """WriteError for a codec of imagecodecs that is not there, or a picture (H, W) with a side above `most` px."""
    if not codec.available:
        raise WriteError(None, f"the imagecodecs that is installed was built without {kind}")
    check_sides(kind, shape, most)


def hdr_rows(picture: Rendition) -> Callable[[int, int], Float32]:
    """What makes rows of the HDR rendition: (n, W, 3) linear Rec. 2020, 1.0 for SDR white.

    Raises WriteError for a picture that has none.
    """
    rows: Any = getattr(picture, "hdr_rows", None)
    if rows is None:
        raise WriteError(None, "this picture has no HDR rendition: develop it from the raw file, or write it without")
    return rows  # type: ignore[no-any-return]


def peak(brightest: float) -> float:
    """cd/m2 of the brightest light of a picture, at most what PQ can say."""
    return min(10000.0, max(1.0, brightest) * SDR_WHITE)

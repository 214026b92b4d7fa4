"""What writers of HDR files need of a rendition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fotohaus.errors import WriteError
from fotohaus.output.transfer import SDR_WHITE
from fotohaus.render.picture import Rendition

Float32 = NDArray[np.float32]


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

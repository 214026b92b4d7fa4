"""What a DNG holds beside the raw image: depth map, semantic masks, transparency (DNG 1.7.1 chapters 2 to 4).

They are decoded when asked for; `describe` and `read_raw` do not touch their samples.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fotohaus.raw import tags
from fotohaus.raw.decode import decode
from fotohaus.raw.layout import read_layout
from fotohaus.raw.tiff import Ifd, Source, Tiff, TiffError
from fotohaus.records import record

MAX_MASKS = 32
_FORMATS: tuple[Literal["unknown", "linear", "inverse"], ...] = ("unknown", "linear", "inverse")
_MEASURES: tuple[Literal["unknown", "optical axis", "optical ray"], ...] = ("unknown", "optical axis", "optical ray")


@record
class DepthMap:
    """Distances over the field of view of the main image, turned as it is stored.

    values : (h, w) float32, 0 at the nearest, 1 at the farthest.
    near, far : distances of 0 and of 1, in metres if `meters`, else in a unit of the camera's; None where unknown;
        far may be infinite. Between them lie distances ("linear") or their inverses ("inverse").
    """

    values: NDArray[np.float32]
    format: Literal["unknown", "linear", "inverse"] = "unknown"
    near: float | None = None
    far: float | None = None
    meters: bool = False
    measure: Literal["unknown", "optical axis", "optical ray"] = "unknown"

    def distances(self) -> NDArray[np.float32] | None:
        """(h, w) distances in the unit of near and far; None where the file does not say how to get them."""
        if self.near is None or self.far is None or self.format == "unknown":
            return None
        if self.format == "linear":
            if math.isinf(self.far):
                return None
            return np.asarray(self.near + self.values * (self.far - self.near), np.float32)
        nearest = 1 / self.near if self.near > 0 else math.inf
        farthest = 0.0 if math.isinf(self.far) else 1 / self.far
        if math.isinf(nearest):
            return None
        with np.errstate(divide="ignore"):
            return np.asarray(1 / (nearest + self.values.astype(np.float64) * (farthest - nearest)), np.float32)


@record
class SemanticMask:
    """How far each pixel belongs to what `name` says.

    values : (h, w) float32, 0 to 1, of the part of the field of view that begins at `corner` (top, left) of a mask of
        `full` (H, W) pixels, which covers the active area. Outside of the part the mask is 0.
    """

    name: str
    values: NDArray[np.float32]
    corner: tuple[int, int]
    full: tuple[int, int]
    instance: str | None = None

    def whole(self) -> NDArray[np.float32]:
        """(H, W) the mask over the whole active area."""
        if self.full == self.values.shape:
            return self.values
        out = np.zeros(self.full, np.float32)
        (top, left), (height, width) = self.corner, self.values.shape
        out[top : top + height, left : left + width] = self.values
        return out


@record
class Extras:
    """Depth map, semantic masks and transparency ((h, w) float32, 1: opaque) of a file; what is absent is None."""

    depth: DepthMap | None = None
    masks: tuple[SemanticMask, ...] = ()
    transparency: NDArray[np.float32] | None = None


def read_extras(path: str | os.PathLike[str]) -> Extras:
    """The depth map, the semantic masks and the transparency mask of a DNG; nothing for other files.

    Raises ReadError for a file that is missing or damaged.
    """
    from fotohaus.raw.reading import reading
    from fotohaus.raw.sources import kind_of

    with reading(path), Source(path=path) as source:
        return extras_of(Tiff(source)) if kind_of(source, path) == "dng" else Extras()


def extra_ifds(tiff: Tiff) -> list[tuple[str, Ifd]]:
    """The IFDs beside images: "depth", "mask" or "transparency" with each; of depth and transparency the largest."""
    kinds = {tags.DEPTH: "depth", tags.TRANSPARENCY: "transparency", tags.SEMANTIC_MASK: "mask"}
    found = [(kinds.get(i.integer(tags.NEW_SUBFILE_TYPE, 0), ""), i) for i in tiff.images()]
    return [(kind, ifd) for kind, ifd in found if kind]


def extras_of(tiff: Tiff) -> Extras:
    """What a DNG holds beside images. Raises TiffError for what is damaged."""
    extras, main = Extras(), tiff.ifd(tiff.first)
    masks: list[SemanticMask] = []
    for kind, ifd in extra_ifds(tiff):
        if kind == "depth" and extras.depth is None:
            extras = replace(extras, depth=replace(depth_facts(main), values=_unit(ifd)))
        elif kind == "transparency" and extras.transparency is None:
            extras = replace(extras, transparency=_unit(ifd))
        elif kind == "mask" and len(masks) < MAX_MASKS:
            masks.append(_mask(ifd))
    return replace(extras, masks=tuple(masks))


def _unit(ifd: Ifd) -> NDArray[np.float32]:
    """The one plane of an image, 0 to 1."""
    layout = read_layout(ifd)
    if layout.samples != 1:
        raise TiffError(f"is damaged: a depth map or mask with {layout.samples} samples per pixel")
    samples: NDArray[Any] = decode(ifd, layout)
    scale = 1.0 if layout.floating else 1 / ((1 << layout.bits) - 1)
    return np.clip(samples * np.float32(scale), 0, 1).astype(np.float32)


def depth_facts(main: Ifd) -> DepthMap:
    """What the first IFD says about the depth map, without its values."""

    def choice(tag: int, names: tuple[Any, ...]) -> Any:
        number = main.integer(tag, 0)
        return names[number] if 0 <= number < len(names) else names[0]

    def distance(tag: int) -> float | None:
        values = main.values(tag)
        value = math.nan if values is None else float(values[0])
        return None if math.isnan(value) or value < 0 else value

    near, far = distance(tags.DEPTH_NEAR), distance(tags.DEPTH_FAR)
    if near is not None and math.isinf(near):
        near = None
    return DepthMap(
        values=np.zeros((0, 0), np.float32),
        format=choice(tags.DEPTH_FORMAT, _FORMATS),
        near=near,
        far=None if far == 0 else far,
        meters=main.integer(tags.DEPTH_UNITS, 0) == 1,
        measure=choice(tags.DEPTH_MEASURE_TYPE, _MEASURES),
    )


def _mask(ifd: Ifd) -> SemanticMask:
    values = _unit(ifd)
    height, width = values.shape
    top, left, full_width, full_height = _sub_area(ifd, height, width)
    return SemanticMask(
        name=ifd.text(tags.SEMANTIC_NAME) or "",
        values=values,
        corner=(top, left),
        full=(full_height, full_width),
        instance=ifd.text(tags.SEMANTIC_INSTANCE_ID),
    )


def _sub_area(ifd: Ifd, height: int, width: int) -> tuple[int, int, int, int]:
    """MaskSubArea: top, left, full width, full height; the mask's own size where it is absent or makes no sense."""
    area = ifd.integers(tags.MASK_SUB_AREA)
    if area is None or len(area) != 4 or min(area) < 0:
        return 0, 0, width, height
    top, left, full_width, full_height = area
    # The standard's own test has rows and columns the wrong way round.
    if top + height > full_height or left + width > full_width or full_width * full_height > 1 << 28:
        return 0, 0, width, height
    return top, left, full_width, full_height

"""A raw image with every decision about it taken: any rows of its scene can be made."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fotohaus import kernels
from fotohaus.develop.capture_sharpening import MARGIN as SHARPENING_MARGIN
from fotohaus.develop.capture_sharpening import CaptureSharpening, sharpen
from fotohaus.develop.color import apply_matrix
from fotohaus.develop.defringe import Defringe
from fotohaus.develop.linear_rows import LinearRows
from fotohaus.develop.mosaic_rows import MosaicRows
from fotohaus.develop.profile_look import ProfileLook
from fotohaus.develop.profile_tables import apply_hue_sat_map
from fotohaus.develop.scene import Scene
from fotohaus.raw.image import CaptureInfo, Rectangle
from fotohaus.raw.profile import HueSatMap
from fotohaus.records import record
from fotohaus.strips import in_threads, strips

if TYPE_CHECKING:
    from fotohaus.develop.lens_map import LensChain, LensMap

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

OVERVIEW = 65536
"""Pixels of an overview, about."""


@record
class Development:
    """A scene that is made strip by strip, each from as much of the raw image as it needs.

    source : where rows of camera RGB come from. matrix : (3, 3), white-balanced camera values to linear Rec. 2020.
    exposure : the factor of the baseline exposure. fringes : how wide they are, if there are any.
    lens : how the picture is resampled, if it is. profile : the camera
    profile's hue/sat map, for light before the baseline exposure; hdr : whether that profile's range is "HDR".
    sharpening : what blur is undone. white : the lowest level from which a channel of the scene may be clipped.
    noise, white_xy, capture, camera_look, headroom : as the scene will have them.
    """

    source: MosaicRows | LinearRows
    matrix: Float64
    exposure: float = 1.0
    fringes: Defringe | None = None
    lens: LensMap | LensChain | None = None
    profile: HueSatMap | None = None
    sharpening: CaptureSharpening | None = None
    white: float = 1.0
    hdr: bool = False
    noise: tuple[float, float] | None = None
    white_xy: tuple[float, float] | None = None
    capture: CaptureInfo = field(default_factory=CaptureInfo)
    camera_look: ProfileLook | None = None
    headroom: float = 0.0

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the scene."""
        return (self.source.crop.height, self.source.crop.width) if self.lens is None else self.lens.shape

    def rows(self, top: int, bottom: int) -> Float32:
        """Rows of the scene, from `top` to before `bottom`: (bottom - top, W, 3), linear Rec. 2020."""
        if self.sharpening is None:
            return self._colored_rows(top, bottom)
        height, width = self.shape
        first, last = max(0, top - SHARPENING_MARGIN), min(height, bottom + SHARPENING_MARGIN)
        # Without fringes rows are the camera's: their matrix then costs least here.
        late = self.fringes is not None and self.lens is None and self.profile is None
        pixels = self._colored_rows(first, last, mixed=not late)
        part, matrix = Rectangle(top - first, 0, bottom - top, width), self._to_rec2020 if late else None
        with self.source.report.stage("capture sharpening"):
            return sharpen(pixels, self.sharpening, noise=self.noise, white=self.white, crop=part, matrix=matrix)

    def _colored_rows(self, top: int, bottom: int, *, mixed: bool = True) -> Float32:
        """mixed : whether they are linear Rec. 2020, not camera RGB that is without fringes."""
        if self.lens is None:
            first, last = self.source.crop.top + top, self.source.crop.top + bottom
            if self.fringes is None:
                return self._colored(self.source.rows(first, last, self._to_rec2020))
            camera = self.fringes.rows(self.source, first, last)
            return self._colored(apply_matrix(camera, self._to_rec2020)) if mixed else camera
        first, last = self.lens.source_rows(top, bottom)
        if self.fringes is None:
            camera = self.source.rows(first, last, np.eye(3), self.lens.columns)
        else:
            camera = self.fringes.rows(self.source, first, last, self.lens.columns)
        with self.source.report.stage("lens"):
            made = self.lens.apply(camera, first, top, bottom, self._to_rec2020)
        return self._colored(made)

    @property
    def _to_rec2020(self) -> Float64:
        # A hue/sat map stands between the matrix and the exposure.
        return self.matrix if self.profile else self.matrix * self.exposure

    def _colored(self, pixels: Float32) -> Float32:
        if self.profile is None:
            return pixels
        with self.source.report.stage("profile"):
            return apply_hue_sat_map(pixels, self.profile, hdr=self.hdr, gain=self.exposure, out=pixels)

    @cached_property
    def overview(self) -> Float32:
        """The scene in small, as `Scene.overview`."""
        small = self._in_small(OVERVIEW)
        return small if self.lens is None else self.lens.in_small(small)

    def small(self, pixels: int) -> Scene:
        """The scene in small, of about so many pixels at most: nothing is denoised, sharpened or moved by the lens."""
        made = self._in_small(pixels)
        return self._scene(made)

    def _in_small(self, pixels: int) -> Float32:
        small = self.source.small(pixels)
        return self._colored(small.rows(0, small.crop.height, self._to_rec2020))

    def scene(self) -> Scene:
        """The whole scene."""
        height, width = self.shape
        pixels = kernels.empty((height, width, 3))

        def fill(strip: tuple[int, int]) -> None:
            pixels[slice(*strip)] = self.rows(*strip)

        for _ in in_threads(fill, strips(height)):
            pass
        return self._scene(pixels)

    def _scene(self, pixels: Float32) -> Scene:
        known = self.noise, self.white_xy, self.capture, self.overview, self.camera_look, self.headroom
        return Scene(pixels, *known)

"""What a file says besides its picture, with nothing in it that should stay private."""

from __future__ import annotations

from fotohaus.metadata import Metadata
from fotohaus.output.xmp import packet
from fotohaus.raw.exif import encode_exif
from fotohaus.raw.image import CaptureInfo
from fotohaus.recipe import Recipe


class Label:
    """The facts of a capture as a file may tell them.

    capture : with what is to be kept private taken out. bare : nothing but what showing the picture takes. software :
    what the file says made it; None for fotohaus.
    """

    def __init__(self, metadata: Metadata, capture: CaptureInfo) -> None:
        self.capture = metadata.published(capture)
        self.bare = metadata.bare
        self.software = "" if metadata.bare else None

    def xmp(self, recipe: Recipe | None) -> bytes:
        """The XMP packet."""
        return packet(recipe, self.capture, private=True, bare=self.bare)

    def exif(self, *, width: int, height: int, color_space: int, orientation: int = 1) -> bytes:
        """The EXIF block of a picture of that size."""
        seen = {"width": width, "height": height, "orientation": orientation, "color_space": color_space}
        return encode_exif(self.capture, **seen, software=self.software, private=True)

"""What a finished file says besides its picture: what stays private, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from fotohaus.records import record

if TYPE_CHECKING:
    from fotohaus.raw.image import CaptureInfo

Private = Literal["location", "serial", "owner"]
PRIVATE: tuple[Private, ...] = get_args(Private)

FIELDS: dict[str, tuple[str, ...]] = {
    "location": ("position", "altitude", "direction", "magnetic", "fix_time"),
    "serial": ("serial", "lens_serial"),
    "owner": ("owner",),
}
"""Fields of CaptureInfo that no file gets unless it is asked for, by the word that asks."""


@record(kw_only=True)
class Metadata:
    """What is written into a file besides the picture. The default keeps private facts out.

    keep : private facts that go in: "location", "serial" (of camera and lens), "owner".
    strip : what stays out, whatever `keep` says: those, or "all", which leaves nothing but what it takes to show the
        picture: orientation, size and colour space.
    artist, copyright : take the place of what the camera wrote; "" leaves it out, None lets it stand. "{year}" in the
        copyright is the year in which the photo was taken.

    This is not part of a Recipe, which is passed on: nobody's name or wish for a location should come along with it.

    Raises ValueError for words that are not known.
    """

    keep: Collection[str] = ()
    strip: Collection[str] = ()
    artist: str | None = None
    copyright: str | None = None

    def __post_init__(self) -> None:
        for word in self.keep:
            if word not in PRIVATE:
                raise ValueError(f"{word!r} can't be kept: {', '.join(PRIVATE)} can")
        for word in self.strip:
            if word not in (*PRIVATE, "all"):
                raise ValueError(f"{word!r} can't be stripped: all, {', '.join(PRIVATE)} can")

    @property
    def bare(self) -> bool:
        """Whether nothing goes in but what it takes to show the picture."""
        return "all" in self.strip

    def published(self, capture: CaptureInfo) -> CaptureInfo:
        """The facts of a capture that go into a file."""
        nothing = type(capture)()
        if self.bare:
            return nothing
        changes: dict[str, Any] = {}
        for word, names in FIELDS.items():
            if word not in self.keep or word in self.strip:
                changes |= {name: getattr(nothing, name) for name in names}
        if self.artist is not None:
            changes["artist"] = self.artist.strip() or None
        if self.copyright is not None:
            changes["copyright"] = dated(self.copyright, capture) or None
        return replace(capture, **changes)


def cropped(capture: CaptureInfo, share: float) -> CaptureInfo:
    """The capture of a picture that shows less than the frame: its 35 mm equivalent is that of what is seen.

    share : the diagonal of what is left over that of the whole frame, above 0 to 1: equivalents are those of the angle
    of view along the diagonal (EXIF 2.32, FocalLengthIn35mmFilm; CIPA DCG-001).
    """
    known = capture.focal_length_35mm
    return capture if known is None else replace(capture, focal_length_35mm=known / share)


def dated(text: str, capture: CaptureInfo) -> str:
    """A text with the capture's year for "{year}"; without a word for it where the year is not known."""
    year = "" if capture.taken is None else f"{capture.taken.year:04}"
    return re.sub(r"\s+", " ", text.replace("{year}", year)).strip()


def words(text: str) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))

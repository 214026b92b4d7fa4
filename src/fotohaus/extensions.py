"""Endings of files, in small letters, by what they hold."""

from __future__ import annotations

JPEG = (".jpg", ".jpeg")
PNG = (".png",)
TIFF = (".tif", ".tiff")

PHOTOS = frozenset((*JPEG, *PNG, *TIFF))
"""Finished photos that are read."""

UNREAD = frozenset((".heic", ".heif", ".webp", ".avif", ".jxl"))
"""Photos that are not read yet: who has them in a folder is told."""

_RAWS = "dng 3fr ari arw cr2 cr3 crw dcr erf fff gpr iiq kdc mef mos mrw nef nrw orf pef raf rw2 rwl sr2 srf srw x3f"
RAWS = frozenset(f".{name}" for name in _RAWS.split(" "))
"""Files in a folder that are taken for raw images."""

DRAWINGS = (*JPEG, *PNG)
"""What charts and contact sheets are written as."""

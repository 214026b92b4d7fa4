"""What a raw file does not say of its capture: from a file beside it, and from the camera catalogue."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from fotohaus.raw.image import CaptureInfo, RawImage
from fotohaus.report import Report

_BESIDE = (".jpg", ".JPG", ".jpeg", ".heic", ".HEIC")
"""Endings of what phones and cameras write beside a raw file."""


def with_metadata(
    raw: RawImage, known: CaptureInfo | None, name: str | os.PathLike[str] | None, file: Path, report: Report
) -> RawImage:
    """The raw image with what another file knows of its capture, or a hint that there is such a file."""
    if known is not None and name is not None:
        from fotohaus.raw.sibling import filled

        with report.stage("metadata"):
            return replace(raw, capture=filled(raw.capture, known, os.fspath(name), report))
    if not raw.rendered and None in (raw.capture.focal_length, raw.capture.lens_model, raw.capture.utc_offset):
        beside = next((b for ending in _BESIDE if (b := file.with_suffix(ending)).is_file()), None)
        if beside is not None:
            with report.stage("metadata"):
                report.note(f"{beside.name} lies beside and may know more: --metadata-from FILE asks it")
    return raw


def completed(raw: RawImage, report: Report) -> RawImage:
    """The image with what its file does not say of its lens, where the camera catalogue knows it."""
    capture = raw.capture
    if capture.lens_model and capture.focal_length and capture.focal_length_35mm and capture.f_number:
        return raw
    from fotohaus.cameras import complete

    return replace(raw, capture=complete(capture, (raw.crop.width, raw.crop.height), report))

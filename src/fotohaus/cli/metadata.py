"""The options that say what a file tells besides its picture, and the configuration that they change."""

from __future__ import annotations

import argparse
from dataclasses import replace

from fotohaus.cli.usage import file_name
from fotohaus.metadata import Metadata, words


def add_metadata_options(parser: argparse.ArgumentParser, *, another: bool = True) -> None:
    """Give a command the options of metadata; `chosen_metadata` reads them. another : --metadata-from, too."""
    group = parser.add_argument_group("metadata")
    group.add_argument(
        "--keep", metavar="location,serial,owner", help="write private facts, which are left out otherwise"
    )
    group.add_argument(
        "--strip",
        metavar="all|location,serial,owner",
        help="leave these out, whatever the configuration keeps; all leaves the picture alone",
    )
    group.add_argument("--artist", metavar="NAME", help="who took the photo; by default as the configuration says")
    group.add_argument(
        "--copyright", metavar="TEXT", help="whose it is, {year} for when it was taken; by default as configured"
    )
    if another:
        group.add_argument(
            "--metadata-from",
            type=file_name,
            metavar="FILE",
            help="take what the raw file does not say (lens, zone, place ...) from this file, a JPEG of the same shot",
        )


def chosen_metadata(options: argparse.Namespace) -> Metadata:
    """What the options say, and where they say nothing, the configuration.

    Raises ReadError for a configuration that is none; a word that is not known is wrong usage.
    """
    from fotohaus.config import read_config

    metadata = read_config()
    changes: dict[str, object] = {}
    for name in ("artist", "copyright"):
        if getattr(options, name) is not None:
            changes[name] = getattr(options, name)
    for name in ("keep", "strip"):
        if (text := getattr(options, name)) is None:
            continue
        try:
            Metadata(keep=words(text)) if name == "keep" else Metadata(strip=words(text))
        except ValueError as error:
            options.error(f"argument --{name}: {error}")
        changes[name] = words(text)
    return replace(metadata, **changes) if changes else metadata  # type: ignore[arg-type]

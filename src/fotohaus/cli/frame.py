"""`fotohaus frame`: paper and type around finished photos."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fotohaus.cli.metadata import add_metadata_options, chosen_metadata
from fotohaus.cli.options import chosen_recipe
from fotohaus.cli.usage import file_name
from fotohaus.errors import FotohausError, WriteError
from fotohaus.recipe import fields


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "photos",
        nargs="*",
        type=file_name,
        metavar="PHOTO",
        help="finished photos: JPEG, PNG or TIFF; none with --list",
    )
    parser.add_argument(
        *("-o", "--out"),
        type=file_name,
        metavar="PHOTO",
        help="the framed photo, or a folder for several [NAME-framed]",
    )
    for name, default in (("frame", "strip"), ("caption", ""), ("place", "")):
        about = fields()[name][1]
        says = about.help + (f" [{default}]" if default else "")
        parser.add_argument(f"--{name}", metavar=about.metavar or name.upper(), help=says)
    parser.add_argument(
        "--private", action="store_true", help="keep all that the file says of itself, position and serial numbers too"
    )
    parser.add_argument("--list", action="store_true", help="list the frames")
    add_metadata_options(parser, another=False)
    parser.set_defaults(recipe=None)


def run(options: argparse.Namespace) -> int:
    """Frame the photos, one after the other."""
    if options.list:
        return _list()
    if not options.photos:
        options.error("the following arguments are required: PHOTO")
    if options.frame == "none":
        options.error("argument --frame: a photo without a frame is the photo")
    options.frame = options.frame or "strip"
    recipe = chosen_recipe(options)
    out: Path | None = options.out
    several = len(options.photos) > 1
    if several and out is not None and not out.is_dir():
        raise WriteError(out, "several photos need a folder that exists")
    metadata = chosen_metadata(options)
    from fotohaus.cli.terminal import TerminalReport, plain
    from fotohaus.modes.frame_photo import frame_photo

    failed = False
    with TerminalReport() as report:
        for photo in options.photos:
            target = out / photo.name if out is not None and out.is_dir() else out
            try:
                print(frame_photo(photo, target, recipe, report, private=options.private, metadata=metadata))
            except FotohausError as error:
                print(f"fotohaus: {plain(error)}", file=sys.stderr)
                failed = True
    return int(failed)


def _list() -> int:
    from fotohaus.framing.shelf import PACKAGED, read_template, templates

    found = templates()
    width = max(map(len, found))
    for name, path in found.items():
        template = read_template(path)
        own = "" if path.parent == PACKAGED else " (your own)"
        print(f"{name:{width}}  {template.about or template.title}{own}")
    return 0

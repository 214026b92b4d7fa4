"""`fotohaus sheet`: a folder's photos on contact sheets."""

from __future__ import annotations

import argparse

from fotohaus.cli.command import add_threads, whole_number
from fotohaus.cli.usage import file_name


def arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument(
        "sources", nargs="+", type=file_name, metavar="SOURCE", help="folders, raw files and photos (JPEG, PNG, TIFF)"
    )
    parser.add_argument(
        *("-o", "--out"),
        type=file_name,
        required=True,
        metavar="SHEET",
        help="the sheet, .jpg or .png; several are SHEET-1, ...",
    )
    parser.add_argument(
        "--columns", type=whole_number(1, 12), default=5, metavar="1..12", help="pictures beside each other [5]"
    )
    parser.add_argument("--every", action="store_true", help="show every frame of a burst, not the first for all")
    add_threads(parser)


def run(options: argparse.Namespace) -> int:
    """Make the sheets."""
    from fotohaus import kernels
    from fotohaus.cli.terminal import TerminalReport
    from fotohaus.modes.contact_sheet import contact_sheet

    kernels.set_threads(options.threads)
    with TerminalReport() as report:
        pages = contact_sheet(options.sources, options.out, report, columns=options.columns, every=options.every)
    print(*pages, sep="\n")
    return 0

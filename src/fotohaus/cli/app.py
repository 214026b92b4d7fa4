"""The commands. What a command needs is imported when it is asked for, so that --help answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fotohaus.cli.command import Command, add_threads, dispatch
from fotohaus.cli.options import add_recipe_options, chosen_recipe
from fotohaus.cli.usage import Once, file_name

ABOUT = "Raw frames from any camera in, one finished photo out."


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit status. Wrong usage and --help exit by SystemExit."""
    return dispatch("fotohaus", ABOUT, COMMANDS, arguments, version=True)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def _add_gap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gap",
        type=_seconds,
        metavar="SECONDS",
        help="pause between photos; by default as the frames' rhythm tells",
    )


def _develop_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        nargs="+",
        type=file_name,
        metavar="SOURCE",
        help="the frames of ONE photo: raw files (or JPEG, PNG, TIFF), or a folder",
    )
    parser.add_argument(
        *("-o", "--out"),
        type=file_name,
        action=Once,
        required=True,
        help="the photo: .jpg, .avif, .jxl, .tif or .png; .exr is the linear scene; .dng the merged raw, editable",
    )
    parser.add_argument(
        "--profile", type=file_name, metavar="DCP", help="a camera profile (.dcp) in place of the raw files' own"
    )
    _add_gap(parser)
    parser.add_argument(
        "--strict", action="store_true", help="refuse sources of which a frame would be left out, and name it"
    )
    parser.add_argument("--debug", type=file_name, metavar="FOLDER", help="put pictures of what the merge did there")
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="print each stage with its time and what it decided"
    )
    add_threads(parser)
    from fotohaus.cli.metadata import add_metadata_options

    add_metadata_options(parser)
    add_recipe_options(parser)


def _develop(options: argparse.Namespace) -> int:
    from fotohaus.cli.metadata import chosen_metadata

    metadata = chosen_metadata(options)
    recipe = chosen_recipe(options)
    from fotohaus import kernels
    from fotohaus.cli.terminal import TerminalReport
    from fotohaus.modes.photo import make_photo

    if recipe.look not in (None, "neutral", "camera"):
        # A look that is not there should not be found out minutes later.
        from fotohaus.render.looks import is_lut, load_look

        if is_lut(recipe.look):
            from fotohaus.render.lut import read_lut

            read_lut(recipe.look)
        else:
            load_look(recipe.look)
    if recipe.frame != "none":
        from fotohaus.framing.shelf import load_template

        load_template(recipe.frame)
    kernels.set_threads(options.threads)
    with TerminalReport(options.verbose) as report:
        make_photo(
            options.sources,
            options.out,
            recipe,
            report,
            profile=options.profile,
            gap=options.gap,
            strict=options.strict,
            debug=options.debug,
            metadata=metadata,
            metadata_from=options.metadata_from,
        )
    if sys.stderr.isatty():
        print(options.out, file=sys.stderr)
    return 0


def _info_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=file_name, metavar="FILE", help="raw files, or photos that fotohaus made"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object a file")
    parser.add_argument("--private", action="store_true", help="show position, serial numbers and owner too")


def _info(options: argparse.Namespace) -> int:
    from fotohaus.cli.terminal import plain, print_json
    from fotohaus.errors import FotohausError
    from fotohaus.raw import describe

    facts: list[dict[str, Any]] = []
    failed = False
    for file in options.files:
        try:
            fact = describe(file)
        except FotohausError as error:
            print(f"fotohaus: {plain(error)}", file=sys.stderr)
            failed = True
            continue
        if not options.private:
            fact.pop("private", None)
        facts.append(fact)
        if not options.json:
            _print_facts(fact)
    if options.json:
        several = len(options.files) > 1
        print_json(facts if several else facts[0] if facts else None)
    return int(failed)


def _print_facts(fact: dict[str, Any], indent: str = "") -> None:
    from fotohaus.cli.terminal import plain

    for name, value in fact.items():
        label = f"{indent}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            print(f"{label}:")
            _print_facts(value, indent + "  ")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            print(f"{label}:")
            for item in value:
                print(f"{indent}  - " + ", ".join(f"{k.replace('_', ' ')} {plain(v)}" for k, v in item.items()))
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            print(f"{label}: {plain(shown)}")
    if not indent:
        print()


def _group_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources", nargs="+", type=file_name, metavar="SOURCE", help="raw files (or JPEG, PNG, TIFF), or folders"
    )
    _add_gap(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _group(options: argparse.Namespace) -> int:
    from fotohaus.cli.groups import print_groups

    return 0 if print_groups(options.sources, options.gap, options.json) else 1


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--out", type=file_name, default=Path("fotohaus-demo"), help="folder for the two photos: fotohaus-demo"
    )
    add_threads(parser)


def _demo(options: argparse.Namespace) -> int:
    from fotohaus import kernels
    from fotohaus.cli import demo

    kernels.set_threads(options.threads)
    demo.run(options.out)
    return 0


def _frame_arguments(parser: argparse.ArgumentParser) -> None:
    from fotohaus.cli.frame import arguments

    arguments(parser)


def _frame(options: argparse.Namespace) -> int:
    from fotohaus.cli.frame import run

    return run(options)


def _sheet_arguments(parser: argparse.ArgumentParser) -> None:
    from fotohaus.cli.sheet import arguments

    arguments(parser)


def _sheet(options: argparse.Namespace) -> int:
    from fotohaus.cli.sheet import run

    return run(options)


def _looks() -> dict[str, Command]:
    from fotohaus.cli.looks import COMMANDS as parts

    return parts


def _cameras() -> dict[str, Command]:
    from fotohaus.cli.cameras import COMMANDS as parts

    return parts


COMMANDS = {
    "develop": Command(
        "SOURCE... -o PHOTO [OPTION...]",
        "Develop raw frames into one photo; several are aligned and merged first.",
        _develop_arguments,
        _develop,
        examples=(
            "burst/ -o photo.jpg",
            "one.dng -o photo.jpg --ev 0.5 --wb 4200 --look vivid",
            "burst/ -o merged.dng",
            "one.dng -o photo.avif --hdr --crop 3:2 --long-edge 2048",
            "other.dng -o b.jpg --recipe a.jpg",
        ),
    ),
    "info": Command(
        "FILE... [OPTION...]",
        "Say what files say: camera, exposure, levels, noise, colour, opcodes.",
        _info_arguments,
        _info,
        examples=("one.dng", "folder/*.dng --json"),
    ),
    "group": Command(
        "SOURCE... [OPTION...]",
        "Say which files are frames of one photo: bursts, brackets and single ones.",
        _group_arguments,
        _group,
        examples=("folder/", "folder/ --json"),
    ),
    "looks": Command(
        "COMMAND ...", "The looks: list, see, keep, export them, or learn one from pairs of pictures.", parts=_looks
    ),
    "cameras": Command(
        "COMMAND ...", "The camera catalogue: what phones' cameras are, and where they are sold.", parts=_cameras
    ),
    "frame": Command(
        "PHOTO... [-o OUT] [OPTION...]",
        "Put finished photos on paper: a strip with the camera's facts, a polaroid, a passepartout, a caption.",
        _frame_arguments,
        _frame,
        examples=("photo.jpg", 'photo.jpg -o framed.jpg --frame passepartout --caption "The pier"', "*.jpg -o framed/"),
    ),
    "sheet": Command(
        "SOURCE... -o SHEET [OPTION...]",
        "Show a folder's photos and raw files on contact sheets.",
        _sheet_arguments,
        _sheet,
        examples=("folder/ -o sheet.jpg",),
    ),
    "demo": Command(
        "[OPTION...]",
        "Make a photo from the burst that ships with fotohaus, and one of a single frame to compare.",
        _demo_arguments,
        _demo,
    ),
}

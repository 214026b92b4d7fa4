"""The commands. What a command needs is imported when it is asked for, so that --help answers at once."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fotohaus.cli.options import add_recipe_options, chosen_recipe
from fotohaus.cli.usage import Once, Parser, nearest

ABOUT = "Raw frames from any camera in, one finished photo out."


class Command(NamedTuple):
    """A command: what it takes and is for, the function that adds its arguments, and the one that does it.

    parts : brings the commands that it consists of, in place of arguments of its own. examples : what people type.
    """

    takes: str
    about: str
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    run: Callable[[argparse.Namespace], int] = lambda options: 0
    parts: Callable[[], dict[str, Command]] | None = None
    examples: tuple[str, ...] = ()


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit status. Wrong usage and --help exit by SystemExit."""
    return _run("fotohaus", ABOUT, COMMANDS, arguments)


def _run(program: str, about: str, commands: dict[str, Command], arguments: Sequence[str]) -> int:
    parser = _parser(program, about)
    parser.usage = f"{program} COMMAND ..."
    if commands is COMMANDS:
        parser.add_argument("--version", action="store_true", help="print the version")
    width = max(map(len, commands))
    listed = [f"  {name:{width}}  {command.about}" for name, command in commands.items()]
    parser.epilog = "\n".join(["commands:", *listed, "", f"{program} COMMAND --help says more."])
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    name = arguments[0]
    if name == "help":
        return _run(program, about, commands, [*arguments[1:], "--help"])
    if name in commands:
        command = commands[name]
        if command.parts is not None:
            return _run(f"{program} {name}", command.about, command.parts(), arguments[1:])
        parser = _parser(f"{program} {name}", command.about)
        parser.usage = f"{program} {name} {command.takes}"
        if command.examples:
            parser.epilog = "\n".join(["examples:", *(f"  {program} {name} {example}" for example in command.examples)])
        command.arguments(parser)
        words = parser.checked(arguments[1:])
        options = parser.parse_intermixed_args(words)
        options.error = parser.error
        return command.run(options)
    if not name.startswith("-"):
        parser.error(f"no command {name!r}{nearest(name, commands)} ({', '.join(commands)} are there)")
    parser.checked([name])
    if getattr(parser.parse_args([name]), "version", False):
        from fotohaus import __version__

        print(f"fotohaus {__version__}")
    return 0


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As argparse makes one for every option, it had better not import shutil to learn the terminal's width."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


@functools.cache
def _columns() -> int:
    said = os.environ.get("COLUMNS", "")
    if said.isdigit() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (AttributeError, OSError, ValueError):
        return 80


def _parser(name: str, about: str) -> Parser:
    return Parser(prog=name, description=about, allow_abbrev=False, formatter_class=_Formatter)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What reads an option's whole number from `least` to `most`; anything else is wrong usage."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
        return value

    return read


def add_threads(parser: argparse.ArgumentParser) -> None:
    """Give a command the option --threads."""
    parser.add_argument(
        "--threads",
        type=whole_number(0, 1024),
        default=0,
        metavar="0..1024",
        help="processors to use; 0, the default, is all",
    )


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
        type=Path,
        metavar="SOURCE",
        help="the frames of ONE photo: raw files (or JPEG, PNG, TIFF), or a folder",
    )
    parser.add_argument(
        *("-o", "--out"),
        type=Path,
        action=Once,
        required=True,
        help="the photo: .jpg, .avif, .jxl, .tif or .png; .exr is the linear scene; .dng the merged raw, editable",
    )
    parser.add_argument(
        "--profile", type=Path, metavar="DCP", help="a camera profile (.dcp) in place of the raw files' own"
    )
    _add_gap(parser)
    parser.add_argument(
        "--strict", action="store_true", help="refuse sources of which a frame would be left out, and name it"
    )
    parser.add_argument("--debug", type=Path, metavar="FOLDER", help="put pictures of what the merge did there")
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
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="raw files, or photos that fotohaus made")
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
        "sources", nargs="+", type=Path, metavar="SOURCE", help="raw files (or JPEG, PNG, TIFF), or folders"
    )
    _add_gap(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _group(options: argparse.Namespace) -> int:
    from fotohaus.cli.groups import print_groups

    return 0 if print_groups(options.sources, options.gap, options.json) else 1


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--out", type=Path, default=Path("fotohaus-demo"), help="folder for the two photos: fotohaus-demo"
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

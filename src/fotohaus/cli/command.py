"""What a command is, and how the one that was asked for is found and run."""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence

from fotohaus.cli.usage import Parser, nearest
from fotohaus.records import record


@record
class Command:
    """A command: what it takes and is for, the function that adds its arguments, and the one that does it.

    parts : brings the commands that it consists of, in place of arguments of its own. examples : what people type.
    """

    takes: str
    about: str
    arguments: Callable[[argparse.ArgumentParser], None] = lambda parser: None
    run: Callable[[argparse.Namespace], int] = lambda options: 0
    parts: Callable[[], dict[str, Command]] | None = None
    examples: tuple[str, ...] = ()


def dispatch(
    program: str, about: str, commands: dict[str, Command], arguments: Sequence[str], *, version: bool = False
) -> int:
    """Do what the arguments say; returns the exit status. version : whether `--version` is known here."""
    parser = _parser(program, about)
    parser.usage = f"{program} COMMAND ..."
    if version:
        parser.add_argument("--version", action="store_true", help="print the version")
    width = max(map(len, commands))
    listed = [f"  {name:{width}}  {command.about}" for name, command in commands.items()]
    parser.epilog = "\n".join(["commands:", *listed, "", f"{program} COMMAND --help says more."])
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    name = arguments[0]
    if name == "help":
        return dispatch(program, about, commands, [*arguments[1:], "--help"], version=version)
    if name in commands:
        command = commands[name]
        if command.parts is not None:
            return dispatch(f"{program} {name}", command.about, command.parts(), arguments[1:])
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

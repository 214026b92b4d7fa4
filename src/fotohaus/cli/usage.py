"""Wrong usage, told so that it can be put right: a misspelt word is answered with the nearest there is."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

# What others call it.
_ALSO = {
    "--exposure": "--ev",
    "--white-balance": "--wb",
    "--temperature": "--wb",
    "--contrast": "--tone",
    "--clarity": "--texture",
    "--noise-reduction": "--denoise",
    "--resize": "--long-edge",
    "--colorspace": "--gamut",
    "--exclude": "--off",
    "--jobs": "--threads",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """`: did you mean X?`, for the word that was likely meant; nothing where none comes near."""
    from difflib import get_close_matches

    known = tuple(known)
    also = _ALSO.get(word)
    found = [also] if also in known else get_close_matches(word, known, 1, 0.7)
    return f": did you mean {found[0]}?" if found else ""


def file_name(text: str) -> Path:
    """The file or folder that an argument names.

    An empty one, as of a script's variable that was never set, names none: `Path` would take it for the current folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("an empty name names no file")
    return Path(text)


class Parser(argparse.ArgumentParser):
    """An argument parser that names an option that does not exist before it misses those that do."""

    def checked(self, arguments: Sequence[str]) -> list[str]:
        """The arguments; wrong usage if one is an option that there is not.

        What follows `--` are names, whatever they begin with: intermixed parsing does not see to that (bpo-14191).
        """
        end = arguments.index("--") if "--" in arguments else len(arguments)
        known = [name for action in self._actions for name in action.option_strings]
        for word in arguments[:end]:
            name = word.partition("=")[0]
            # With a space it is a value; argparse sees it so, too.
            if name.startswith("--") and " " not in word and name not in known:
                self.error(f"there is no option {name}{nearest(name, (k for k in known if k.startswith('--')))}")
        names = (f"./{word}" if word.startswith("-") else word for word in arguments[end + 1 :])
        return [*arguments[:end], *names]

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """As argparse's, which keeps quiet about a full disk."""
        (file or sys.stdout).write(self.format_help())


class Once(argparse.Action):
    """Keeps an option's value, and refuses a second one: of two outputs the first would quietly not be made."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """Called by argparse for each value."""
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"argument {'/'.join(self.option_strings)}: given twice")
        setattr(namespace, self.dest, values)

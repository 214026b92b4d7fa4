"""TOML from anywhere: looks, recipes, templates and configurations of strangers."""

from __future__ import annotations

import re
from typing import Any

DEEPEST = 100
"""Parts that a dotted key may have: the parser's memory and time grow with their square."""
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DEEP = rf"(?<![\w-])(?:{_PART}[ \t]*+\.[ \t]*+){{{DEEPEST}}}"


def parse_toml(text: str) -> dict[str, Any]:
    """The values of a TOML document, in time and memory that go with its length.

    Raises ValueError, one line, for what is none.
    """
    import tomllib

    if text.count(".") >= DEEPEST and re.search(_DEEP, text):
        raise ValueError("no TOML: nested too deeply")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("no TOML: nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"no TOML: {error}") from None
    except ValueError:
        # Python's own, of whole numbers with thousands of digits, and of days that are none.
        raise ValueError("no TOML: a number or a date in it can't be") from None

"""TOML of strangers: one line says what is wrong, soon, and in little memory."""

import contextlib
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.toml import DEEPEST, parse_toml


def test_what_people_write_is_read():
    text = 'title = "a.b.c ... "\nx.y."z.w" = 1 # a.a.a\n[tone]\nslope = 0.1\n' + "v = [" + "0.1, " * 3000 + "]"
    values = parse_toml(text)
    assert values["x"] == {"y": {"z.w": 1}}
    assert values["tone"]["slope"] == 0.1


@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 40_000) + " = 1",
        "[" + " . ".join(["'a'"] * 10_000) + "]",
        "x = {" + ".".join(['"a"'] * 20_000) + " = 1}",
        "a = " + "[" * 90_000,
        "a = " + "{a = " * 20_000,
        "a = " + "9" * 90_000,
        "a" * 100_000,
        '"' * 100_000,
        '"a".' * 25_000,
        "a = 2026-02-30",
        "a = 1\na = 2",
        "\0",
    ],
)
def test_what_is_none_is_refused_soon_and_in_one_line(text):
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(ValueError, match="no TOML: ") as raised:
        parse_toml(text)
    taken, (_, most) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200
    assert most < 30e6
    assert taken < 3


def test_the_worst_that_is_let_through_costs_little():
    parts = ".".join("a" * (DEEPEST - 1))
    text = f"[{parts}]\n" + "\n".join(f"a{i}.{parts} = 1" for i in range(100_000 // (2 * DEEPEST + 10)))
    tracemalloc.start()
    assert parse_toml(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 100e6


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(parse_toml(text), dict)

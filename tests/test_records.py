"""Records behave as frozen data classes do."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest

from fotohaus.records import record


@record(kw_only=True)
class Base:
    """What both have."""

    kind: ClassVar[int] = 0
    flags: int = 1


@record
class Point(Base):
    """A point."""

    kind = 3
    x: int
    y: float = 2.0
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class PlainBase:
    """What both have."""

    kind: ClassVar[int] = 0
    flags: int = 1


@dataclass(frozen=True)
class PlainPoint(PlainBase):
    """A point."""

    kind = 3
    x: int
    y: float = 2.0
    names: list[str] = field(default_factory=list)


WAYS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1,), {}),
    ((1, 5.0, ["a"]), {"flags": 0}),
    ((), {"x": 4, "names": ["b", "c"]}),
]
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {"x": 2}),
    ((1,), {"z": 2}),
    ((1, 2.0, [], 4), {}),
]


@pytest.mark.parametrize(("given", "named"), WAYS)
def test_made_as_a_data_class_is(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    made, plain = Point(*given, **named), PlainPoint(*given, **named)
    assert asdict(made) == asdict(plain)
    assert [f.name for f in fields(made)] == [f.name for f in fields(plain)]
    assert repr(made) == repr(plain).replace("PlainPoint", "Point")
    assert asdict(replace(made, x=9)) == asdict(replace(plain, x=9))
    assert Point.__match_args__ == PlainPoint.__match_args__
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    assert made.kind == 3


@pytest.mark.parametrize(("given", "named"), WRONG)
def test_refuses_what_a_data_class_refuses(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (Point, PlainPoint):
        with pytest.raises(TypeError):
            kind(*given, **named)


def test_is_frozen_and_compares_by_value() -> None:
    made = Point(1)
    with pytest.raises(FrozenInstanceError):
        made.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del made.x
    assert made == Point(1, names=[])
    assert made != Point(2)
    assert made != PlainPoint(1)
    assert hash(Base()) == hash(Base(flags=1)) != hash(Base(flags=2))
    assert made.names is not Point(1).names


def test_its_fields_are_found_once_by_whichever_thread_asks() -> None:
    """Each of several makes a whole one, and a class below finds those of a class above."""
    for _ in range(50):

        @record
        class Above:
            a: int
            b: list[int] = field(default_factory=list)

        @record
        class Below(Above):
            c: int = 3

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda kind: kind(1), [Below, Above] * 4))
        assert [f.name for f in fields(Above)] == ["a", "b"]
        assert {repr(one).rpartition(".")[2] for one in made} == {"Below(a=1, b=[], c=3)", "Above(a=1, b=[])"}


def test_matches_by_place() -> None:
    match Point(1, 5.0):
        case Point(x, y):
            assert (x, y) == (1, 5.0)

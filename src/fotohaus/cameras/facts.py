"""What the catalogue says: phones, their rear cameras and markets, each fact with where it comes from.

The files are TOML (docs/cameras.md). What is wrong in one is a ValueError that names the place in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from fotohaus.records import record

VERSION = 1
STATUSES = ("sold", "announced", "not sold")
KINDS = ("maker", "firmware", "file", "press", "list", "leak", "memory")
"""Kinds of sources, the best first: what the maker says, what its firmware shows, photos' own metadata, reports and
reviews, second-hand copies of specification lists, reports from before the launch, and memory that nobody checked."""
PROJECTIONS = ("rectilinear", "fisheye")


@record
class Source:
    """Where facts come from; `date` is a year, a month or a day, None if the source has none."""

    key: str
    title: str
    publisher: str
    kind: str
    date: str | None = None
    url: str | None = None
    note: str | None = None


@record
class Fact:
    """A value with the keys of its sources.

    others : what other sources say instead. settled : why the value stands against what speaks for another.
    """

    value: Any
    sources: tuple[str, ...]
    verified: bool = True
    others: tuple[Fact, ...] = ()
    note: str | None = None
    settled: str | None = None


@record
class Sensor:
    """An image sensor: facts by their names (`CAMERA_FACTS`)."""

    name: str
    facts: dict[str, Fact]


@record
class Camera:
    """A rear camera: its facts, those of its sensor among them where the camera has none of its own."""

    name: str
    facts: dict[str, Fact]
    projection: str = "rectilinear"

    def value(self, fact: str, verified: bool = False) -> Any:
        """A fact's value, None if there is none; with `verified`, also None for one that is not."""
        found = self.facts.get(fact)
        return None if found is None or (verified and not found.verified) else found.value


@record
class Market:
    """What is known about a phone in some countries (ISO 3166-1 alpha-2); `exclusive`: and in no other."""

    countries: tuple[str, ...]
    status: str
    text: str
    date: str
    sources: tuple[str, ...]
    exclusive: bool = False
    verified: bool = True


@record
class Statement:
    """What was said about markets in general."""

    text: str
    date: str
    sources: tuple[str, ...]
    verified: bool = True


@record
class Phone:
    """A phone, or another camera that writes raw files. `models` are what EXIF Model may say.

    appeared : when it was announced or released, whichever the source tells.
    """

    key: str
    name: str
    make: str
    models: Fact
    appeared: Fact | None
    cameras: tuple[Camera, ...]
    markets: tuple[Market, ...] = ()
    statements: tuple[Statement, ...] = ()


def _number(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


def _text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 300 and value == value.strip()


def _apertures(value: Any) -> bool:
    one = _number(0.7, 64)
    return one(value) or (isinstance(value, list) and len(value) == 2 and all(map(one, value)) and value[0] < value[1])


def _pixels(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(n) is int and 100 <= n <= 40_000 for n in value)


def _noise(value: Any) -> bool:
    possible = (_number(1e-7, 0.05), _number(0, 0.01))
    return isinstance(value, list) and len(value) == 2 and all(f(v) for f, v in zip(possible, value, strict=True))


_DATE = r"(19|20)\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"


def _date(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(_DATE, value) is not None


def _format(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"(1/)?\d(\.\d{1,2})?|4/3", value) is not None


@record
class Kind:
    """A kind of fact: what it is called, its unit, and whether a value can be one."""

    label: str
    unit: str
    possible: Callable[[Any], bool]


CAMERA_FACTS: dict[str, Kind] = {
    "sensor": Kind("sensor", "", _text),
    "format": Kind("optical format", "", _format),
    "pixel_pitch": Kind("pixel pitch", "µm", _number(0.3, 10)),
    "pixels": Kind("pixels", "", _pixels),
    "megapixels": Kind("resolution", "megapixels", _number(0.5, 400)),
    "aspect": Kind("aspect ratio", "", _number(1, 2)),
    "binning": Kind("pixels binned into one", "", _number(1, 16)),
    "focal_length": Kind("focal length", "mm", _number(0.5, 100)),
    "focal_length_35mm": Kind("35 mm equivalent", "mm", _number(5, 1000)),
    "f_number": Kind("aperture", "", _apertures),
    "field_of_view": Kind("field of view", "degrees", _number(1, 200)),
    "noise": Kind("noise at ISO 100", "of the white level", _noise),
}
"""The facts of a camera, or of a sensor. f_number may be a range. noise is S and O of variance = S x + O (DNG 1.7.1,
NoiseProfile); S grows with the sensitivity, O with its square."""
SENSOR_FACTS = ("format", "pixel_pitch", "pixels", "megapixels", "aspect", "binning")


def parse_sources(table: Mapping[str, Any]) -> dict[str, Source]:
    """The sources of the catalogue, by their keys."""
    found = {}
    for key, entry in _without_version(table, "sources").items():
        place = f"source {key}"
        _known(entry, {"title", "publisher", "kind", "date", "url", "note"}, place)
        _check(entry.get("kind") in KINDS, f"{place}: kind is none of {', '.join(KINDS)}")
        _check(_text(entry.get("title")) and _text(entry.get("publisher")), f"{place}: needs a title and a publisher")
        _check("date" not in entry or _date(entry["date"]), f"{place}: date is no YYYY-MM-DD, YYYY-MM or YYYY")
        url = entry.get("url")
        _check(url is not None or entry["kind"] in ("list", "memory", "file"), f"{place}: needs a url")
        _check(url is None or re.fullmatch(r"https?://\S+", url) is not None, f"{place}: url is none")
        found[key] = Source(key=key, **entry)
    return found


def parse_sensors(table: Mapping[str, Any], sources: Collection[str]) -> dict[str, Sensor]:
    """The sensors of the catalogue, by their names."""
    found = {}
    for name, entry in _without_version(table, "sensors").items():
        found[name] = Sensor(name, _facts(entry, SENSOR_FACTS, sources, f"sensor {name}"))
    return found


def parse_phone(
    key: str,
    table: Mapping[str, Any],
    sources: Collection[str],
    sensors: Mapping[str, Sensor],
    countries: Collection[str],
) -> Phone:
    """One phone. `sources`, `sensors` and `countries` are those that may be named."""
    table = _without_version(table, key)
    _known(table, {"name", "make", "models", "appeared", "cameras", "markets", "statements"}, key)
    _check(_text(table.get("name")) and _text(table.get("make")), f"{key}: needs a name and a make")
    models = _fact(table.get("models"), None, sources, f"{key}: models")
    _check(
        isinstance(models.value, list) and bool(models.value) and all(map(_text, models.value)),
        f"{key}: models are a list of texts",
    )
    appeared = None
    if "appeared" in table:
        appeared = _fact(table["appeared"], None, sources, f"{key}: appeared")
        _check(_date(appeared.value), f"{key}: appeared is no date")
    cameras = tuple(_camera(entry, sources, sensors, key) for entry in table.get("cameras", ()))
    _check(bool(cameras), f"{key}: has no cameras")
    _check(len({camera.name for camera in cameras}) == len(cameras), f"{key}: two cameras have one name")
    return Phone(
        key=key,
        name=table["name"],
        make=table["make"],
        models=models,
        appeared=appeared,
        cameras=cameras,
        markets=tuple(_market(entry, sources, countries, key) for entry in table.get("markets", ())),
        statements=tuple(_statement(entry, sources, key) for entry in table.get("statements", ())),
    )


def _camera(entry: Any, sources: Collection[str], sensors: Mapping[str, Sensor], key: str) -> Camera:
    _check(isinstance(entry, dict) and _text(entry.get("name")), f"{key}: a camera needs a name")
    place = f"{key}: {entry['name']}"
    projection = entry.get("projection", PROJECTIONS[0])
    _check(projection in PROJECTIONS, f"{place}: projection is none of {', '.join(PROJECTIONS)}")
    given = {name: value for name, value in entry.items() if name not in ("name", "projection")}
    facts = _facts(given, CAMERA_FACTS, sources, place)
    sensor = facts.get("sensor")
    if sensor is not None and sensor.value in sensors:
        # What is known of a sensor is no surer than that it is this sensor.
        for name, fact in sensors[sensor.value].facts.items():
            sure = fact.verified and sensor.verified
            facts.setdefault(name, replace(fact, verified=sure))
    return Camera(entry["name"], {name: facts[name] for name in CAMERA_FACTS if name in facts}, projection)


def _facts(entry: Any, names: Collection[str], sources: Collection[str], place: str) -> dict[str, Fact]:
    """Facts of a table. Its own `source` is that of every fact which names none."""
    _check(isinstance(entry, dict), f"{place}: is no table")
    _known(entry, {*names, "source"}, place)
    common = entry.get("source")
    facts = {}
    for name, value in entry.items():
        if name == "source":
            continue
        facts[name] = _fact(value, common, sources, f"{place}: {name}")
        for fact in (facts[name], *facts[name].others):
            _check(CAMERA_FACTS[name].possible(fact.value), f"{place}: {name}: {fact.value!r} can't be")
    return facts


def _fact(entry: Any, common: Any, sources: Collection[str], place: str) -> Fact:
    if not isinstance(entry, dict):
        entry = {"value": entry}
    _known(entry, {"value", "source", "verified", "others", "note", "settled"}, place)
    _check(entry.get("value") is not None, f"{place}: has no value")
    verified = entry.get("verified", True)
    _check(isinstance(verified, bool), f"{place}: verified is true or false")
    for name in ("note", "settled"):
        _check(name not in entry or _text(entry[name]), f"{place}: {name} is no text")
    return Fact(
        value=entry["value"],
        sources=_sources(entry.get("source", common), sources, place),
        verified=verified,
        others=tuple(_fact(other, None, sources, place) for other in entry.get("others", ())),
        note=entry.get("note"),
        settled=entry.get("settled"),
    )


def _market(entry: Any, sources: Collection[str], countries: Collection[str], key: str) -> Market:
    place = f"{key}: a market"
    _known(entry, {"countries", "status", "text", "date", "source", "exclusive", "verified"}, place)
    unknown = [code for code in entry.get("countries", ()) if code not in countries]
    _check(not unknown and bool(entry.get("countries")), f"{place}: no country codes: {unknown}")
    _check(entry.get("status") in STATUSES, f"{place}: status is none of {', '.join(STATUSES)}")
    _check(_text(entry.get("text")) and _date(entry.get("date")), f"{place}: needs a text and a date")
    return Market(
        tuple(entry["countries"]),
        entry["status"],
        entry["text"],
        entry["date"],
        _sources(entry.get("source"), sources, place),
        entry.get("exclusive", False),
        entry.get("verified", True),
    )


def _statement(entry: Any, sources: Collection[str], key: str) -> Statement:
    place = f"{key}: a statement"
    _known(entry, {"text", "date", "source", "verified"}, place)
    _check(_text(entry.get("text")) and _date(entry.get("date")), f"{place}: needs a text and a date")
    named = _sources(entry.get("source"), sources, place)
    return Statement(entry["text"], entry["date"], named, entry.get("verified", True))


def _sources(entry: Any, sources: Collection[str], place: str) -> tuple[str, ...]:
    named = (entry,) if isinstance(entry, str) else tuple(entry or ())
    _check(bool(named), f"{place}: has no source")
    unknown = [key for key in named if key not in sources]
    _check(not unknown, f"{place}: there is no source {', '.join(unknown)}")
    return named


def _without_version(table: Mapping[str, Any], place: str) -> dict[str, Any]:
    _check(table.get("version") == VERSION, f"{place}: version is not {VERSION}")
    return {name: value for name, value in table.items() if name != "version"}


def _known(entry: Any, names: Collection[str], place: str) -> None:
    _check(isinstance(entry, dict), f"{place}: is no table")
    unknown = sorted(set(entry) - set(names))
    _check(not unknown, f"{place}: unknown: {', '.join(unknown)}")


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)

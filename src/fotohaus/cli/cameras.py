"""`fotohaus cameras`: which there are, where they are sold, and what is known of one, with the sources."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Any

from fotohaus.cameras.catalogue import find, phones, sources
from fotohaus.cameras.countries import countries, country_code
from fotohaus.cameras.derived import contradictions, derive, show
from fotohaus.cameras.facts import CAMERA_FACTS, Camera, Fact, Market, Phone
from fotohaus.cli.command import Command
from fotohaus.cli.terminal import print_json

ANSWERS = {"sold": "yes", "announced": "announced", "not sold": "no"}
UNKNOWN = "unknown"
UNVERIFIED = "(?)"


def _list_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--market", metavar="COUNTRY", help="say which are sold there: an ISO 3166 code or an English name, IT or Italy"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _list(options: argparse.Namespace) -> int:
    code = None if options.market is None else country_code(options.market)
    if options.json:
        print_json([_brief(phone, code) for phone in phones()])
    elif code is None:
        width = max(len(phone.name) for phone in phones())
        for phone in phones():
            print(f"{phone.name:{width}}  {_lenses(phone)}{_where(phone)}")
    else:
        _print_market(code)
    return 0


def _print_market(code: str) -> None:
    answered = {phone.name: answer(phone, code) for phone in phones()}
    width = max(len(name) for name, (said, _) in answered.items() if said != UNKNOWN)
    print(f"{countries()[code]} ({code})")
    for wanted in ANSWERS.values():
        for phone in phones():
            said, market = answered[phone.name]
            if said != wanted or market is None:
                continue
            print(f"{_unsure(said, market.verified):13}  {phone.name:{width}}  {market.text} ({_cited(market)})")
            if said == "no" and market.exclusive:
                for statement in phone.statements:
                    print(f"{'':13}  {'':{width}}  {statement.text} ({_cited(statement)})")
    unknown = [name for name, (said, _) in answered.items() if said == UNKNOWN]
    if unknown:
        print(f"{UNKNOWN:13}  {', '.join(unknown)}")


def answer(phone: Phone, code: str) -> tuple[str, Market | None]:
    """Whether a phone is sold in a country: "yes", "announced", "no" or "unknown", and what says so."""
    here = [market for market in phone.markets if code in market.countries]
    elsewhere = [market for market in phone.markets if market.exclusive]
    if here:
        best = min(here, key=lambda market: list(ANSWERS).index(market.status))
        return ANSWERS[best.status], best
    return ("no", elsewhere[0]) if elsewhere else (UNKNOWN, None)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="+", metavar="NAME", help='a name, a part of it, or a model\'s code: "12s ultra"')
    parser.add_argument("--json", action="store_true", help="print JSON")


def _show(options: argparse.Namespace) -> int:
    phone = find(" ".join(options.name))
    if options.json:
        print_json(_whole(phone))
        return 0
    cited = _Citations()
    print(phone.name)
    print(f"  models: {', '.join(phone.models.value)} {cited(phone.models.sources)}")
    if phone.appeared is not None:
        print(f"  appeared: {phone.appeared.value} {cited(phone.appeared.sources)}")
    for camera in phone.cameras:
        print(f"\n{camera.name} camera")
        for name, fact in camera.facts.items():
            print(f"  {CAMERA_FACTS[name].label}: {_fact_text(name, fact)} {cited(fact.sources)}")
        for line in follows(camera):
            print(f"  = {line}")
    if phone.markets or phone.statements:
        print("\nmarkets")
    for market in phone.markets:
        where = ", ".join(market.countries) + (" only" if market.exclusive else "")
        text = _unsure(market.text, market.verified)
        print(f"  {where}: {market.status}, {market.date}: {text} {cited(market.sources)}")
    for statement in phone.statements:
        print(f"  {statement.date}: {_unsure(statement.text, statement.verified)} {cited(statement.sources)}")
    found = contradictions(phone)
    if found:
        print("\ncontradictions")
    for one in found:
        settled = f"; {one.settled}" if one.settled else ""
        print(f"  {one.camera}, {CAMERA_FACTS[one.fact].label}: {one.text}{settled}")
    print("\nsources")
    for number, key in enumerate(cited.keys, 1):
        print(f"  [{number}] {_source_text(key)}")
    print(f"\n{UNVERIFIED} is not verified; = follows from the facts above it.")
    return 0


class _Citations:
    """Numbers sources in the order in which they are cited."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def __call__(self, keys: Iterable[str]) -> str:
        for key in keys:
            if key not in self.keys:
                self.keys.append(key)
        return "[" + ", ".join(str(self.keys.index(key) + 1) for key in keys) + "]"


def follows(camera: Camera) -> list[str]:
    """What follows from a camera's facts, as lines; what would not without its unverified facts is marked."""
    derived, sure = derive(camera), derive(camera, verified=True)
    about = "about " if derived.approximate else ""
    lines: list[str] = []

    def tell(name: str, text: str) -> None:
        lines.append(_unsure(text, getattr(derived, name) == getattr(sure, name)))

    if derived.size is not None and derived.diagonal is not None and derived.crop_factor is not None:
        size = f"{derived.size[0]:.1f} x {derived.size[1]:.1f} mm, diagonal {derived.diagonal:.1f} mm"
        tell("diagonal", f"sensor: {about}{size}; crop factor {derived.crop_factor:.2f}")
    if derived.binned_pixel_pitch is not None:
        tell("binned_pixel_pitch", f"binned pixels: {derived.binned_pixel_pitch:g} µm")
    if derived.focal_length is not None and camera.value("focal_length") is None:
        tell("focal_length", f"focal length: {about}{derived.focal_length:.1f} mm")
    if derived.focal_length_35mm is not None and camera.value("focal_length_35mm") is None:
        tell("focal_length_35mm", f"35 mm equivalent: {about}{derived.focal_length_35mm:.0f} mm")
    if derived.equivalent_aperture is not None:
        tell("equivalent_aperture", f"equivalent aperture: {about}f/{derived.equivalent_aperture:.1f}")
    if derived.hyperfocal_distance is not None and derived.circle_of_confusion is not None:
        distance = f"{about}{derived.hyperfocal_distance / 1000:.1f} m"
        circle = f"circle of confusion {derived.circle_of_confusion * 1000:.1f} µm"
        tell("hyperfocal_distance", f"hyperfocal distance: {distance} ({circle})")
    if derived.field_of_view is not None:
        wide, high, across = derived.field_of_view
        text = f"field of view: {about}{wide:.0f} x {high:.0f} degrees, {across:.0f} across the diagonal"
        tell("field_of_view", text)
    return lines


def _fact_text(name: str, fact: Fact) -> str:
    return _unsure(show(name, fact.value), fact.verified) + (f" ({fact.note})" if fact.note else "")


def _unsure(text: str, verified: bool) -> str:
    return text if verified else f"{text} {UNVERIFIED}"


def _lenses(phone: Phone) -> str:
    told = []
    for camera in phone.cameras:
        facts = [camera.facts[name] for name in ("focal_length_35mm", "f_number") if name in camera.facts]
        length, aperture = camera.value("focal_length_35mm"), camera.value("f_number")
        words = [f"{length:g} mm" if length else camera.name, show("f_number", aperture) if aperture else ""]
        told.append(_unsure(" ".join(filter(None, words)), all(fact.verified for fact in facts)))
    return ", ".join(told)


def _where(phone: Phone) -> str:
    only = [", ".join(market.countries) for market in phone.markets if market.exclusive]
    return f"; sold in {only[0]} only" if only else ""


def _cited(said: Any) -> str:
    return f"{_source_text(said.sources[0], title=False)}, {said.date}"


def _source_text(key: str, title: bool = True) -> str:
    source = sources()[key]
    where = f"{source.publisher}, {source.url}" if source.url else source.publisher
    if not title:
        return where
    note = f" {source.note}" if source.note else ""
    return f"{source.title}; {where} ({source.date or 'no date'}, {source.kind}){note}"


def _brief(phone: Phone, code: str | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": phone.name,
        "key": phone.key,
        "models": phone.models.value,
        "appeared": None if phone.appeared is None else phone.appeared.value,
        "cameras": [
            {"name": c.name, "focal_length_35mm": c.value("focal_length_35mm"), "f_number": c.value("f_number")}
            for c in phone.cameras
        ],
    }
    if code is not None:
        said, market = answer(phone, code)
        about = {} if market is None else _market_json(market)
        facts["market"] = {"country": code, "answer": said} | about
        facts["statements"] = [_said_json(statement) for statement in phone.statements]
    return facts


def _whole(phone: Phone) -> dict[str, Any]:
    return _brief(phone, None) | {
        "models": _fact_json(phone.models),
        "appeared": None if phone.appeared is None else _fact_json(phone.appeared),
        "cameras": [
            {
                "name": camera.name,
                "projection": camera.projection,
                "facts": {name: _fact_json(fact) for name, fact in camera.facts.items()},
                "derived": _derived_json(camera),
            }
            for camera in phone.cameras
        ],
        "markets": [_market_json(market) for market in phone.markets],
        "statements": [_said_json(statement) for statement in phone.statements],
        "contradictions": [one.__dict__ for one in contradictions(phone)],
    }


def _fact_json(fact: Fact) -> dict[str, Any]:
    facts: dict[str, Any] = {"value": fact.value, "verified": fact.verified, "sources": _sources_json(fact.sources)}
    if fact.others:
        facts["others"] = [_fact_json(other) for other in fact.others]
    return facts | {k: v for k, v in (("note", fact.note), ("settled", fact.settled)) if v is not None}


def _derived_json(camera: Camera) -> dict[str, Any]:
    derived, sure = derive(camera), derive(camera, verified=True)

    def told(name: str, value: Any) -> dict[str, Any]:
        shown = [round(x, 3) for x in value] if isinstance(value, tuple) else round(value, 3)
        return {"value": shown, "verified": getattr(sure, name) == value}

    known = {name: value for name, value in derived.__dict__.items() if value is not None}
    approximate = known.pop("approximate")
    return {name: told(name, value) for name, value in known.items()} | {"approximate": approximate}


def _market_json(market: Market) -> dict[str, Any]:
    return {"countries": list(market.countries), "status": market.status, "exclusive": market.exclusive} | _said_json(
        market
    )


def _said_json(said: Any) -> dict[str, Any]:
    return {"text": said.text, "date": said.date, "verified": said.verified, "sources": _sources_json(said.sources)}


def _sources_json(keys: Iterable[str]) -> list[dict[str, Any]]:
    return [{k: v for k, v in sources()[key].__dict__.items() if v is not None} for key in keys]


COMMANDS = {
    "list": Command(
        "[--market COUNTRY] [OPTION...]",
        "List the cameras; with --market, say which are sold there.",
        _list_arguments,
        _list,
    ),
    "show": Command("NAME [OPTION...]", "Say what is known of one, with the sources.", _show_arguments, _show),
}

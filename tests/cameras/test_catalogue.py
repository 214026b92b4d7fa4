"""The catalogue's files are whole, consistent and say where everything comes from."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from fotohaus.cameras import build_index, catalogue, index
from fotohaus.cameras.countries import ALSO, countries, country_code
from fotohaus.cameras.derived import Contradiction, contradictions, derive
from fotohaus.cameras.facts import Fact, parse_phone, parse_sources
from fotohaus.errors import ReadError

TARGETS = (
    *("xiaomi-12s", "xiaomi-12s-pro", "xiaomi-12s-ultra", "xiaomi-mi-11-ultra", "xiaomi-12", "xiaomi-12-pro"),
    *("xiaomi-12t", "xiaomi-12t-pro", "xiaomi-13", "xiaomi-13-pro", "xiaomi-13-ultra"),
)
KNOWN = {
    ("apple-iphone-12-pro", "ultra-wide", "format"),
    ("apple-iphone-12-pro-max", "ultra-wide", "format"),
    ("apple-iphone-12-pro-max", "tele", "format"),
    ("apple-iphone-13-pro", "ultra-wide", "focal_length_35mm"),
    ("apple-iphone-15-pro-max", "tele", "format"),
    ("google-pixel-4", "tele", "format"),
    ("google-pixel-7", "main", "focal_length_35mm"),
    ("google-pixel-7-pro", "main", "focal_length_35mm"),
    ("samsung-galaxy-s22-ultra", "main", "focal_length_35mm"),
    ("samsung-galaxy-s23-ultra", "main", "focal_length_35mm"),
    ("google-pixel-6", "ultra-wide", "focal_length_35mm"),
    ("google-pixel-6-pro", "ultra-wide", "focal_length_35mm"),
    ("samsung-galaxy-s24-ultra", "long tele", "megapixels"),
    ("xiaomi-12s-pro", "ultra-wide", "f_number"),
    ("xiaomi-13", "main", "format"),
    ("xiaomi-13", "main", "megapixels"),
    ("xiaomi-13", "ultra-wide", "format"),
    ("xiaomi-13", "tele", "format"),
    ("xiaomi-15-ultra", "short tele", "focal_length_35mm"),
    ("xiaomi-mi-11-ultra", "main", "focal_length_35mm"),
    ("xiaomi-mi-11-ultra", "ultra-wide", "focal_length_35mm"),
}
"""Contradictions that are told and not settled; a new one in the data should be looked at. Those of the field of view
apart: makers state it before distortion is corrected."""


def all_facts() -> list[tuple[str, Fact]]:
    found = []
    for phone in catalogue.phones():
        found.append((phone.key, phone.models))
        for camera in phone.cameras:
            for name, fact in camera.facts.items():
                found += [(f"{phone.key} {camera.name} {name}", one) for one in (fact, *fact.others)]
    return found


def test_every_file_is_read() -> None:
    assert set(TARGETS) <= set(catalogue.keys())
    assert len(catalogue.phones()) >= 11 + 20
    names = [phone.name for phone in catalogue.phones()]
    assert len(set(names)) == len(names)


def test_every_target_has_its_rear_cameras() -> None:
    counts = {key: len(catalogue.load(key).cameras) for key in TARGETS}
    assert counts.pop("xiaomi-13-ultra") == 4
    assert set(counts.values()) == {3}


def test_every_source_is_used() -> None:
    used = {key for _, fact in all_facts() for key in fact.sources}
    for phone in catalogue.phones():
        used.update(() if phone.appeared is None else phone.appeared.sources)
        for said in (*phone.markets, *phone.statements):
            used.update(said.sources)
    for sensor in catalogue.sensors().values():
        used.update(key for fact in sensor.facts.values() for key in fact.sources)
    assert used == set(catalogue.sources())


def test_memory_and_rumours_alone_verify_nothing() -> None:
    kinds = {key: source.kind for key, source in catalogue.sources().items()}
    sure = [(place, fact) for place, fact in all_facts() if fact.verified]
    bad = [place for place, fact in sure if all(kinds[key] == "memory" for key in fact.sources)]
    assert bad == []


def test_lengths_and_equivalents_agree() -> None:
    """Focal length times crop factor is the equivalent, within 3 % or its rounding, where nothing else is told."""
    checked = 0
    for phone in catalogue.phones():
        told = {(one.camera, one.fact) for one in contradictions(phone)}
        for camera in phone.cameras:
            derived, focal = derive(camera), camera.value("focal_length")
            stated = camera.value("focal_length_35mm")
            if not focal or not stated or derived.crop_factor is None or (camera.name, "focal_length_35mm") in told:
                continue
            assert abs(focal * derived.crop_factor - stated) <= max(0.03 * stated, 0.5), (phone.key, camera.name)
            checked += 1
    assert checked >= 12


def test_contradictions_are_told() -> None:
    open_ones = {
        (phone.key, one.camera, one.fact)
        for phone in catalogue.phones()
        for one in contradictions(phone)
        if one.settled is None and one.fact != "field_of_view"
    }
    assert open_ones == KNOWN


def test_contradictions_are_found() -> None:
    entry = camera(pixel_pitch=1.0, megapixels=48, format="1/1.3", focal_length=5, focal_length_35mm=24)
    found = {one.fact: one for one in contradictions(phone_of(entry))}
    assert set(found) == {"format", "focal_length_35mm"}
    assert isinstance(found["format"], Contradiction)
    assert "10.00 mm" in found["format"].text
    others = camera(f_number={"value": 1.9, "others": [{"value": 1.91, "source": "x"}, {"value": 2.4, "source": "x"}]})
    assert [one.text for one in contradictions(phone_of(others))] == ["f/1.9 (x), but f/2.4 (x)"]


def test_the_12s_ultra() -> None:
    """By the notes from which the catalogue began: 8.71, 2.40 and 22.2 mm; f/5.0, f/11.9 and f/22."""
    main, wide, tele = (derive(one) for one in catalogue.load("xiaomi-12s-ultra").cameras)
    assert main.diagonal == pytest.approx(16.38, abs=0.02)
    assert main.crop_factor == pytest.approx(2.64, abs=0.005)
    lengths = [one.focal_length for one in (main, wide, tele)]
    assert lengths == pytest.approx([8.71, 2.40, 22.2], abs=0.03)
    apertures = [one.equivalent_aperture for one in (main, wide, tele)]
    assert apertures == pytest.approx([5.0, 11.9, 22.2], abs=0.05)


@pytest.mark.parametrize(
    ("key", "camera", "published"),
    [
        ("xiaomi-12s-ultra", "main", 3.2),
        ("xiaomi-12-pro", "main", 2.44),
        ("xiaomi-14-ultra", "main", 3.2),
        ("apple-iphone-14-pro", "main", 2.44),
        ("samsung-galaxy-s21-ultra", "main", 2.4),
        ("xiaomi-12t-pro", "main", 2.56),
        ("xiaomi-13", "main", 2.0),
    ],
)
def test_binned_pixels_are_as_published(key: str, camera: str, published: float) -> None:
    [one] = [c for c in catalogue.load(key).cameras if c.name == camera]
    assert derive(one).binned_pixel_pitch == pytest.approx(published)


def test_unverified_facts_derive_nothing_verified() -> None:
    entry = camera(pixel_pitch=1.22, megapixels=50, focal_length_35mm={"value": 24, "source": "x", "verified": False})
    [main] = phone_of(entry).cameras
    assert derive(main).focal_length == pytest.approx(6.9, abs=0.1)
    assert derive(main, verified=True).focal_length is None


def test_what_the_drivers_say_is_consistent() -> None:
    """The 12S's drivers: focal length times the crop factor that they state is the equivalent, to 0.1 mm."""
    stated = {"main": (6.92, 3.468, 24), "ultra-wide": (2.13, 7.04, 15), "macro": (4.1, 12.19, 50)}
    for one in catalogue.load("xiaomi-12s").cameras:
        focal, crop, equivalent = stated[one.name]
        assert one.value("focal_length", True) == focal
        assert one.value("focal_length_35mm", True) == equivalent == pytest.approx(focal * crop, abs=0.1)


def test_a_cameras_own_focal_length_stands() -> None:
    """The Mi 11 Ultra's equivalents are disputed, by its firmware; its focal lengths are not."""
    main = build_index.phone_entries(catalogue.load("xiaomi-mi-11-ultra"))[0]
    assert main.focal_length == index.Number(7.59)
    assert main.focal_length_35mm == index.Number(24, sure=False)


def test_the_index_is_that_of_the_files() -> None:
    """If this fails: python -m fotohaus.cameras.build_index."""
    assert Path(index.PATH).read_text("utf-8") == build_index.build()


def test_no_two_phones_share_a_model() -> None:
    owners: dict[str, str] = {}
    for phone in catalogue.phones():
        for entry in build_index.phone_entries(phone)[:1]:
            for model in entry.models:
                assert owners.setdefault(model, phone.key) == phone.key, model


def test_countries() -> None:
    assert len(countries()) == 249
    assert all(len(code) == 2 and code.isalpha() and code.isupper() for code in countries())
    assert country_code("it") == country_code("Italy") == country_code(" italy ".strip()) == "IT"
    assert country_code("cote d'ivoire") == country_code("Ivory Coast") == "CI"
    assert [country_code(name) for name in ("usa", "UK", "Turkey", "mainland China")] == ["US", "GB", "TR", "CN"]
    assert set(ALSO.values()) <= set(countries())
    with pytest.raises(ReadError, match="Italy"):
        country_code("Itly")
    with pytest.raises(ReadError, match="no country"):
        country_code("")


def test_phones_are_found_by_parts_of_names() -> None:
    for name in ("12s ultra", "12S ULTRA", "Xiaomi 12S Ultra", "2203121C", "2203121c", "ultra 12s", "xiaomi-12s-ultra"):
        assert catalogue.find(name).key == "xiaomi-12s-ultra", name
    assert catalogue.find("12s").key == "xiaomi-12s"
    assert catalogue.find("iphone 13 pro max").key == "apple-iphone-13-pro"
    assert catalogue.find("L2D-20c").key == "dji-mavic-3"
    with pytest.raises(ReadError, match=r"nearest are Xiaomi 12S Ultra"):
        catalogue.find("12s ulra")
    with pytest.raises(ReadError, match=r"any of: Samsung Galaxy S21 Ultra, "):
        catalogue.find("galaxy")
    for nothing in ("", "  ", "*", "Ω"):
        with pytest.raises(ReadError):
            catalogue.find(nothing)


SOURCES = parse_sources({"version": 1, "x": {"title": "t", "publisher": "p", "kind": "press", "url": "https://x.org"}})


def camera(**facts: Any) -> dict[str, Any]:
    return {"name": "main", "source": "x", **facts}


def table(*cameras: dict[str, Any], **more: Any) -> dict[str, Any]:
    models = {"value": ["M1"], "source": "x"}
    return {"version": 1, "name": "Maker One", "make": "Maker", "models": models, "cameras": [*cameras], **more}


def phone_of(*cameras: dict[str, Any], **more: Any) -> Any:
    return parse_phone("one", table(*cameras, **more), SOURCES, {}, countries())


MARKET = {"countries": ["IT"], "status": "sold", "text": "sold", "date": "2022-07", "source": "x"}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"cameras": []}, "no cameras"),
        ({"cameras": [camera(), camera()]}, "one name"),
        ({"cameras": [camera(f_number=0.1)]}, "f_number: 0.1 can't be"),
        ({"cameras": [camera(f_number=[4.0, 1.9])]}, "can't be"),
        ({"cameras": [camera(pixels=[1, 2, 3])]}, "can't be"),
        ({"cameras": [camera(format="big")]}, "can't be"),
        ({"cameras": [camera(megapixels="50")]}, "can't be"),
        ({"cameras": [camera(megapixels=True)]}, "can't be"),
        ({"cameras": [camera(weight=3)]}, "unknown: weight"),
        ({"cameras": [{"name": "main", "f_number": 2}]}, "has no source"),
        ({"cameras": [camera(f_number={"value": 2, "source": "y"})]}, "there is no source y"),
        ({"cameras": [camera(f_number={"value": 2, "verified": "no"})]}, "true or false"),
        ({"cameras": [camera(projection="flat")]}, "projection"),
        ({"markets": [MARKET | {"countries": ["XX"]}]}, "no country codes"),
        ({"markets": [MARKET | {"countries": ["Italy"]}]}, "no country codes"),
        ({"markets": [MARKET | {"status": "maybe"}]}, "status"),
        ({"markets": [MARKET | {"date": "July 2022"}]}, "date"),
        ({"markets": [MARKET | {"date": "2022-13"}]}, "date"),
        ({"appeared": {"value": "soon", "source": "x"}}, "no date"),
        ({"version": 2}, "version"),
        ({"colour": "black"}, "unknown: colour"),
        ({"models": {"value": [], "source": "x"}}, "models"),
    ],
)
def test_what_is_wrong_is_named(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_phone("one", table(camera()) | more, SOURCES, {}, countries())


def test_sources_are_checked() -> None:
    good = {"title": "t", "publisher": "p", "kind": "press", "url": "https://x.org"}
    for change in ({"kind": "hearsay"}, {"url": "x.org"}, {"date": "1/2/2022"}, {"title": ""}):
        with pytest.raises(ValueError, match="source x"):
            parse_sources({"version": 1, "x": good | change})
    with pytest.raises(ValueError, match="needs a url"):
        parse_sources({"version": 1, "x": {k: v for k, v in good.items() if k != "url"}})


def test_files_are_plain_toml() -> None:
    for path in (catalogue.DATA / "phones").glob("*.toml"):
        assert set(tomllib.loads(path.read_text("utf-8"))) <= {
            *("version", "name", "make", "models", "appeared", "cameras", "markets", "statements")
        }

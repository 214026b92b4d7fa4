"""What a frame says about a capture."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fotohaus.framing import words as w
from fotohaus.raw.image import CaptureInfo

THIN, HARD = "\u202f", "\u00a0"


@pytest.mark.parametrize(
    ("make", "model", "said"),
    [
        ("NIKON CORPORATION", "NIKON Z 6_2", "Nikon Z 6_2"),
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("SONY", "ILCE-7M4", "Sony ILCE-7M4"),
        ("Xiaomi", "12S Ultra", "Xiaomi 12S Ultra"),
        ("OPPO", "PGEM10", "OPPO PGEM10"),
        ("OLYMPUS IMAGING CORP.  ", "E-M1", "Olympus E-M1"),
        (None, "Pixel 7", "Pixel 7"),
        ("GoPro", None, "GoPro"),
        (None, None, ""),
        ("Xiaomi", "2203121C", "Xiaomi 12S Ultra"),
        (None, "Xiaomi 2203121C", "Xiaomi 12S Ultra"),
        ("samsung", "SM-S908B", "Samsung Galaxy S22 Ultra"),
        ("Xiaomi", "2203121X", "Xiaomi 2203121X"),  # no phone of the catalogue
        ("Google", "Pixel 3 XL", "Google Pixel 3 XL"),  # one of two in one entry
        ("Hasselblad", "L2D-20c", "Hasselblad L2D-20c"),  # a name of its own
    ],
)
def test_camera(make: str | None, model: str | None, said: str) -> None:
    assert w.camera(CaptureInfo(make=make, model=model)) == said


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (1 / 125, f"1/125{THIN}s"),
        (0.1, f"1/10{THIN}s"),
        (0.25, f"1/4{THIN}s"),
        (0.4, f"0.4{THIN}s"),
        (1.0, f"1{THIN}s"),
        (2.5, f"2.5{THIN}s"),
        (30.0, f"30{THIN}s"),
        (240.0, f"4{THIN}min"),
        (150.0, f"2{THIN}min 30{THIN}s"),
        (0.0, ""),
        (float("inf"), ""),
        (None, ""),
    ],
)
def test_shutter(time: float | None, said: str) -> None:
    assert w.shutter(time) == said


def test_lengths_and_apertures() -> None:
    assert w.focal_length(8.7, 23) == f"23{THIN}mm{HARD}eq."
    assert w.focal_length(50, 50) == w.focal_length(50, None) == f"50{THIN}mm"
    assert w.focal_length(4.25, None) == f"4.2{THIN}mm"
    assert w.focal_length(None, None) == w.focal_length(float("nan"), -3) == ""
    assert [w.aperture(f) for f in (1.89, 2.0, 11.0, None)] == ["ƒ/1.9", "ƒ/2", "ƒ/11", ""]
    assert w.position((-45.4642, 9.19)) == f"45°27′51″{THIN}S\u20029°11′24″{THIN}E"


def test_what_is_unknown_is_not_there() -> None:
    assert w.words(CaptureInfo()) == {}
    said = w.words(CaptureInfo(iso=100, position=(45.0, 9.0), taken=datetime(1, 1, 1)))
    assert said == {"iso": f"ISO{HARD}100"}  # the place is not said unless asked for


def test_the_place_is_asked_for() -> None:
    capture = CaptureInfo(position=(45.0, 9.0))
    assert w.words(capture, place="gps")["place"].startswith("45°00′00″")
    assert w.words(capture, place="Milano")["place"] == "Milano"
    assert "place" not in w.words(CaptureInfo(), place="gps")


def test_text_from_strangers_is_cleaned() -> None:
    assert w.clean("a\nb\x00\x1b[31m\u202ec\u2066d\u200b\ud800 \t e") == "a b [31mcd e"
    assert w.clean("Z" + "\u0301" * 50).count("\u0301") <= 4
    assert len(w.clean("long " * 1000)) <= w.LONGEST
    assert w.clean("می\u200cخواهم") == "می\u200cخواهم"  # a joiner that Persian is written with


@given(st.text(max_size=100))
def test_clean_text_is_one_line_without_marks_of_direction(text: str) -> None:
    cleaned = w.clean(text)
    assert w.clean(cleaned) == cleaned
    assert not set(cleaned) & set("\n\r\t\x00\x1b\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

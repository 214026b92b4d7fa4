"""Frames of any picture: type within the margins, nothing over anything else, no holes."""

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fotohaus.framing.faces import shapes
from fotohaus.framing.layout import GRID, Layout, lay_out
from fotohaus.framing.shelf import load_template
from fotohaus.framing.words import words
from fotohaus.raw.image import CaptureInfo

NAMES = ("strip", "polaroid", "passepartout", "caption")
CAPTURE = CaptureInfo(
    make="Barnes",
    model="Testcam 12S Ultra",
    taken=datetime(2022, 7, 3, 17, 42),
    exposure_time=1 / 125,
    f_number=1.89,
    iso=50,
    focal_length=8.7,
    focal_length_35mm=23,
    position=(45.4642, 9.19),
)
LONG = (
    "A very long caption that nobody asked for, but which people write all the same, about the evening and the light. "
)
FIELDS = ("make", "model", "taken", "exposure_time", "f_number", "iso", "focal_length", "focal_length_35mm", "position")
CAPTIONS = ("", "Harbour", LONG, LONG * 4, "W" * 300, "שלום עולם, 2024 (Tel Aviv)", "Гавань · Ωραίο φως", "a\nb\u202e")


def overlaps(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def type_of(layout: Layout, keyline: str) -> list[tuple[int, int, int, int]]:
    return [mark.box for mark in layout.marks if mark.color != keyline]


known = st.fixed_dictionaries(
    {},
    optional={
        "make": st.just(None),
        "model": st.just(None),
        "taken": st.just(None),
        "exposure_time": st.just(None),
        "f_number": st.just(None),
        "iso": st.just(None),
        "focal_length_35mm": st.just(None),
        "lens_model": st.sampled_from(["Testlens 8.7 mm f/1.9", "ё" * 80]),
    },
)


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(NAMES),
    area=st.floats(60_000, 50e6),
    aspect=st.sampled_from([1.0, 4 / 3, 3 / 4, 3 / 2, 16 / 9, 9 / 21, 65 / 24, 24 / 65, 1 / 8, 12.0]),
    gone=known,
    caption=st.sampled_from(CAPTIONS),
    place=st.sampled_from(["", "gps", "Milano"]),
)
def test_type_keeps_to_its_place(
    name: str, area: float, aspect: float, gone: dict[str, None], caption: str, place: str
) -> None:
    shape = max(2, round((area / aspect) ** 0.5)), max(2, round((area * aspect) ** 0.5))
    template = load_template(name)
    capture = CaptureInfo(**{**{n: getattr(CAPTURE, n) for n in FIELDS}, **gone})
    layout = lay_out(shape, template, words(capture, caption=caption, place=place))
    picture = layout.top, layout.left, layout.top + shape[0], layout.left + shape[1]
    assert layout.picture == shape
    assert all(side % GRID == 0 for side in (layout.top, layout.left, layout.shape[0] - picture[2]))
    assert (layout.shape[1] - picture[3]) % GRID == 0
    texts = type_of(layout, template.keyline.color)
    for box in texts:
        assert box[0] >= picture[2], "type is below the picture"
        assert box[2] <= layout.shape[0], "and on the paper"
        assert box[1] >= picture[1] - 1, "within the picture's sides"
        assert box[3] <= picture[3] + 1
    boxes = [mark.box for mark in layout.marks] + [picture]
    for i, box in enumerate(boxes):
        assert box[0] >= 0
        assert box[1] >= 0
        assert box[2] <= layout.shape[0]
        assert box[3] <= layout.shape[1]
        assert not any(overlaps(box, other) for other in boxes[i + 1 :])


def test_every_fact_that_is_known_is_said_once() -> None:
    for name in NAMES:
        full = len(type_of(lay_out((3000, 4000), load_template(name), words(CAPTURE)), "#c9c5bc"))
        less = lay_out((3000, 4000), load_template(name), words(CaptureInfo(model="Testcam", iso=50)))
        texts = type_of(less, "#c9c5bc")
        assert 1 <= len(texts) <= 2 <= full


def test_a_fact_that_is_missing_leaves_no_gap() -> None:
    """What is left is as wide as its words: the space of what is gone closes."""
    template = load_template("caption")

    def width(capture: CaptureInfo) -> int:
        boxes = [mark.box for mark in lay_out((3000, 4000), template, words(capture)).marks]
        return boxes[-1][3] - boxes[-1][1]

    both = width(CaptureInfo(model="T", f_number=1.9, iso=50))
    first, second = width(CaptureInfo(model="T", f_number=1.9)), width(CaptureInfo(model="T", iso=50))
    assert both > max(first, second)
    assert both < first + second + 60
    assert not lay_out((300, 400), template, {}).marks


def test_sizes_follow_the_picture() -> None:
    for name in NAMES:
        small, large = (lay_out((h, h * 4 // 3), load_template(name), words(CAPTURE)) for h in (1500, 6000))
        assert large.shape[0] / 6000 == pytest.approx(small.shape[0] / 1500, abs=0.02)
        highest = [
            max(mark.mask.shape[0] for mark in layout.marks if mark.mask.shape[0] < 500) for layout in (small, large)
        ]
        assert highest[1] == pytest.approx(4 * highest[0], rel=0.08)


def test_type_can_be_read_on_small_pictures() -> None:
    layout = lay_out((300, 400), load_template("strip"), words(CAPTURE))
    assert min(mark.mask.shape[0] for mark in layout.marks) >= 7


def test_a_long_caption_ends_at_a_word_with_an_ellipsis() -> None:
    from fotohaus.framing.typeset import Item, set_rows

    rows = set_rows([Item("caption", LONG * 9)], "", weight="regular", size=20, width=600, rows=2)
    said = ["".join(run.text for run in row.runs) for row in rows]
    assert len(rows) == 2
    assert all(row.width <= 600 for row in rows)
    assert said[-1].endswith("…")
    assert said[-1][:-1].split(" ")[-1] in (LONG * 9).replace(",", "").replace(".", "").split(" ")


def test_what_no_font_can_show_is_left_out_and_told_once() -> None:
    told: list[str] = []
    lay_out((3000, 4000), load_template("caption"), {"caption": "Fin \U00013000\U0001f9ff\U000e0041 de"}, told.append)
    assert len(told) == 1
    assert "left out" in told[0]
    plain = lay_out((3000, 4000), load_template("caption"), {"caption": "Fin de"})
    shown = lay_out((3000, 4000), load_template("caption"), {"caption": "Fin \U00013000 de"})
    assert np.array_equal(plain.marks[0].mask, shown.marks[0].mask)


def test_without_fribidi_latin_is_set_and_what_needs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from fotohaus.framing import faces, typeset

    monkeypatch.setattr(faces, "shapes", lambda: False)
    monkeypatch.setattr(typeset, "shapes", lambda: False)
    cached = (faces.font, typeset._advance)
    try:
        for one in cached:
            one.cache_clear()
        told: list[str] = []
        layout = lay_out((900, 1200), load_template("caption"), words(CAPTURE, caption="שלום"), told.append)
        assert len(layout.marks) == 2
        assert len(told) == 1
    finally:
        for one in cached:
            one.cache_clear()


@pytest.mark.skipif(not shapes(), reason="needs FriBiDi")
def test_right_to_left_is_set_right_to_left() -> None:
    """Hebrew's first letter is the rightmost: with more words, the right end stays and the left end changes."""
    from fotohaus.framing.typeset import Item, draw, set_rows, showable

    if showable("שלום", "regular")[0] == "":
        pytest.skip("no Hebrew on this machine")
    short, long = (
        draw(set_rows([Item("caption", text)], "", weight="regular", size=40, width=4000)[0])[0]
        for text in ("שלום", "שלום עולם")
    )
    high, wide = min(short.shape[0], long.shape[0]), short.shape[1]
    alone = short[:high].sum(0, dtype=float)
    ends = [np.corrcoef(alone, part[:high].sum(0, dtype=float))[0, 1] for part in (long[:, -wide:], long[:, :wide])]
    assert long.shape[1] > 1.5 * wide
    assert ends[0] > 0.95 > 0.7 > ends[1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_stored_layout_is_the_upright_one_turned(orientation: int) -> None:
    from PIL import Image

    upright = lay_out((400, 640), load_template("passepartout"), words(CAPTURE))

    def painted(layout: Layout) -> np.ndarray:
        page = np.zeros(layout.shape, np.uint8)
        page[layout.top : layout.top + layout.picture[0], layout.left : layout.left + layout.picture[1]] = 99
        for mark in layout.marks:
            top, left, bottom, right = mark.box
            page[top:bottom, left:right] = np.maximum(mark.mask, 1)
        return page

    stored = Image.fromarray(painted(upright.turned(orientation)))
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    shown = stored if orientation == 1 else stored.transpose(Image.Transpose(turns[orientation]))
    assert np.array_equal(np.asarray(shown), painted(upright))

import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from report.sample import EMPTY, SAMPLE
from rich.console import Console

from tinygen.config import Budget
from tinygen.report import console, html, junit
from tinygen.report.budget import judged
from tinygen.report.model import Exact, Proof

JUDGED = judged(SAMPLE, Budget(arena_bytes=1, flash_bytes=60_000, cycles=1))
WRONG = SAMPLE.updated(
    exact=Exact.of("reference", (Proof(name="device", inputs=10, mismatches=3),))
)


class Page(HTMLParser):
    """Collects the tags, attributes and text of a page, and checks that tags are balanced."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def printed(report, width=120):
    stream = io.StringIO()
    console.show(report, Console(file=stream, width=width, color_system=None))
    return stream.getvalue()


def test_the_terminal_shows_figures_and_layers():
    text = printed(JUDGED)
    for part in ("16,000 B (smallest possible)", "91.50% (183 of 200)", "37.037 ms, modelled"):
        assert part in text
    assert "sha256:0123 (NOT PINNED)" in text
    assert re.search(r"arena_bytes +16,000 +1 +15,999 \(1,599,900.0 %\) +NOT MET", text)
    assert re.search(r"cycles +- +1 +not known", text)
    assert re.search(r"conv +CONV_2D +conv_2d_portable +2,000,000 +5,000,000 +6,000,000", text)
    assert "\x1b" not in text


def test_the_terminal_does_not_mention_what_is_not_known():
    text = printed(EMPTY)
    assert "accuracy" not in text
    assert "flash " not in text.split("model ")[1]


def test_names_that_look_like_markup_are_shown_as_they_are():
    layer = SAMPLE.layers[0].model_copy(update={"name": "[red]conv[/nothing]"})
    assert "[red]conv[/nothing]" in printed(SAMPLE.updated(layers=(layer,)))


@pytest.mark.parametrize("report", [JUDGED, WRONG, EMPTY], ids=["judged", "wrong", "empty"])
def test_the_page_is_well_formed_and_needs_nothing_else(report):
    page = Page(html.render(report))
    assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
    assert not [v for k, v in page.attributes if k in ("src", "href")]


def test_the_page_shows_names_as_text():
    text = html.render(SAMPLE)
    assert "&lt;dense&gt; &amp; &#39;co&#39;" in text
    assert "<dense>" not in text


def test_the_page_says_when_something_differs():
    assert "3 of 10 inferences differ" in html.render(WRONG)
    assert "Bit-exact" not in html.render(WRONG)


def test_the_arena_map_puts_buffers_where_and_when_they_are():
    drawing = html.arena_map(SAMPLE)
    low, high = drawing.boxes
    assert low.y == pytest.approx((drawing.top + drawing.bottom) / 2)
    assert low.y + low.height == pytest.approx(drawing.bottom)
    assert high.y == pytest.approx(drawing.top)
    assert high.x == low.x == drawing.left
    assert high.width == pytest.approx(2 * low.width)
    assert high.title == "conv: 8,000 B at 8,000, layers 0 to 1"


def test_there_is_no_map_of_nothing():
    assert html.arena_map(EMPTY) is None


def test_junit_counts_what_failed_and_what_could_not_be_judged():
    suite = ElementTree.fromstring(junit.render(JUDGED))
    assert suite.attrib == {
        "name": "tinygen kws nucleo_f746zg",
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    assert cases["budget: arena_bytes"].find("failure").get("message") == (
        "arena_bytes is 16,000, over its budget of 1 by 15,999 (1,599,900.0 %)"
    )
    assert cases["budget: cycles"].find("skipped") is not None
    assert len(cases["exact: host"]) == 0
    figures = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert figures["instructions"] == "7000000"
    assert "cycles" not in figures


def test_junit_fails_where_bytes_differ():
    suite = ElementTree.fromstring(junit.render(WRONG))
    (case,) = suite.iter("testcase")
    assert case.find("failure").get("message") == "3 of 10 inferences differ"


def test_every_view_is_the_same_every_time():
    for render in (html.render, junit.render, printed):
        assert render(JUDGED) == render(JUDGED)

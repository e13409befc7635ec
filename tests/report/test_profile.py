import io
from html.parser import HTMLParser

import pytest
from report.sample import SAMPLE
from rich.console import Console

from tinygen.report import profile_views
from tinygen.report.profile import profile

DENSE = "<dense> & 'co'"
PROFILE = profile(SAMPLE, "board", "cycles", [{"conv": 90, DENSE: 20}, {"conv": 110, DENSE: 20}])


def printed(subject):
    stream = io.StringIO()
    profile_views.show(subject, Console(file=stream, width=140, color_system=None))
    return stream.getvalue()


def test_mean_and_extremes_over_the_inferences():
    conv, dense = PROFILE.layers
    assert (conv.mean, conv.least, conv.most) == (100, 90, 110)
    assert (dense.mean, dense.least, dense.most) == (20, 20, 20)
    assert (PROFILE.total, PROFILE.inferences) == (120, 2)
    assert PROFILE.share(conv) == pytest.approx(100 / 120)


def test_a_layer_without_code_is_left_out():
    assert [layer.name for layer in profile(SAMPLE, "qemu", "ticks", [{"conv": 1}]).layers] == [
        "conv"
    ]


def test_a_profile_of_nothing_has_no_shares_to_divide_by():
    empty = profile(SAMPLE, "board", "ticks", [{"conv": 0}])
    assert empty.share(empty.layers[0]) == 0
    assert "<svg" in profile_views.render(empty)


def test_the_terminal_shows_what_was_counted():
    text = printed(PROFILE)
    for part in ("cycles", "least", "most", "83.3%", "6,000,000", "mean of 2 inferences", DENSE):
        assert part in text


def test_the_terminal_leaves_out_columns_that_say_nothing():
    text = printed(profile(SAMPLE, "unicorn", "instructions", [{"conv": 1, DENSE: 2}]))
    assert "least" not in text
    assert "mean of" not in text


def test_bars_are_as_wide_as_those_under_them():
    bars = list(profile_views.flame(PROFILE))
    for depth in range(3):
        assert sum(bar.width for bar in bars if bar.depth == depth) == pytest.approx(960, abs=0.1)
    conv, dense = (bar for bar in bars if bar.depth == 2)
    assert conv.width == pytest.approx(5 * dense.width, abs=0.1)
    assert dense.x == pytest.approx(conv.x + conv.width, abs=0.1)
    assert conv.title == "conv: 100 cycles, 83.3 %"


def test_layers_stand_under_their_operator():
    bars = list(profile_views.flame(PROFILE))
    operators = {bar.label: bar for bar in bars if bar.depth == 1}
    layers = {bar.label: bar for bar in bars if bar.depth == 2}
    assert operators["CONV_2D"].x == layers["conv"].x
    assert operators["FULLY_CONNECTED"].x == layers[DENSE].x


def test_the_page_shows_names_as_text_and_needs_nothing_else():
    text = profile_views.render(PROFILE)
    tags = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)
    parser.feed(text)
    assert {"script", "link", "img"}.isdisjoint(tags)
    assert "&lt;dense&gt;" in text
    assert DENSE not in text

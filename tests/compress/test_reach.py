"""The search along an order of removal, and channel ids, in plain numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygen.compress.pruning.channels import Channels
from tinygen.compress.pruning.reach import fewest


@given(
    st.lists(st.integers(1, 50), max_size=60),
    st.floats(0.2, 5),
    st.floats(0, 3),
    st.floats(0.01, 1.2),
)
def test_what_is_found_is_within_the_limit_and_not_far_below(steps, factor, bend, fraction):
    figures = np.cumsum([100, *steps])[::-1].astype(float)
    asked = []

    def exact(number):
        asked.append(number)
        return float(figures[number])

    limit = fraction * figures[0]
    found = fewest(len(steps), lambda n: factor * figures[n] ** (1 + bend), exact, limit)
    if figures[-1] > limit:
        assert found is None
        return
    assert figures[found] <= limit
    assert len(asked) <= 5 + len(steps).bit_length() + 2


def test_a_right_quick_figure_gives_the_first_number_that_holds():
    figures = list(range(100, 0, -1))
    asked = []

    def exact(number):
        asked.append(number)
        return figures[number]

    assert fewest(99, lambda n: 3 * figures[n], exact, 50.5) == 50
    assert asked == [0, 50]


def test_a_misleading_quick_figure_does_not_stop_the_search():
    assert fewest(40, lambda n: 1.0, lambda n: 100 - n, 61) is not None
    assert fewest(40, lambda n: 1.0, lambda n: 100 - n, 59) is None


@pytest.mark.parametrize("top", [0, 1])
def test_ends(top):
    assert fewest(top, lambda n: 10 - n, lambda n: 10 - n, 10) == 0
    assert fewest(top, lambda n: 10 - n, lambda n: 10 - n, 5) is None


def test_united_channels_share_a_root_and_their_fate():
    channels = Channels()
    a, b, c = (channels.new(3) for _ in range(3))
    channels.unite(a, b)
    channels.unite(c, b[::-1])
    assert channels.roots(a).tolist() == channels.roots(b).tolist() == [0, 1, 2]
    assert channels.roots(c).tolist() == [2, 1, 0]
    channels.freeze(c[:1])
    assert channels.frozen == {2}
    with pytest.raises(ValueError, match="shorter"):
        channels.unite(a, b[:2])

import io
import json

import pytest
from rich.console import Console

from tinygen.tuning.comparison import Candidate, Comparison, Layer, show

FAST = Candidate(kernel="add_dsp", predicted=100, measured=150)
SLOW = Candidate(kernel="add_portable", predicted=120, measured=90)
LARGE = Candidate(kernel="conv_2d_large", predicted=10, measured=None)
COMPARISON = Comparison(
    model="digits",
    board="nucleo_f746zg",
    device="board",
    unit="cycles",
    images=2,
    layers=(
        Layer(name="sum", op="ADD", before=0, after=1, candidates=(FAST, SLOW)),
        Layer(name="same", op="ADD", before=1, after=1, candidates=(FAST, SLOW)),
    ),
)


@pytest.fixture
def shown():
    def call(comparison):
        console = Console(width=120, file=io.StringIO())
        show(comparison, console)
        return console.file.getvalue()

    return call


def test_figures_of_what_changes():
    assert [layer.name for layer in COMPARISON.changed] == ["sum"]
    assert COMPARISON.totals == (150 + 90, 90 + 90)
    assert (FAST.ratio, SLOW.ratio, LARGE.ratio) == (1.5, 0.75, None)


def test_both_tables_are_shown(shown):
    text = shown(COMPARISON)
    kernels, _, changes = text.partition("layer ")
    assert (
        "add_dsp            2                200               300   1.50   1.50  1.50" in kernels
    )
    assert changes.index("estimate") < changes.index("add_dsp") < changes.index("measurement")
    assert "change the kernel of 1 of 2 layers, from 240 to 180 cycles" in " ".join(text.split())


def test_without_a_change_only_kernels_are_shown(shown):
    text = shown(COMPARISON.model_copy(update={"layers": COMPARISON.layers[1:]}))
    assert "estimate" not in text
    assert "of 0 of 1 layers" in " ".join(text.split())


def test_a_kernel_without_a_measurement_is_not_compared(shown):
    layer = Layer(name="sum", op="ADD", before=0, after=0, candidates=(FAST, LARGE))
    assert "conv_2d_large" not in shown(COMPARISON.model_copy(update={"layers": (layer,)}))


def test_the_document_can_be_read_back():
    assert Comparison.model_validate_json(COMPARISON.json_text()) == COMPARISON
    assert json.loads(COMPARISON.json_text())["layers"][0]["candidates"][0]["measured"] == 150

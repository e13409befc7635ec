import pytest
from report.sample import EMPTY, SAMPLE

from tinygen.config import Budget
from tinygen.errors import BudgetError
from tinygen.report.budget import enforce, judged


def test_budgets_that_are_met_pass():
    report = judged(SAMPLE, Budget(arena_bytes=16_000, accuracy=0.915, instructions=7_000_000))
    assert [(v.name, v.passed) for v in report.budgets] == [
        ("arena_bytes", True),
        ("instructions", True),
        ("accuracy", True),
    ]
    enforce(report)


def test_every_budget_that_is_not_met_is_named_and_modelled_ones_say_so():
    report = judged(SAMPLE, Budget(arena_bytes=15_999, accuracy=0.92, latency_ms=37))
    with pytest.raises(BudgetError) as caught:
        enforce(report)
    assert str(caught.value) == (
        "kws: arena_bytes is 16,000, over its budget of 15,999, "
        "latency_ms is 37.037 (modelled), over its budget of 37, "
        "accuracy is 0.915, under its budget of 0.92; change the model or the budget"
    )


def test_a_measured_latency_is_not_called_modelled():
    measured = SAMPLE.updated(run=SAMPLE.run.model_copy(update={"cycles": 8_000_000}))
    (verdict,) = judged(measured, Budget(latency_ms=1)).budgets
    assert not verdict.modelled
    assert verdict.passed is False


def test_a_figure_that_is_not_known_neither_passes_nor_fails():
    report = judged(EMPTY, Budget(cycles=1, flash_bytes=1, accuracy=1))
    assert {verdict.passed for verdict in report.budgets} == {None}
    enforce(report)

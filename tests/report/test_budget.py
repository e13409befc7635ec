import pytest
from report.sample import EMPTY, SAMPLE

from tinygen.config import Budget
from tinygen.errors import BudgetError
from tinygen.report.budget import enforce, excess, judged, sentence, unjudged


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
        "kws: arena_bytes is 16,000, over its budget of 15,999 by 1 (0.0 %), "
        "latency_ms is 37.037 (modelled), over its budget of 37 by 0.037 (0.1 %), "
        "accuracy is 0.915, under its budget of 0.92 by 0.005; change the model or the budget"
    )


def test_a_measured_latency_is_not_called_modelled():
    measured = SAMPLE.updated(run=SAMPLE.run.model_copy(update={"cycles": 8_000_000}))
    (verdict,) = judged(measured, Budget(latency_ms=1)).budgets
    assert not verdict.modelled
    assert verdict.passed is False


FIGURES = SAMPLE.updated(
    memory=SAMPLE.memory.model_copy(update={"stack_bytes": 1_000}),
    run=SAMPLE.run.model_copy(update={"cycles": 8_500_000}),
)
VALUES = FIGURES.memory.model_dump() | FIGURES.run.model_dump()


@pytest.mark.parametrize("name", Budget.model_fields)
def test_every_figure_has_a_budget_that_is_just_met_and_just_missed(name):
    value = VALUES[name]
    better, worse = (0.001, -0.001) if name == "accuracy" else (-1, 1)
    for limit, passed in ((value, True), (value + worse, True), (value + better, False)):
        (verdict,) = judged(FIGURES, Budget(**{name: limit})).budgets
        assert (verdict.name, verdict.value, verdict.passed) == (name, value, passed)
        assert verdict.modelled is (name in ("cycles_modelled", "energy_uj"))
        assert (excess(verdict) == "") is passed


def test_a_stack_is_judged_by_its_bound_and_not_by_what_was_seen():
    memory = FIGURES.memory.model_copy(update={"stack_bound_bytes": 1_200})
    for limit, passed in ((1_100, False), (1_200, True)):
        (verdict,) = judged(FIGURES.updated(memory=memory), Budget(stack_bytes=limit)).budgets
        assert (verdict.value, verdict.passed) == (1_200, passed)


def test_measured_energy_is_not_called_modelled():
    run = SAMPLE.run.model_copy(update={"energy_method": "measured by PPK2"})
    (verdict,) = judged(SAMPLE.updated(run=run), Budget(energy_uj=1)).budgets
    assert "energy_uj is 12,466.7, over its budget of 1 by" in sentence(verdict)


@pytest.mark.parametrize("name", Budget.model_fields)
def test_a_figure_that_is_not_known_does_not_pass_and_is_told_of(name):
    limit = 1 if name == "accuracy" else 10
    report = judged(EMPTY, Budget(**{name: limit}))
    assert report.budgets[0].passed is None
    enforce(report)
    tested = report.updated(run=report.run.model_copy(update={"device": "board"}))
    (remark,) = unjudged(tested)
    assert remark.startswith(f"budget {name} was not judged: ")


def test_a_build_does_not_tell_what_only_a_test_can_know():
    report = judged(EMPTY, Budget(cycles=1, energy_uj=1, stack_bytes=1))
    assert [remark.split()[1] for remark in unjudged(report)] == ["stack_bytes"]

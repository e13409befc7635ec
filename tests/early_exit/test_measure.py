"""The figures of inferences that may stop early, and their mean over samples."""

import pytest
from exiting import DATA, GRAPH

from tinygen import boards, data
from tinygen.early_exit import measure
from tinygen.report.model import Exact, ModelFacts, Report
from tinygen.report.run import Figures, with_run
from tinygen.trial import Outcome

SAMPLES = data.load(DATA, GRAPH.inputs, 4)
BOARD = boards.load_board("nucleo_f746")
LONG = Figures("unicorn", instructions=1000, cycles_modelled=1200, stack_bytes=64)
SHORT = Figures("unicorn", instructions=200, cycles_modelled=300, stack_bytes=64)
BUILT = Report(
    model=ModelFacts(name="m", sha256="00", macs=1), target="cortex-m7", exact=Exact.of("it", ())
)


class Device:
    """Takes little time for the samples that stop early."""

    def __init__(self, exits):
        self._short = [SAMPLES.raw(index) for index in exits]

    def figures(self, inputs):
        return SHORT if inputs in self._short else LONG


@pytest.mark.parametrize(
    ("exits", "longest", "instructions", "mean"),
    [
        ({0, 1, 3}, 2, 1000, 400.0),
        ({1}, 0, 1000, 800.0),
        (set(), 0, 1000, 1000.0),
        ({0, 1, 2, 3}, 0, None, 200.0),
    ],
)
def test_the_longest_inference_and_the_mean(exits, longest, instructions, mean):
    assert measure.longest(SAMPLES, exits) == longest
    full, early = measure.figures(Device(exits), SAMPLES, exits)
    outcome = Outcome(4, None, 0, None, exits=frozenset(exits))
    run = with_run(BUILT, BOARD, outcome, full, early=early).run
    assert run.exit_rate == len(exits) / 4
    assert (run.instructions, run.instructions_mean) == (instructions, mean)
    assert run.cycles is run.cycles_mean is None
    assert (run.latency_ms is None) == (run.energy_uj is None) == (instructions is None)
    assert run.latency_ms_mean == pytest.approx(
        run.cycles_modelled_mean / BOARD.clock.hz * 1e3, abs=1e-6
    )


def test_a_network_without_an_exit_has_no_mean():
    run = with_run(BUILT, BOARD, Outcome(4, None, 0, None), LONG).run
    assert (run.exit_rate, run.instructions_mean, run.latency_ms_mean) == (None, None, None)

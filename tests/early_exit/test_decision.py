"""When an exit is taken, and which outputs cannot be one."""

import numpy as np
import pytest
from exiting import GRAPH
from tiny_models import two_convs

from tinygen import reference
from tinygen.early_exit import decision
from tinygen.errors import ConfigError

FOR_FINAL = decision.needed(GRAPH, GRAPH.outputs[1])
WITHOUT_HEAD = GRAPH.replace(nodes=tuple(node for node in GRAPH.nodes if node in FOR_FINAL))


@pytest.mark.parametrize(
    ("threshold", "stored"),
    [(0.5, 0), (0.9, 103), (0.53515625, 9), (0.5351563, 10), (1 / 256, -127), (1e-9, -127)],
)
def test_the_threshold_is_never_taken_below_what_was_asked(threshold, stored):
    exit_ = decision.make(GRAPH, 0, threshold)
    assert exit_.stored == stored
    scale, zero = 1 / 256, -128
    assert (stored - zero) * scale >= threshold > (stored - 1 - zero) * scale


def test_what_is_sure_enough_answers_for_both_outputs():
    exit_ = decision.make(GRAPH, 0, 0.5)
    sure, unsure, final = (np.int8([row]) for row in ([-9, 0, -9], [-9, -1, -9], [7, -9, -9]))
    assert exit_.taken([sure, final])
    assert [a.tolist() for a in exit_.answers([sure, final])] == [[[-9, 0, -9]]] * 2
    assert not exit_.taken([unsure, final])
    assert exit_.answers([unsure, final])[exit_.final].tolist() == final.tolist()


def test_what_the_exit_needs_comes_first_and_nothing_changes():
    exit_ = decision.make(GRAPH, 0, 0.5)
    graph = decision.ordered(GRAPH, exit_)
    needed = decision.needed(GRAPH, GRAPH.outputs[0])
    assert set(graph.nodes[: len(needed)]) == needed
    assert 0 < len(needed) < len(graph.nodes)
    assert GRAPH.nodes[: len(needed)] != graph.nodes[: len(needed)]
    inputs = [np.arange(-32, 32, dtype=np.int8).reshape(GRAPH.inputs[0].shape)]
    before, after = reference.run(GRAPH, inputs), reference.run(graph, inputs)
    assert all((before[tensor] == after[tensor]).all() for tensor in before)


@pytest.mark.parametrize(
    ("graph", "output", "threshold", "what"),
    [
        (two_convs(), 0, 0.5, "has 1 outputs"),
        (GRAPH.replace(outputs=(GRAPH.outputs[0], GRAPH.nodes[0].output)), 0, 0.5, "differ in"),
        (WITHOUT_HEAD, 1, 0.5, "needs every layer"),
        (GRAPH, 0, 0.999, "goes up to 0.996"),
    ],
)
def test_what_cannot_be_an_exit_is_refused(graph, output, threshold, what):
    with pytest.raises(ConfigError, match=what):
        decision.make(graph, output, threshold)

"""Every tinygen kernel as object code of every core it runs on, against numpy."""

import pytest
from batching import compile_nodes, drawn_nodes

from tinygen.cores import CORES
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.verify.target import on_target

KERNELS = [kernel for kernel in kernels().values() if kernel.provider == "tinygen"]
EMULATED = [core for core in CORES.values() if core.unicorn]


def prove(chosen, seeds, core, monkeypatch):
    nodes = drawn_nodes(chosen, seeds, core)
    if not nodes:
        return None
    compiled = compile_nodes(nodes, core, monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, seeds[0], 2)]
    return on_target(compiled, inputs)


@pytest.mark.parametrize("core", EMULATED, ids=lambda core: core.name)
def test_object_code_equals_numpy(core, monkeypatch):
    run = prove(KERNELS, range(40, 42), core, monkeypatch)
    assert run.comparison.values > 10_000
    assert all(cost.instructions > 0 for cost in run.costs)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(700, 718, 6))
@pytest.mark.parametrize("core", EMULATED, ids=lambda core: core.name)
def test_object_code_equals_numpy_on_many(core, first, monkeypatch):
    run = prove(KERNELS, range(first, first + 6), core, monkeypatch)
    assert run.comparison.values > 10_000

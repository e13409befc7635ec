"""tinygen's Helium kernels: as plain C on the host, and as object code of the Cortex-M55."""

import shutil

import numpy as np
import pytest
from batching import HELIUM, compile_nodes, distinct, drawn_nodes
from drawing import with_powers_of_two, with_wide_scales
from overlapping import promises, prove_closest

from tinygen import cores
from tinygen.errors import UnsupportedError
from tinygen.ops import operator
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import on_target

CORE = cores.core("cortex-m55")
BY_NAME = {"argvalues": HELIUM, "ids": lambda kernel: kernel.name}
needs_qemu = pytest.mark.skipif(
    not (shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc")),
    reason="qemu-system-arm or arm-none-eabi-gcc is not installed",
)


def drawn(chosen, seeds, monkeypatch):
    """A network of drawn nodes, with random inputs and extreme ones."""
    compiled = compile_nodes(drawn_nodes(chosen, seeds, CORE), CORE, monkeypatch)
    return compiled, [tuple(values) for values in stimuli(compiled.graph.inputs, seeds[0], 2)]


@pytest.mark.parametrize("kernel", **BY_NAME)
@pytest.mark.parametrize("name", ["cortex-m4", "cortex-m0plus"])
def test_other_cores_are_refused(kernel, name, monkeypatch):
    assert drawn_nodes([kernel], range(5), CORE)
    assert not drawn_nodes([kernel], range(5), cores.core(name))


def test_host_code_equals_numpy(monkeypatch):
    assert on_host(*drawn(HELIUM, range(6), monkeypatch)).values > 10_000


def rescaled_nodes(seeds):
    """Drawn nodes with ties in all roundings, and with shifts of every size and direction."""
    rng, nodes = np.random.default_rng(seeds[0]), []
    rescaling = [kernel for kernel in HELIUM if "pool" not in kernel.name]
    for node, kernel in drawn_nodes(rescaling, seeds, CORE):
        wide = with_wide_scales(node, rng).replace(name=f"{node.name}_wide")
        for candidate in (with_powers_of_two(node), wide):
            try:
                operator(node.op).check(candidate)
            except UnsupportedError:
                continue
            # Nodes that came from one drawn node share activations' names, not their scales.
            nodes.append((distinct(candidate, candidate.name), kernel))
    return nodes


def test_every_form_of_requantization_equals_numpy(monkeypatch):
    nodes = rescaled_nodes(range(10))
    forms = {
        (kernel.name, kernel.implement(node, CORE).params.get("form")) for node, kernel in nodes
    }
    for name in ("conv_2d_mve", "depthwise_conv_2d_mve", "fully_connected_mve"):
        assert {(name, form) for form in ("relu", "round", "general")} <= forms
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 7, 2)]
    assert on_host(compiled, inputs).values > 10_000


@pytest.mark.slow
@needs_qemu
def test_every_form_of_requantization_equals_numpy_as_object_code(monkeypatch):
    compiled = compile_nodes(rescaled_nodes(range(20, 40)), CORE, monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, 8, 2)]
    assert on_target(compiled, inputs).comparison.values > 10_000


@needs_qemu
def test_object_code_equals_numpy(monkeypatch):
    compiled, inputs = drawn(HELIUM, range(40, 44), monkeypatch)
    run = on_target(compiled, inputs)
    assert run.comparison.values > 10_000
    assert all(cost.instructions > 0 for cost in run.costs)
    assert run.stack_bytes < 1024


def test_closest_overlaps_give_the_same_bytes(monkeypatch):
    found = [promise for kernel in HELIUM for promise in promises(kernel, range(500, 504), CORE)]
    assert prove_closest(found, monkeypatch, CORE).values > 0


@pytest.mark.slow
@pytest.mark.parametrize("kernel", **BY_NAME)
def test_host_code_equals_numpy_on_many(kernel, monkeypatch):
    for first in range(100, 340, 60):
        assert on_host(*drawn([kernel], range(first, first + 60), monkeypatch)).values > 0


@pytest.mark.slow
@needs_qemu
@pytest.mark.parametrize("kernel", **BY_NAME)
def test_object_code_equals_numpy_on_many(kernel, monkeypatch):
    assert on_target(*drawn([kernel], range(700, 740), monkeypatch)).comparison.values > 0


@pytest.mark.slow
@pytest.mark.parametrize("kernel", **BY_NAME)
def test_closest_overlaps_give_the_same_bytes_on_many(kernel, monkeypatch):
    found = promises(kernel, range(600, 650), CORE)
    if not found:
        pytest.skip("the kernel promises no overlap")
    assert prove_closest(found, monkeypatch, CORE).values > 0

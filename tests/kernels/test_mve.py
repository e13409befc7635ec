"""tinygen's Helium kernels: as plain C on the host, and as object code of the Cortex-M55."""

import shutil

import pytest
from batching import HELIUM, compile_nodes, drawn_nodes
from overlapping import promises, prove_closest

from tinygen import cores
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

"""Every kernel on every core it is for, as object code under QEMU: benchmarks/kernel_matrix.py."""

import pytest
import qemu_matrix
import upstream
from kernel_cases import cases

from tinygen import reference
from tinygen.cores import CORES
from tinygen.kernels import kernels

KERNELS = kernels().values()
needs_qemu = pytest.mark.skipif(
    not qemu_matrix.INSTALLED, reason="qemu-system-arm or arm-none-eabi-gcc is not installed"
)


@pytest.fixture
def library(monkeypatch):
    return upstream.use(monkeypatch)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_every_kernel_has_cases_on_every_core_it_is_for(kernel):
    found = cases(kernel, 1)
    assert found
    assert all(found.values())
    if kernel.name.endswith(("_portable", "_compact", "_cmsis_nn")):
        assert found.keys() == CORES.keys()
    # What a kernel is for is a matter of instructions, which these cores share.
    for alike in (("cortex-m0", "cortex-m0plus"), ("cortex-m4", "cortex-m7", "cortex-m33")):
        assert len({core in found for core in alike}) == 1


@pytest.mark.slow
@needs_qemu
@pytest.mark.parametrize("core", CORES.values(), ids=lambda core: core.name)
def test_object_code_of_every_kernel_equals_numpy_within_its_stack(core, library):
    drawn = [(node, k) for k in KERNELS for node in cases(k, 1).get(core.name, ())]
    todo = [(node, k) for node, k in drawn if library.has(node, k, core)]
    outcomes = qemu_matrix.run(todo, core, seed=11)
    expected = {k.name for _, k in drawn if library.complete or k.provider == "tinygen"}
    assert expected <= {outcome.kernel for outcome in outcomes}
    assert all(outcome.inferences >= 6 for outcome in outcomes)
    assert not [outcome for outcome in outcomes if outcome.wrong]
    assert not [outcome for outcome in outcomes if outcome.stack_bytes > outcome.stack_bound]
    assert max(outcome.stack_bytes for outcome in outcomes) > 100


def few(core):
    kernel = kernels()["softmax_portable"]
    return [(node, kernel) for node in cases(kernel, 2)[core.name][:2]]


@needs_qemu
def test_one_wrong_byte_is_found(monkeypatch):
    core, run_all = CORES["cortex-m4"], reference.run_all

    def changed(graph, inputs):
        values = run_all(graph, inputs)
        values[2][graph.outputs[1]].flat[-1] ^= 1
        return values

    monkeypatch.setattr(qemu_matrix.reference, "run_all", changed)
    assert [outcome.wrong for outcome in qemu_matrix.run(few(core), core)] == [0, 1]


@needs_qemu
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("if (layer == 1) { *(volatile int *)0xffffff00 = 0; }", "fault in softmax_portable_1"),
        ("arena[NETWORK_ARENA_BYTES - 1] = 1;", "were not to be written"),
    ],
)
def test_stray_writes_are_found(code, said, tmp_path, monkeypatch):
    harness = tmp_path / "harness.c"
    call = "network_invoke_layer(arena, layer);"
    text = qemu_matrix.HARNESS.read_text()
    assert call in text
    harness.write_text(text.replace(call, f"{call} {code}"))
    monkeypatch.setattr(qemu_matrix, "HARNESS", harness)
    core = CORES["cortex-m4"]
    with pytest.raises(AssertionError, match=said):
        qemu_matrix.run(few(core), core)

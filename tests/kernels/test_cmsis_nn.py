"""Kernels that call CMSIS-NN against numpy: drawn nodes on the host, and as object code."""

import shutil
from collections import defaultdict
from statistics import median

import pytest
import upstream
from batching import compile_nodes, drawn_nodes
from overlapping import promises, prove_closest
from row_convolutions import row_convolutions

from tinygen import cores
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host
from tinygen.verify.target import link_bare, on_target

KERNELS = [kernel for kernel in kernels().values() if kernel.provider == "cmsis_nn"]
QEMU = shutil.which("qemu-system-arm")
needs_arm = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed"
)


def needs_qemu(core):
    return pytest.param(
        core, marks=pytest.mark.skipif(not QEMU, reason="qemu-system-arm is not installed")
    )


@pytest.fixture
def library(monkeypatch):
    return upstream.use(monkeypatch)


def nodes_for(library, core, seeds, chosen=KERNELS):
    return [
        (node, kernel)
        for node, kernel in drawn_nodes(chosen, seeds, core)
        if library.has(node, kernel, core)
    ]


def inputs_for(compiled, seed, randoms=2):
    return [tuple(values) for values in stimuli(compiled.graph.inputs, seed, randoms)]


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m55"])
def test_generated_code_equals_numpy_on_the_host(core, library, monkeypatch):
    core = cores.core(core)
    nodes = nodes_for(library, core, range(20))
    assert len(nodes) >= (200 if library.complete else 60)
    compiled = compile_nodes(nodes, core, monkeypatch)
    assert on_host(compiled, inputs_for(compiled, seed=1)).values > 10_000


@needs_arm
@pytest.mark.parametrize(
    "core", ["cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33", needs_qemu("cortex-m55")]
)
def test_object_code_equals_numpy(core, library, monkeypatch):
    core = cores.core(core)
    compiled = compile_nodes(nodes_for(library, core, range(30, 38)), core, monkeypatch)
    run = on_target(compiled, inputs_for(compiled, seed=2, randoms=1))
    assert run.comparison.values > 1_000


@pytest.mark.slow
@needs_arm
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", needs_qemu("cortex-m55")])
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_equals_numpy_on_many(kernel, core, library, monkeypatch):
    core = cores.core(core)
    nodes = nodes_for(library, core, range(100, 200), [kernel])
    if not nodes:
        pytest.skip("this copy of CMSIS-NN lacks its routine")
    compiled = compile_nodes(nodes, core, monkeypatch)
    inputs = inputs_for(compiled, seed=4)
    assert on_host(compiled, inputs).values > 0
    assert on_target(compiled, inputs[:2]).comparison.values > 0


@needs_arm
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m33", "cortex-m55"])
def test_every_kernel_compiles_without_warnings_and_links(core, library, tmp_path, monkeypatch):
    core = cores.core(core)
    nodes = nodes_for(library, core, range(4))
    if library.complete:
        assert {kernel.name for _, kernel in nodes} == {kernel.name for kernel in KERNELS}
    assert link_bare(compile_nodes(nodes, core, monkeypatch), tmp_path).stat().st_size > 0


@pytest.mark.slow
@needs_arm
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4"])
def test_costs_are_near_what_is_counted(core, library, monkeypatch):
    if not library.complete:
        pytest.skip("the costs are those of the pinned CMSIS-NN")
    core = cores.core(core)
    # The time of SOFTMAX depends on how many values are far below the largest.
    chosen = [kernel for kernel in KERNELS if kernel.op != "SOFTMAX"]
    compiled = compile_nodes(nodes_for(library, core, range(20), chosen), core, monkeypatch)
    run = on_target(compiled, inputs_for(compiled, seed=6, randoms=1)[:1])
    ratios = defaultdict(list)
    for layer, cost in zip(compiled.executed, run.costs, strict=True):
        # In smaller layers the call itself is most of the work.
        if cost.instructions > 2000:
            ratio = layer.implementation.cycles / cost.instructions
            ratios[layer.implementation.kernel.name].append(ratio)
    assert len(ratios) >= 8
    for name, found in ratios.items():
        assert 0.7 < median(found) < 1.4, name


def test_closest_overlaps_give_the_same_bytes(library, monkeypatch):
    drawn = [
        (node, implementation, overlap)
        for kernel in KERNELS
        for node, implementation, overlap in promises(kernel, range(20))
        if library.has(node, kernel, cores.core("cortex-m4"))
    ]
    assert len(drawn) > (60 if library.complete else 5)
    assert prove_closest(drawn, monkeypatch).values > 0


@pytest.mark.slow
@needs_arm
@pytest.mark.skipif(not QEMU, reason="qemu-system-arm is not installed")
def test_helium_row_convolutions_are_exact_wherever_they_are_chosen(library, monkeypatch):
    if not library.complete:
        pytest.skip("where the routine is right is known of the pinned CMSIS-NN alone")
    core = cores.core("cortex-m55")
    kernel = kernels()["conv_2d_cmsis_nn"]
    nodes = [(node, kernel) for node in row_convolutions()]
    routines = [kernel.implement(node, core).params["routine"] for node, _ in nodes]
    assert {"arm_convolve_1_x_n_s8", "arm_convolve_s8"} == set(routines)
    compiled = compile_nodes(nodes, core, monkeypatch)
    assert on_target(compiled, inputs_for(compiled, seed=5, randoms=1)).comparison.values > 0

"""Every kernel compiled for size, as ``--objective flash`` does: without warnings, and right."""

import dataclasses
import shutil

import pytest
from batching import compile_nodes, drawn_nodes

from tinygen.cores import core
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.verify.target import link_bare, on_target

KERNELS = [kernel for kernel in kernels().values() if kernel.provider == "tinygen"]
pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed"
)


def compiled(name, monkeypatch):
    target = core(name)
    network = compile_nodes(drawn_nodes(KERNELS, range(3), target), target, monkeypatch)
    selection = dataclasses.replace(network.selection, objective="flash")
    return dataclasses.replace(network, selection=selection)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cortex-m0plus", "cortex-m4"])
def test_kernels_equal_numpy(name, monkeypatch):
    network = compiled(name, monkeypatch)
    inputs = [tuple(values) for values in stimuli(network.graph.inputs, 5, 1)]
    assert on_target(network, inputs).comparison.values > 0


@pytest.mark.slow
def test_helium_kernels_compile(monkeypatch, tmp_path):
    assert link_bare(compiled("cortex-m55", monkeypatch), tmp_path).stat().st_size > 0

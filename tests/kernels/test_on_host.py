"""Every tinygen kernel against numpy: drawn nodes, compiled for the host under sanitizers."""

import shutil
import subprocess

import pytest
from batching import HELIUM, compile_nodes, drawn_nodes

from tinygen import toolchain
from tinygen.cores import core
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.verify.host import on_host

KERNELS = [k for k in kernels().values() if k.provider == "tinygen" and k not in HELIUM]
CORE = core("cortex-m4")
EXAMPLES = 240


def prove(chosen, seeds, monkeypatch):
    """Run drawn nodes as one network on random and extreme inputs; None if no kernel takes any."""
    nodes = drawn_nodes(chosen, seeds, CORE)
    if not nodes:
        return None
    compiled = compile_nodes(nodes, CORE, monkeypatch)
    inputs = [tuple(values) for values in stimuli(compiled.graph.inputs, seeds[0], 3)]
    return on_host(compiled, inputs)


def test_kernels_equal_numpy(monkeypatch):
    assert prove(KERNELS, range(4), monkeypatch).values > 10_000


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_equals_numpy_on_many(kernel, monkeypatch):
    batches = (range(first, first + 60) for first in range(100, 100 + EXAMPLES, 60))
    proven = [done for batch in batches if (done := prove([kernel], batch, monkeypatch))]
    if not proven:
        pytest.skip("no drawn node is in the domain of the kernel, which has tests of its own")
    assert all(done.values > 0 for done in proven)


@pytest.mark.skipif(not shutil.which("clang"), reason="clang is not installed")
def test_clang_has_nothing_to_say(tmp_path, monkeypatch):
    nodes = drawn_nodes(KERNELS, range(20, 26), CORE)
    compile_nodes(nodes, CORE, monkeypatch).write(tmp_path)
    done = subprocess.run(
        ["clang", "-std=c11", "-fsyntax-only", *toolchain.WARNINGS, *sorted(tmp_path.glob("*.c"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr

"""What CMSIS-NN's routines bring into flash, against what the linker finds."""

import re
import shutil
import subprocess

import pytest
import upstream
from batching import drawn_nodes

from tinygen import cmsis_nn, cores, toolchain
from tinygen.kernels import kernels
from tinygen.kernels._cmsis_nn_size import _BYTES

KERNELS = [kernel for kernel in kernels().values() if kernel.provider == "cmsis_nn"]


def code_bytes(image):
    """Bytes of functions and constants in an ELF file, those of the C library left out."""
    command = [toolchain.arm_tool("nm"), "--print-size", "--defined-only", image]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\w+ (\w+) [tTrR] (\w+)", text, re.MULTILINE)
    return sum(int(size, 16) for size, name in found if not name.startswith("mem"))


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed"
)
@pytest.mark.parametrize("core", ["cortex-m3", "cortex-m4", "cortex-m55"])
def test_sizes_are_what_the_linker_finds(core, monkeypatch, tmp_path):
    library = upstream.use(monkeypatch)
    if not library.complete:
        pytest.skip("the sizes are those of the pinned CMSIS-NN")
    core = cores.core(core)
    nodes = drawn_nodes(KERNELS, range(40), core)
    chosen = {kernel.implement(node, core).linked for node, kernel in nodes}
    assert {each.name for each in chosen} <= set(_BYTES)
    assert len(chosen) >= len(KERNELS)
    for each in sorted(chosen, key=lambda linked: linked.name):
        flags = ["-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections"]
        flags += [f"-Wl,--entry={each.name}", f"-Wl,--undefined={each.name}"]
        image = tmp_path / each.name
        command = [toolchain.arm_tool("gcc"), *core.flags, *flags, "-o", image]
        toolchain.run([*command, cmsis_nn.library(core)], f"linking {each.name}")
        assert code_bytes(image) == pytest.approx(each.nbytes, rel=0.1, abs=16), each.name

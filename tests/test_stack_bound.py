"""The bound of the stack against the compiler's own account of frames, and code without a bound."""

import shutil
import subprocess

import pytest
from batching import compile_nodes, drawn_nodes

from tinygen import stack_bound, toolchain
from tinygen.cores import CORES
from tinygen.disassembly import disassemble
from tinygen.errors import BuildError, ProofError
from tinygen.kernels import kernels
from tinygen.ops.sampling import stimuli
from tinygen.stack_bound import StackBounds, UnboundedError, network_bound, network_bounds
from tinygen.verify.target import link_bare, on_target

pytestmark = pytest.mark.skipif(
    not shutil.which("arm-none-eabi-gcc"), reason="arm-none-eabi-gcc is not installed"
)

SOURCE = """
#include <stdint.h>
void use(void *at);
__attribute__((noipa)) void use(void *at) { *(volatile char *)at = 1; }
__attribute__((noipa)) void small(void) { char room[100]; use(room); }
__attribute__((noipa)) void large(void) { char room[6000]; use(room); }
__attribute__((noipa)) void passes_on(void) { large(); }
__attribute__((noipa)) void both(int which) { if (which) { small(); large(); } else { small(); } }
__attribute__((noipa)) int again(int n)
{
    char room[40];
    use(room);
    return n ? again(n - 1) + n : 0;
}
__attribute__((noipa)) void computed(unsigned n) { char room[n]; use(room); }
__attribute__((noipa)) void pointer(void (*to)(void)) { char room[24]; use(room); to(); use(room); }
__attribute__((noipa)) void switches(int which)
{
    char room[64];
    use(room);
    switch (which) {
    case 0: small(); use(room + 1); break;
    case 1: use(room + 2); break;
    case 2: large(); use(room); break;
    case 3: use(room + 3); use(room); break;
    case 4: use(room + 4); small(); break;
    case 5: small(); use(room + 5); break;
    default: use(room + 6);
    }
}
int main(int n)
{
    both(n); passes_on(); switches(n); pointer(small); computed((unsigned)n);
    return again(n);
}
"""


def frames(report):
    """Bytes of every function's own frame, as the compiler's -fstack-usage reports them."""
    rows = (line.split("\t") for line in report.read_text().splitlines())
    return {place.rpartition(":")[2]: int(size) for place, size, _ in rows}


@pytest.fixture(scope="module", params=["cortex-m0", "cortex-m4", "cortex-m33", "cortex-m55"])
def compiled(request, tmp_path_factory):
    """The code of SOURCE, and the frames that the compiler reports."""
    core, folder = CORES[request.param], tmp_path_factory.mktemp(request.param)
    source, image = folder / "code.c", folder / "code.elf"
    source.write_text(SOURCE)
    flags = (*core.flags, "-O1", "-fstack-usage", "-nostartfiles", "-Wl,--entry=main")
    command = [toolchain.arm_tool("gcc"), *flags, "--specs=nano.specs", "-o", image, source]
    subprocess.run(command, check=True, cwd=folder, capture_output=True)
    (report,) = folder.glob("*.su")
    return disassemble(image, core), frames(report)


def test_callees_are_added_to_the_frames_that_the_compiler_reports(compiled):
    code, frame = compiled
    bounds = StackBounds(code, lambda name: code.starts["large"] if name == "pointer" else ())
    assert bounds.of("small") == frame["small"] >= 100
    assert bounds.of("large") == frame["large"] >= 6000
    # The frame is gone when the last call is a jump.
    for caller in ("passes_on", "both"):
        assert bounds.of(caller) - frame["large"] in (0, frame[caller])
    assert bounds.of("pointer") == frame["pointer"] + frame["large"]
    assert bounds.of("switches") == frame["switches"] + frame["large"]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("again", "again calls itself"),
        ("computed", "computed takes stack by"),
        ("pointer", "what pointer calls through a pointer"),
        ("main", "has no bound|takes stack by|through a pointer"),
    ],
)
def test_code_without_a_bound_is_named(compiled, function, why):
    bounds = StackBounds(compiled[0], lambda name: ())
    for _ in range(2):
        with pytest.raises(UnboundedError, match=why):
            bounds.of(function)
    assert bounds.of("large") >= 6000


def test_a_function_that_is_not_there_is_named(compiled):
    with pytest.raises(BuildError, match="no function 'nowhere'"):
        StackBounds(compiled[0], lambda name: ()).of("nowhere")


@pytest.mark.parametrize("name", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_no_kernel_takes_less_than_its_frame(name, tmp_path, monkeypatch):
    core = CORES[name]
    drawn = drawn_nodes([k for k in kernels().values() if k.provider == "tinygen"], [40], core)
    network = compile_nodes(drawn, core, monkeypatch)
    image = link_bare(network, tmp_path)
    flags = (*core.flags, *toolchain.target_flags("latency"), "-fstack-usage", "-c", "network.c")
    subprocess.run([toolchain.arm_tool("gcc"), *flags], check=True, cwd=tmp_path)
    code, bounds = disassemble(image, core), network_bounds(image, core, network.name)
    starts = {start for found in code.starts.values() for start in found}
    calling = {
        code.names[i.address]
        for i in code.instructions.values()
        if i.target in starts or (i.operation in ("bx", "blx") and i.operands != "lr")
    }
    seen = {
        function: (bounds.of(function), size, function in calling)
        for function, size in frames(tmp_path / "network.su").items()
        if function in code.starts
    }
    assert len(seen) > 30
    assert not {f: row for f, row in seen.items() if row[0] < row[1]}
    leaves = {f: row[:2] for f, row in seen.items() if not row[2]}
    assert len(leaves) > 10
    assert not {f: row for f, row in leaves.items() if row[0] != row[1]}
    inferred = bounds.of(f"{network.name}_invoke")
    layers = [name for name in code.starts if name.startswith("layer_")]
    assert len(layers) == len(network.executed)
    assert inferred >= max(map(bounds.of, layers))
    assert network_bound(image, core, network.name) >= inferred


def test_a_stack_deeper_than_its_bound_is_no_proof(monkeypatch):
    core = CORES["cortex-m4"]
    nodes = drawn_nodes([kernels()["softmax_portable"]], [1], core)
    network = compile_nodes(nodes, core, monkeypatch)
    inputs = [tuple(values) for values in stimuli(network.graph.inputs, 1, 1)]
    run = on_target(network, inputs)
    assert 0 < run.stack_bytes <= run.stack_bound
    monkeypatch.setattr(stack_bound, "network_bound", lambda *_: run.stack_bytes - 4)
    with pytest.raises(ProofError, match="over its bound"):
        on_target(network, inputs)

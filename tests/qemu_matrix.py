"""Many layers as object code on one emulated board: one image, one run of QEMU, all bytes compared.

The board is that of QEMU for the core; one with Cortex-M0 stands in for Cortex-M0+, which has the
same instructions. Its memories are those of the board's file, but for the micro:bit, which QEMU is
asked to give more of.
"""

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from batching import compile_nodes

from tinygen import cmsis_nn, reference, toolchain
from tinygen.boards import load_board
from tinygen.memory.plan import ALIGNMENT
from tinygen.ops.sampling import stimuli
from tinygen.stack_bound import network_bounds

HARNESS = Path(__file__).with_name("qemu_matrix.c")
MACHINES = {
    "cortex-m0": "microbit",
    "cortex-m0plus": "microbit",
    "cortex-m3": "mps2_an385",
    "cortex-m4": "mps2_an386",
    "cortex-m7": "mps2_an500",
    "cortex-m33": "mps2_an505",
    "cortex-m55": "mps3_an547",
}
LARGER = {"flash-size": 4 << 20, "sram-size": 4 << 20}
FILL = 0x5A
RANDOMS = 3
SECONDS = 300
INSTALLED = bool(shutil.which("qemu-system-arm") and shutil.which("arm-none-eabi-gcc"))

LINKER_SCRIPT = """
MEMORY
{{
    code (rx) : ORIGIN = {code.origin:#x}, LENGTH = {code_bytes:#x}
    ram (rw) : ORIGIN = {ram.origin:#x}, LENGTH = {ram_bytes:#x}
}}
SECTIONS
{{
    .text : {{ KEEP(*(.vectors)) *(.text*) *(.rodata*) }} > code
    .ARM.exidx : {{ *(.ARM.exidx*) }} > code
    .data : {{ *(.data*) }} > ram
    .bss (NOLOAD) : {{ *(.bss*) *(COMMON) }} > ram
    stack_end = ORIGIN(ram) + LENGTH(ram);
    ASSERT(SIZEOF(.data) == 0, "nothing copies initial values")
    ASSERT(stack_end - ADDR(.bss) - SIZEOF(.bss) >= 0x4000, "the stack has room")
}}
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one layer: inferences run, those with a wrong byte, stack seen and bounded.

    ``stack_bytes`` and ``stack_bound`` have the frame of the function that calls the layer in them.
    """

    kernel: str
    inferences: int
    wrong: int
    stack_bytes: int
    stack_bound: int


def run(cases, core, seed=0, objective="latency"):
    """The outcome of every pair of a node and its kernel, in order.

    Raises AssertionError when a layer faults, or writes what is neither its output nor scratch.
    """
    with pytest.MonkeyPatch.context() as patched:
        compiled = compile_nodes(cases, core, patched)
    given = [tuple(values) for values in stimuli(compiled.graph.inputs, seed, RANDOMS)]
    with tempfile.TemporaryDirectory(prefix="tinygen-matrix-") as name:
        folder = Path(name)
        image = _link(compiled, core, folder, objective)
        before = _arenas(compiled, given)
        (folder / "inputs").write_bytes(before.tobytes())
        _emulate(compiled, core, image, folder)
        raw = (folder / "outputs").read_bytes()
        bounds = _bounds(compiled, core, image)
    after = np.frombuffer(raw[: before.size], np.uint8).reshape(before.shape)
    deepest = np.frombuffer(raw[before.size :], "<u4")
    wrong = _wrong(compiled, given, before, after)
    rows = zip(compiled.executed, wrong, deepest.tolist(), bounds, strict=True)
    return [
        Outcome(layer.implementation.kernel.name, len(given), mismatches, seen, bound)
        for layer, mismatches, seen, bound in rows
    ]


def _link(compiled, core, folder, objective):
    """The image of a network and the code that drives it, compiled as production code is."""
    place = load_board(MACHINES[core.name])
    (code,), ram = [r for r in place.memory if r.kind == "flash"], place.ram[0]
    larger = LARGER if place.name == "microbit" else {}
    script = LINKER_SCRIPT.format(
        code=code,
        ram=ram,
        code_bytes=larger.get("flash-size", code.bytes),
        ram_bytes=larger.get("sram-size", ram.bytes),
    )
    (folder / "image.ld").write_text(script)
    compiled.write(folder)
    image = folder / "image.elf"
    flags = (*core.flags, *toolchain.target_flags(objective), "-I", folder)
    toolchain.run(
        [
            *(toolchain.arm_tool("gcc"), *flags, "-nostartfiles", "--specs=nano.specs"),
            *("-T", folder / "image.ld", "-Wl,--gc-sections", "-Wl,--entry=0"),
            *("-Wl,--undefined=network_invoke", "-Wl,--no-warn-rwx-segments", "-o", image),
            *(HARNESS, *sorted(folder.glob("*.c"))),
            *(cmsis_nn.link_flags(core) if compiled.uses_cmsis_nn else ()),
        ],
        f"compiling the matrix for {core.name}",
    )
    return image


def _arenas(compiled, given):
    """One arena per set of inputs, in which everything but the inputs has the fill value."""
    nbytes = -(-max(compiled.plan.nbytes, 1) // ALIGNMENT) * ALIGNMENT
    arenas = np.full((len(given), nbytes), FILL, np.uint8)
    for arena, values in zip(arenas, given, strict=True):
        for tensor, value in zip(compiled.graph.inputs, values, strict=True):
            start = compiled.offsets[tensor]
            arena[start : start + tensor.nbytes] = np.frombuffer(value.tobytes(), np.uint8)
    return arenas


def _emulate(compiled, core, image, folder):
    place = load_board(MACHINES[core.name])
    options = LARGER.items() if place.name == "microbit" else ()
    more = (
        argument for item in options for argument in ("-global", "nrf51-soc.{}={}".format(*item))
    )
    done = subprocess.run(
        [
            *("qemu-system-arm", "-M", place.emulator.machine, *more, "-kernel", image),
            *("-semihosting-config", "enable=on,target=native", "-nodefaults"),
            *("-display", "none", "-monitor", "none", "-serial", "none"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raw = (folder / "outputs").read_bytes() if (folder / "outputs").exists() else b""
        layer = (
            compiled.executed[int.from_bytes(raw[-4:], "little")].node.name if raw else "start-up"
        )
        raise AssertionError(f"{core.name}: fault in {layer} {done.stderr}")


def _bounds(compiled, core, image):
    """Of every layer, with the frame of the function that calls layers by their number."""
    bounds = network_bounds(image, core, compiled.name)
    layers = [bounds.of(f"layer_{layer.node.name}") for layer in compiled.executed]
    frame = bounds.of(f"{compiled.name}_invoke_layer") - max(layers)
    return [layer + frame for layer in layers]


def _wrong(compiled, given, before, after):
    """Inferences of every layer with a byte that differs from the reference."""
    values = reference.run_all(compiled.graph, given)
    written = np.zeros(before.shape[1], bool)
    counts = []
    for layer in compiled.executed:
        differs = np.zeros(len(given), bool)
        for tensor in layer.node.outputs:
            span = slice(compiled.offsets[tensor], compiled.offsets[tensor] + tensor.nbytes)
            expected = np.frombuffer(b"".join(v[tensor].tobytes() for v in values), np.uint8)
            differs |= (after[:, span] != expected.reshape(len(given), -1)).any(axis=1)
            written[span] = True
        if layer.scratch_offset is not None:
            start = layer.scratch_offset
            written[start : start + layer.implementation.scratch_bytes] = True
        counts.append(int(differs.sum()))
    stray = np.flatnonzero(((before != after) & ~written).any(axis=0))
    assert not stray.size, f"{compiled.core.name}: arena bytes {stray[:8]} were not to be written"
    return counts

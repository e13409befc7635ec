"""Run a compiled network on QEMU's Cortex-M55, the only emulator that knows Helium.

The host proof's main program runs bare, with its standard streams as files through semihosting.
"""

import shutil
import subprocess

import numpy as np

from tinygen import cmsis_nn, codegen, reference, toolchain

QEMU = "qemu-system-arm"
AVAILABLE = bool(shutil.which(QEMU) and shutil.which("arm-none-eabi-gcc"))
TIMEOUT_S = 120

_STARTUP = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern uint32_t __bss_start__, __bss_end__, __stack_top;
extern void initialise_monitor_handles(void);
extern int main(void);

void reset(void)
{
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: floating point and Helium on */
    __asm volatile("dsb\\n isb");
    for (uint32_t *word = &__bss_start__; word < &__bss_end__; ++word) {
        *word = 0;
    }
    initialise_monitor_handles();
    if (!freopen("input", "rb", stdin) || !freopen("output", "wb", stdout)) {
        exit(98);
    }
    exit(main());
}

static void fault(void)
{
    exit(99);
}

__attribute__((section(".vectors"), used)) const void *const vectors[16] = {
    &__stack_top, reset, fault, fault, fault, fault, fault, fault,
};

void _init(void) {}
void _fini(void) {}
"""

_LINKER_SCRIPT = """\
MEMORY { VECTORS (r) : ORIGIN = 0x10000000, LENGTH = 4K
         DDR (rwx) : ORIGIN = 0x70000000, LENGTH = 256M }
ENTRY(reset)
SECTIONS {
    .vectors : { KEEP(*(.vectors)) } > VECTORS
    .text : { *(.text*) *(.rodata*) *(.ARM.exidx*) } > DDR
    .data : { *(.data*) } > DDR
    .bss (NOLOAD) : { __bss_start__ = .; *(.bss*) *(COMMON) . = ALIGN(4); __bss_end__ = .; } > DDR
    end = .;
    __stack_top = ORIGIN(DDR) + LENGTH(DDR);
}
"""


def outputs(compiled, inputs, folder):
    """For each set of inputs, the outputs of every layer in order, as one stream of bytes."""
    compiled.write(folder)
    (folder / "startup.c").write_text(_STARTUP)
    (folder / "memory.ld").write_text(_LINKER_SCRIPT)
    dumps = [
        {"layer": number, "offset": compiled.offsets[tensor], "bytes": tensor.nbytes}
        for number, layer in enumerate(compiled.executed)
        for tensor in layer.node.outputs
    ]
    main = codegen.environment().get_template("proof/host_main.c.j2")
    (folder / "main.c").write_text(
        main.render(
            name=compiled.name,
            prefix=compiled.name.upper(),
            inputs=len(compiled.graph.inputs),
            dumps=dumps,
        )
    )
    toolchain.run(
        [
            toolchain.arm_tool("gcc"),
            *compiled.core.flags,
            *toolchain.TARGET_FLAGS,
            *("-nostartfiles", "--specs=rdimon.specs", "-T", "memory.ld", "-o", "program.elf"),
            *sorted(path.name for path in folder.glob("*.c")),
            *(cmsis_nn.link_flags(compiled.core) if compiled.uses_cmsis_nn else ()),
        ],
        "building for QEMU",
        cwd=folder,
    )
    (folder / "input").write_bytes(b"".join(a.tobytes() for given in inputs for a in given))
    subprocess.run(
        [
            *(QEMU, "-M", "mps3-an547", "-m", "2G", "-nographic", "-monitor", "none"),
            *("-serial", "none", "-semihosting-config", "enable=on,target=native"),
            *("-kernel", "program.elf"),
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    stream = (folder / "output").read_bytes()
    assert len(stream) == len(inputs) * sum(dump["bytes"] for dump in dumps)
    return stream


def assert_equals_numpy(compiled, inputs, folder):
    """Compare every output of every layer, and give how many values were compared."""
    stream, position = outputs(compiled, inputs, folder), 0
    for given in inputs:
        expected = reference.run(compiled.graph, given)
        for layer in compiled.executed:
            for tensor in layer.node.outputs:
                got = np.frombuffer(stream, tensor.dtype, tensor.size, position)
                np.testing.assert_array_equal(
                    got, expected[tensor].reshape(-1), err_msg=layer.node.name
                )
                position += tensor.nbytes
    return position

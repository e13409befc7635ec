import contextlib
import shutil
import subprocess

import pytest

from tinygen import cores
from tinygen.device.emulators import block_counter
from tinygen.device.emulators.bare import BareTarget, open_bare
from tinygen.errors import BuildError, InputError, ProofError, ToolchainError

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"
)

qemu = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="needs qemu-system-arm")
ALL = [pytest.param(c.name, marks=() if c.unicorn else qemu) for c in cores.CORES.values()]
BOTH_EMULATORS = ["cortex-m4", pytest.param("cortex-m55", marks=qemu)]

PROGRAM = r"""
#include <stdint.h>
static const int8_t weights[4] = {1, 2, 3, 4};
static int32_t calls = 40;

int32_t dot(const int8_t *x, uint32_t n)
{
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) sum += x[i] * weights[i & 3];
    return sum;
}
int32_t next_call(void) { return ++calls; }
void fill(int8_t *out, int32_t value, uint32_t n) { while (n) out[--n] = (int8_t)value; }
void read_far(const int8_t *p) { (void)*(const volatile int8_t *)(p + 100000); }
void write_before(int8_t *p) { *(volatile int8_t *)(p - 1) = 3; }
void write_after(int8_t *p) { *(volatile int8_t *)(p + 101) = 3; }
void write_constant(void) { *(volatile int8_t *)&weights[1] = 3; }
__attribute__((noipa)) int recurse(int n)
{
    volatile char deep[1024];
    deep[0] = 1;
    return n ? recurse(n - 1) + deep[0] : 0;
}
int overrun(void) { return recurse(100); }
void undefined(void) { __asm volatile("udf #0"); }
void spin(void) { for (;;) __asm volatile(""); }
/* 3 + 4 n instructions: the predicated one counts whether or not it is executed */
__asm__(".syntax unified\n.thumb\n.global counted\n.type counted, %function\n.thumb_func\n"
        "counted: movs r1, #0\n adds r1, #0\n"
        "1: subs r0, #1\n nop\n nop\n bne 1b\n bx lr\n");
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare")

    def build(core):
        elf = folder / f"{core.name}.elf"
        source = folder / "program.c"
        source.write_text(PROGRAM)
        subprocess.run(
            [
                "arm-none-eabi-gcc",
                *core.flags,
                "-O2",
                "-nostartfiles",
                "-Wl,-e0",
                "-o",
                elf,
                source,
            ],
            check=True,
        )
        return elf

    return build


@pytest.fixture
def start(build):
    """Starts the program on a core; everything started is ended after the test."""
    with contextlib.ExitStack() as running:
        yield lambda name: running.enter_context(
            open_bare(build(cores.core(name)), cores.core(name), timeout=1)
        )


@pytest.mark.parametrize("core", ALL)
def test_functions_compute_on_memory_of_the_caller(start, core):
    target = start(core)
    memory = target.allocate(7)
    target.write(memory, bytes([1, 2, 3, 4, 5, 255, 7]))
    assert target.call(target.symbol("dot"), memory, 7).value == 1 + 4 + 9 + 16 + 5 - 2 + 21
    target.call(target.symbol("fill"), memory, -3, 7)
    assert target.read(memory, 7) == b"\xfd" * 7


@pytest.mark.parametrize("core", BOTH_EMULATORS)
def test_initialised_data_is_there_and_stays_between_calls(start, core):
    target = start(core)
    first = target.call(target.symbol("next_call")).value
    assert (first, target.call(target.symbol("next_call")).value) == (41, 42)


@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("core", BOTH_EMULATORS)
def test_every_instruction_is_counted_once(start, core, count):
    target = start(core)
    assert target.call(target.symbol("counted"), count).instructions == 3 + 4 * count


def test_python_and_native_counters_agree(start, monkeypatch):
    native = start("cortex-m4")
    assert isinstance(native._counter, block_counter.NativeBlockCounter)
    monkeypatch.setattr(block_counter, "_native_library", lambda: None)
    python = start("cortex-m4")
    results = []
    for target in native, python:
        memory = target.allocate(50)
        results.append((target.call(target.symbol("dot"), memory, 50), target.blocks()))
    assert results[0] == results[1]
    assert sum(b.instructions * b.entered for b in results[0][1]) == results[0][0].instructions


def test_block_table_tells_how_often_a_branch_was_taken(start):
    target = start("cortex-m4")
    target.call(target.symbol("counted"), 10)
    loop = [block for block in target.blocks() if block.instructions == 4]
    assert [(block.entered, block.taken) for block in loop] == [(9, 8)]


@pytest.mark.parametrize("core", BOTH_EMULATORS)
def test_stack_depth_is_measured(start, core):
    target = start(core)
    depths = [target.call(target.symbol("recurse"), n).stack_bytes for n in (0, 1, 2)]
    assert 1024 < depths[0] < 1100
    assert 1024 < depths[2] - depths[1] == depths[1] - depths[0] < 1100


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("read_far", r"\(read_far\+0x\w+\) reads unmapped memory at 0x6001"),
        ("write_before", "wrote to 0x6000.*, before the 100 bytes allocated"),
        ("write_after", "wrote to 0x60001ff5, after the 100 bytes allocated"),
        ("write_constant", r"\(write_constant\+0x\w+\) writes read-only memory"),
        ("undefined", r"\(undefined\+0x0\) executes an undefined instruction"),
        ("spin", r"\(spin\+0x0\) has not returned after 1 s"),
        ("overrun", r"\(recurse\+0x\w+\) writes unmapped memory"),
    ],
)
def test_stray_code_is_named(start, function, sentence):
    target = start("cortex-m4")
    memory = target.allocate(100)
    with pytest.raises(ProofError, match=sentence):
        target.call(target.symbol(function), memory)


@qemu
@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("read_far", r"\(read_far\+0x\w+\) accesses memory that is not its own at 0x6201"),
        ("write_before", r"\(write_before\+0x\w+\) accesses memory .* at 0x61ffffff"),
        ("write_after", "wrote after the 100 bytes allocated"),
        ("write_constant", r"\(write_constant\+0x\w+\) accesses memory that is not its own"),
        ("undefined", r"\(undefined\+0x0\) executes an undefined instruction"),
        ("spin", r"\(spin\+0x0\) has not returned after 1 s"),
        ("overrun", "overran its stack|locks the core up, as an overrun of the stack"),
    ],
)
def test_stray_code_is_named_by_the_protection_unit(start, function, sentence):
    target = start("cortex-m55")
    memory = target.allocate(100)
    with pytest.raises(ProofError, match=sentence):
        target.call(target.symbol(function), memory)


@qemu
def test_a_missing_qemu_names_its_package(build, monkeypatch):
    core = cores.core("cortex-m55")
    elf = build(core)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match="apt install qemu-system-arm"):
        open_bare(elf, core)


def test_what_cannot_be_emulated_is_refused(tmp_path, start):
    target = start("cortex-m4")
    with pytest.raises(InputError, match="cortex-m55"):
        BareTarget(tmp_path / "none.elf", cores.core("cortex-m55"))
    broken = tmp_path / "broken.elf"
    broken.write_bytes(b"not an ELF file")
    with pytest.raises(BuildError, match=r"broken\.elf: not a linked image"):
        BareTarget(broken, cores.core("cortex-m4"))
    with pytest.raises(BuildError, match="no symbol 'absent'"):
        target.symbol("absent")

import shutil
import subprocess

import pytest

from tinygen import cores
from tinygen.device.emulators import block_counter
from tinygen.device.emulators.bare import BareTarget
from tinygen.errors import BuildError, InputError, ProofError

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"
)

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
void write_constant(void) { *(volatile int8_t *)&weights[1] = 3; }
__attribute__((noipa)) int recurse(int n)
{
    volatile char deep[4096];
    deep[0] = 1;
    return n ? recurse(n - 1) + deep[0] : 0;
}
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
        return BareTarget(elf, core, timeout=1)

    return build


@pytest.fixture(scope="module")
def target(build):
    return build(cores.core("cortex-m4"))


@pytest.mark.parametrize("name", [c.name for c in cores.CORES.values() if c.unicorn])
def test_functions_compute_on_memory_of_the_caller(build, name):
    target = build(cores.core(name))
    memory = target.allocate(7)
    target.write(memory, bytes([1, 2, 3, 4, 5, 255, 7]))
    assert target.call(target.symbol("dot"), memory, 7).value == 1 + 4 + 9 + 16 + 5 - 2 + 21
    target.call(target.symbol("fill"), memory, -3, 7)
    assert target.read(memory, 7) == b"\xfd" * 7


def test_initialised_data_is_there_and_stays_between_calls(target):
    first = target.call(target.symbol("next_call")).value
    assert (first, target.call(target.symbol("next_call")).value) == (41, 42)


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_every_instruction_is_counted_once(target, count):
    assert target.call(target.symbol("counted"), count).instructions == 3 + 4 * count


def test_python_and_native_counters_agree(build, monkeypatch):
    core = cores.core("cortex-m4")
    native = build(core)
    assert isinstance(native._counter, block_counter.NativeBlockCounter)
    monkeypatch.setattr(block_counter, "_native_library", lambda: None)
    python = build(core)
    results = []
    for target in native, python:
        memory = target.allocate(50)
        results.append((target.call(target.symbol("dot"), memory, 50), target.blocks()))
    assert results[0] == results[1]
    assert sum(b.instructions * b.entered for b in results[0][1]) == results[0][0].instructions


def test_block_table_tells_how_often_a_branch_was_taken(target):
    target.call(target.symbol("counted"), 10)
    loop = [block for block in target.blocks() if block.instructions == 4]
    assert [(block.entered, block.taken) for block in loop] == [(9, 8)]


def test_stack_depth_is_measured(target):
    depths = [target.call(target.symbol("recurse"), n).stack_bytes for n in (0, 1, 2)]
    assert depths[0] >= 4096
    assert depths[2] - depths[1] == depths[1] - depths[0] >= 4096


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("read_far", r"\(read_far\+0x\w+\) reads unmapped memory at 0x6001"),
        ("write_before", "wrote to 0x6000.*, before the 100 bytes allocated"),
        ("write_constant", r"\(write_constant\+0x\w+\) writes read-only memory"),
        ("undefined", r"\(undefined\+0x0\) executes an undefined instruction"),
        ("spin", r"\(spin\+0x0\) has not returned after 1 s"),
    ],
)
def test_stray_code_is_named(build, function, sentence):
    target = build(cores.core("cortex-m4"))
    memory = target.allocate(100)
    with pytest.raises(ProofError, match=sentence):
        target.call(target.symbol(function), memory)


def test_stack_overrun_is_named(build):
    target = build(cores.core("cortex-m7"))
    with pytest.raises(ProofError, match=r"\(recurse\+0x\w+\) writes unmapped memory"):
        target.call(target.symbol("recurse"), 100)


def test_what_cannot_be_emulated_is_refused(tmp_path, target):
    with pytest.raises(InputError, match="cortex-m55"):
        BareTarget(tmp_path / "none.elf", cores.core("cortex-m55"))
    broken = tmp_path / "broken.elf"
    broken.write_bytes(b"not an ELF file")
    with pytest.raises(BuildError, match=r"broken\.elf: not a linked image"):
        BareTarget(broken, cores.core("cortex-m4"))
    with pytest.raises(BuildError, match="no symbol 'absent'"):
        target.symbol("absent")

import shutil
import subprocess

import pytest

from tinygen import cores
from tinygen.device import cycles
from tinygen.device.emulators.block_counter import Block
from tinygen.device.pipelines import in_order, superscalar
from tinygen.device.pipelines.decode import Kind, decode

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-as") is None, reason="needs arm-none-eabi-as"
)


@pytest.fixture
def assemble(tmp_path):
    def assemble(text):
        source = ".syntax unified\n.thumb\n.cpu cortex-m7\n.fpu fpv5-sp-d16\n" + text + "\n"
        (tmp_path / "code.s").write_text(source.replace(";", "\n"))
        subprocess.run(["arm-none-eabi-as", "code.s", "-o", "code.o"], cwd=tmp_path, check=True)
        subprocess.run(
            ["arm-none-eabi-objcopy", "-O", "binary", "code.o", "code.bin"],
            cwd=tmp_path,
            check=True,
        )
        return (tmp_path / "code.bin").read_bytes()

    return assemble


@pytest.mark.parametrize(
    ("code", "straight", "taken"),
    [
        # The examples of DDI 0439, "Load/store timings"
        ("ldr r0,[r1]; ldr r1,[r2]", 3, 0),
        ("ldr r0,[r1,r2]; str r0,[r3,#20]", 3, 0),
        ("ldr r0,[r1,r2]; str r1,[r3,r2]", 3, 0),
        ("ldr r0,[r1,r5]; ldr r1,[r2]; ldr r2,[r3,#4]", 4, 0),
        ("ldr r0,[r1]; ldr r2,[r0]", 4, 0),
        ("ldr r0,[r1]; add r2,r0,#1", 3, 0),
        ("add r1,r1,#4; ldr r0,[r1]", 4, 0),
        ("str r0,[r1,#4]; str r2,[r1,#8]", 2, 0),
        ("ldrd r0,r1,[r2]", 3, 0),
        ("push {r4-r7,lr}", 6, 0),
        ("vldmia r0!,{s0-s3}", 5, 0),
        ("smlad r0,r1,r2,r0; smmlar r3,r4,r5,r6; smlal r0,r1,r2,r3; umull r0,r1,r2,r3", 4, 0),
        ("sdiv r0,r1,r2", 6, 0),
        ("adds r0,#1; it eq; moveq r1,#2", 2, 0),
        ("subs r0,#1; bne .", 2, 2),
        ("pop {r4,pc}", 3, 2),
        ("bx lr", 1, 2),
        ("tbb [pc,r0]", 2, 2),
    ],
)
def test_cortex_m4_follows_the_manual(assemble, code, straight, taken):
    cost = in_order.CORTEX_M4.cost(decode(assemble(code), 0))
    assert (cost.straight, cost.taken) == (straight, taken)


def test_smaller_cores_differ_where_their_manuals_do(assemble):
    def cost(pipeline, code):
        found = pipeline.cost(decode(assemble(code), 0))
        return found.straight + found.taken

    assert cost(in_order.CORTEX_M3, "mla r0,r1,r2,r3") == 2
    assert cost(in_order.CORTEX_M3, "smull r0,r1,r2,r3") == 4
    assert cost(in_order.CORTEX_M0PLUS, "ldr r0,[r1]; ldr r1,[r2]") == 4
    assert cost(in_order.CORTEX_M0PLUS, "ldmia r0!,{r1-r3}") == 4
    assert cost(in_order.CORTEX_M0PLUS, "bne .") == 2
    assert cost(in_order.CORTEX_M0, "bne .") == 3
    assert cost(in_order.CORTEX_M0PLUS, "bl .") == 3
    assert cost(in_order.CORTEX_M0, "bl .") == 4
    assert cost(in_order.CORTEX_M0PLUS, "pop {r4,pc}") == 5
    assert cost(in_order.CORTEX_M0, "pop {r4,pc}") == 6


@pytest.mark.parametrize(
    ("code", "straight"),
    [
        ("adds r0,#1; adds r1,#1", 1),  # a pair
        ("adds r0,#1; adds r0,#1", 2),  # one after the other
        ("ldr r0,[r2]; ldr r1,[r3]", 1),  # two load channels
        ("str r0,[r2]; str r1,[r3]", 2),  # one store channel
        ("mul r0,r1,r2; mul r3,r4,r5", 2),  # one multiplier
        ("smlad r0,r1,r2,r0; smlad r0,r3,r4,r0; smlad r0,r5,r6,r0", 3),  # sums are forwarded
        ("mul r0,r1,r2; add r3,r0,#1", 3),  # products are not
        ("ldr r0,[r1]; add r2,r0,#1", 3),
        ("smlad r0,r1,r2,r0; ldr r3,[r4]; smlad r5,r1,r2,r5; ldr r6,[r7]", 2),
        ("add r1,r1,#4; ldr r0,[r1]", 3),  # an address is needed a stage early
        ("ldr r0,[r1],#4; ldr r2,[r1],#4", 3),
    ],
)
def test_cortex_m7_pairs(assemble, code, straight):
    assert superscalar.CORTEX_M7.cost(decode(assemble(code), 0)).straight == straight


def test_cortex_m33_overlaps_loads_with_what_does_not_need_them(assemble):
    def cost(code):
        return superscalar.CORTEX_M33.cost(decode(assemble(code), 0)).straight

    assert cost("ldr r0,[r1]; add r2,r0,#1") == 3
    assert cost("ldr r0,[r1]; add r2,r3,#1") == 2


def test_instructions_are_told_apart(assemble):
    code = assemble("cbz r0,1f; nop; 1: cmp r0,#1; ssat r0,#8,r1,asr #3; mov pc,r1; ldr pc,[r0]")
    found = decode(code, 0)
    kinds = [Kind.BRANCH, Kind.NOP, Kind.ALU, Kind.SHIFTED, Kind.INDIRECT, Kind.LOAD]
    assert [i.kind for i in found] == kinds
    assert [i.jumps for i in found] == [True, False, False, False, True, True]
    assert found[0].conditional
    assert found[3].reads == {"r1"}


def test_blocks_are_priced_by_how_often_they_ran(assemble):
    code = assemble("subs r0,#1; bne .")
    block = Block(address=0, bytes=len(code), instructions=2, entered=100, taken=99)
    reads = []

    def read(address, nbytes):
        reads.append(address)
        return code[address : address + nbytes]

    m4 = cycles.model(cores.core("cortex-m4"))
    assert m4.cycles([block], read) == 100 * 2 + 99 * 2
    assert m4.cycles([block, block], read) == 2 * (100 * 2 + 99 * 2)
    assert len(reads) == 1
    m7 = cycles.model(cores.core("cortex-m7"))
    assert m7.cycles([block], read) == 100 * 1 + 1 * 8


def test_every_core_has_a_table_or_says_so():
    assert [c.name for c in cores.CORES.values() if cycles.model(c) is None] == ["cortex-m55"]

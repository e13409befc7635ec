"""A trace changes nothing of what runs."""

import pytest
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_CPU_ARM_CORTEX_M4,
)

from tinygen.device.emulators import block_counter

CODE, DATA, END = 0x8000, 0x2000_0000, 0xF000
# How newlib's memcpy copies the last r2 < 4 bytes.
TAIL = bytes.fromhex(
    "d207"  # lsls r2, r2, #31
    "1cbf"  # itt ne
    "11f8013b"  # ldrbne r3, [r1], #1
    "00f8013b"  # strbne r3, [r0], #1
    "01d3"  # bcc to the end
    "0b88"  # ldrh r3, [r1]
    "0380"  # strh r3, [r0]
    "7047"  # bx lr, where bcc goes as well
)


@pytest.fixture(params=["native", "python"])
def counter_of(request, monkeypatch):
    if request.param == "python":
        monkeypatch.setattr(block_counter, "_native_library", lambda: None)
    return block_counter.attach


@pytest.mark.parametrize("nbytes", range(4))
@pytest.mark.parametrize("traced", [False, True])
def test_a_traced_access_in_an_it_block_does_not_make_what_follows_conditional(
    counter_of, nbytes, traced
):
    engine = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
    engine.ctl_set_cpu_model(UC_CPU_ARM_CORTEX_M4)
    for address in (CODE, DATA, END):
        engine.mem_map(address, 0x1000)
    engine.mem_write(CODE, TAIL)
    engine.mem_write(DATA, b"abcd")
    counter = counter_of(engine)
    pieces = []
    if traced:
        counter.start_trace([(DATA, DATA + 0x1000)], pieces.append)
    counter.open_window()
    registers = {
        UC_ARM_REG_R0: DATA + 0x100,
        UC_ARM_REG_R1: DATA,
        UC_ARM_REG_R2: nbytes,
        UC_ARM_REG_LR: END | 1,
    }
    for register, value in registers.items():
        engine.reg_write(register, value)
    engine.emu_start(CODE | 1, END)
    counter.close_window()
    assert engine.mem_read(DATA + 0x100, 4) == b"abcd"[:nbytes].ljust(4, b"\0")
    # What is skipped at the end is a jump away.
    assert counter.instructions == (8 if nbytes >= 2 else 6)
    if traced:
        counter.end_trace()
        assert sum(map(len, pieces)) >= 2 * (nbytes % 2 + nbytes // 2)

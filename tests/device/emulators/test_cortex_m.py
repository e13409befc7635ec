"""The core's exceptions, with small programs of their own."""

import shutil
import struct
import subprocess

import pytest

from tinygen import cores
from tinygen.boards import Memory
from tinygen.device.emulators.cortex_m import CortexM
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.peripherals import gpio, nrf5, usart
from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters
from tinygen.device.emulators.peripherals.system_control import (
    DWT_CTRL,
    DWT_CYCCNT,
    NVIC_ICER,
    NVIC_ISER,
    SYST_CSR,
    SYST_CVR,
    SYST_RVR,
    SystemControl,
)

PROGRAM = r"""
#include <stdint.h>
#define REGISTER(a) (*(volatile uint32_t *)(a))
extern uint32_t stack_end[];
static volatile uint32_t *const out = (uint32_t *)0x20000000;  /* read by the test */

void systick(void)
{
    out[0]++;
    __asm volatile("vmov.f32 s0, #1.0\n vmov s1, s0\n vmov s15, s0\n"
                   "mov r0, #0\n mov r12, r0\n cmp r0, r0"
                   ::: "r0", "r12", "s0", "s1", "s15", "cc");
}

void interrupt(void)
{
    out[1]++;
    out[2] = REGISTER(0x40004400);  /* reading it makes the line inactive */
}

void hard_fault(void)
{
    out[3]++;
    out[4] = REGISTER(0xE000ED28);
    out[5] = REGISTER(0xE000ED38);
    REGISTER(0xE000ED0C) = 0x05FA0004;  /* reset */
    for (;;) {}
}

__attribute__((noipa)) static float sum(uint32_t n)
{
    float total = 0;
    for (uint32_t i = 0; i < n; i++) total += (float)i * 0.5f;
    return total;
}

void reset(void)
{
    REGISTER(0xE000ED88) |= 0xFu << 20;
    if (out[3] == 0) {
        REGISTER(0xE000E014) = 99;
        REGISTER(0xE000E018) = 0;
        REGISTER(0xE000E010) = 7;
        float total = sum(1000);
        REGISTER(0xE000E010) = 0;
        __asm volatile("" ::: "memory");
        union { float f; uint32_t u; } bits = {total};
        out[6] = bits.u;
        REGISTER(0xE000E100) = 1u << 5;
        __asm volatile("cpsid i\n wfi" ::: "memory");
        out[7] = out[1];  /* woken, but held back */
        __asm volatile("cpsie i\n isb" ::: "memory");
        out[8] = out[1];  /* let through */
        (void)REGISTER(0xF0000000);
    }
    if (out[3] == 1) __asm volatile("svc #0");
    for (;;) __asm volatile("wfi");
}

__attribute__((section(".vectors"), used)) const void *const vectors[64] = {
    stack_end, reset, 0, hard_fault, [15] = systick, [16 + 5] = interrupt,
};
"""
LINKER = """
SECTIONS {
  .text 0x08000000 : { KEEP(*(.vectors)) *(.text*) *(.rodata*) }
  stack_end = 0x20008000;
}
"""


class Line(Registers):
    """A peripheral whose interrupt line is active until it is read."""

    active = False

    def read(self, offset):
        self.active = False
        return 0x1234


@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc")
def test_exceptions_keep_the_context_and_wait_for_their_turn(tmp_path):
    core = cores.core("cortex-m7")
    (tmp_path / "program.c").write_text(PROGRAM)
    (tmp_path / "program.ld").write_text(LINKER)
    subprocess.run(
        ["arm-none-eabi-gcc", *core.flags, "-O1", "-nostdlib", "-Tprogram.ld"]  # noqa: RUF005
        + ["program.c", "-o", "program.elf"],
        cwd=tmp_path,
        check=True,
    )
    memory = [
        Memory(name="flash", kind="flash", origin=0x0800_0000, bytes=0x10000),
        Memory(name="ram", kind="ram", origin=0x2000_0000, bytes=0x10000),
    ]
    line = Line()
    resets, sleeps = [], []
    cpu = CortexM(
        core,
        memory,
        read_image(tmp_path / "program.elf"),
        {0x4000_4400: line},
        {5: lambda: line.active},
        lambda: resets.append(1),
    )

    def sleep():
        sleeps.append(len(resets))
        line.active = True
        return len(resets) < 3

    cpu.run(sleep)
    ticks, taken, value, faults, status, address, total, before, after = struct.unpack(
        "<9I", cpu.read(0x2000_0000, 36)
    )
    assert ticks > 50, "SysTick interrupts every 100 instructions"
    (expected,) = struct.unpack("<I", struct.pack("<f", 0.5 * 999 * 1000 / 2))
    assert total == expected, "the interrupted floating-point code is not disturbed"
    assert (taken, value, before, after) == (1, 0x1234, 0, 1)
    assert faults == 2, "a bad address, then an SVC that nothing handles"
    assert (status, address) == (1 << 16, 0)
    assert resets == [1, 1, 1]
    assert sleeps == [1, 3]


def test_the_usart_of_both_generations():
    for layout in (usart.V1, usart.V2):
        sent = []
        port = usart.Usart(layout, sent.append)
        port.deliver(b"lost")  # it is not enabled yet
        assert not port.read(layout.status) & 1 << 5
        port.write(layout.control, layout.enable | 1 << 5)
        assert not port.interrupting
        port.deliver(b"ab")
        assert port.interrupting
        assert port.read(layout.status) & 1 << 5
        assert [port.read(layout.receive), port.read(layout.receive)] == [*b"ab"]
        assert not port.interrupting
        port.write(layout.transmit, 0x141)
        assert sent == [0x41]
        port.deliver(b"c")
        port.reset()
        assert not port.interrupting


def test_the_uart_of_the_nrf5():
    startrx, starttx, rxdrdy, txdrdy = 0x000, 0x008, 0x108, 0x11C
    intenset, enable, rxd, txd = 0x304, 0x500, 0x518, 0x51C
    sent = []
    port = nrf5.Uart(sent.append)
    port.write(txd, 0x40)  # neither enabled nor started
    port.deliver(b"lost")
    port.write(enable, 4)
    port.write(startrx, 1)
    port.write(starttx, 1)
    assert [port.read(rxdrdy), port.read(txdrdy), sent] == [0, 0, []]
    port.deliver(b"ab")
    assert not port.interrupting
    port.write(intenset, 1 << 2)
    assert port.interrupting
    port.write(rxdrdy, 0)
    assert port.read(rxd) == ord("a")
    assert port.read(rxdrdy) == 1, "there is another byte"
    port.write(rxdrdy, 0)
    assert port.read(rxd) == ord("b")
    assert not port.interrupting
    port.write(txd, 0x41)
    assert [port.read(txdrdy), sent] == [1, [0x41]]
    port.reset()
    port.deliver(b"c")
    assert not port.interrupting


def test_pins_of_both_ports_of_the_nrf5():
    seen = []
    gpio = nrf5.Gpio(lambda *change: seen.append(change))
    gpio.write(0x508, 1 << 3)
    gpio.write(0x508, 1 << 3)
    gpio.write(0x300 + 0x508, 1 << 3)
    gpio.write(0x50C, 1 << 3)
    assert seen == [(0, 3, True), (1, 3, True), (0, 3, False)]


def test_what_is_enabled_is_ready():
    control, status = 0x00, 0x04
    block = StatusRegisters(
        [Follows(control, control, 1 << 0 | 1 << 16, 1), Follows(status, control, 0x3000, -4)],
        initial={control: 1},
        ready={status: 1 << 31},
    )
    assert block.read(control) == 3
    block.write(control, 1 << 16 | 0x2000)
    assert block.read(control) == 0x3_2000
    assert block.read(status) == 1 << 31 | 0x200
    block.write(control, 2)  # a status bit cannot be written
    assert block.read(control) == 0
    block.reset()
    assert block.read(control) == 3


def test_a_pin_follows_set_reset_and_data_register():
    seen = []
    port = gpio.GpioPort(lambda pin, level: seen.append((pin, level)))
    port.write(0x18, 1 << 3)
    port.write(0x18, 1 << 3)
    port.write(0x18, 1 << (3 + 16))
    port.write(0x14, 1 << 5)
    assert seen == [(3, True), (3, False), (5, True)]


def test_counters_of_the_core():
    now = [1000]
    control = SystemControl(lambda: now[0], lambda: None)
    control.write(DWT_CYCCNT, 7)
    now[0] += 50
    assert control.read(DWT_CYCCNT) == 7
    control.write(DWT_CTRL, 1)
    now[0] += 50
    assert control.read(DWT_CYCCNT) == 57
    now[0] += 1 << 32
    assert control.read(DWT_CYCCNT) == 57
    control.write(SYST_RVR, 9)
    assert control.systick_due() is None
    control.write(SYST_CSR, 3)
    assert control.systick_due() == now[0] + 80
    now[0] += 17
    assert control.read(SYST_CVR) == 7
    control.systick_taken()
    assert control.systick_due() == now[0] - 17 + 160
    control.write(NVIC_ISER + 4, 1 << 3)
    assert control.interrupt_enabled(35)
    control.write(NVIC_ICER + 4, 1 << 3)
    assert not control.interrupt_enabled(35)

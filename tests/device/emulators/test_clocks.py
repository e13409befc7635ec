"""What the firmware writes into clock registers, read as the reference manuals define them."""

import shutil

import pytest

from device import images
from tinygen import boards
from tinygen.device.emulators.image import read_image
from tinygen.device.emulators.machine import Machine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="needs arm-none-eabi-gcc"),
]
MHZ = 1_000_000


def f4_f7(read):
    """RCC_PLLCFGR of RM0385 and RM0390."""
    word = read(0x4002_3804)
    return word & 0x3F, word >> 6 & 0x1FF, (word >> 16 & 3) * 2 + 2


def l4(read):
    """RCC_PLLCFGR of RM0432."""
    word = read(0x4002_100C)
    return (word >> 4 & 0xF) + 1, word >> 8 & 0x7F, (word >> 25 & 3) * 2 + 2


def g0(read):
    """RCC_PLLCFGR of RM0444."""
    word = read(0x4002_100C)
    return (word >> 4 & 7) + 1, word >> 8 & 0x7F, (word >> 29) + 1


def h7(read):
    """RCC_PLLCKSELR and RCC_PLL1DIVR of RM0433."""
    word = read(0x5802_4430)
    return read(0x5802_4428) >> 4 & 0x3F, (word & 0x1FF) + 1, (word >> 9 & 0x7F) + 1


def u5(read):
    """RCC_PLL1CFGR and RCC_PLL1DIVR of RM0456."""
    word = read(0x4602_0C34)
    return (read(0x4602_0C28) >> 8 & 0xF) + 1, (word & 0x1FF) + 1, (word >> 24 & 0x7F) + 1


# Dividers, limits of the PLL's input and of its oscillator in MHz, latency in FLASH_ACR, and the
# console's divider.
CASES = {
    "nucleo_f446re": (f4_f7, (1, 2), (100, 432), (0x4002_3C00, 0xF), 0x4000_4408),
    "nucleo_f746zg": (f4_f7, (1, 2), (100, 432), (0x4002_3C00, 0xF), 0x4000_480C),
    "disco_f746ng": (f4_f7, (1, 2), (100, 432), (0x4002_3C00, 0xF), 0x4001_100C),
    "nucleo_l4r5zi": (l4, (2.66, 8), (64, 344), (0x4002_2000, 0xF), 0x4000_800C),
    "nucleo_g0b1re": (g0, (2.66, 16), (64, 344), (0x4002_2000, 0x7), 0x4000_440C),
    "nucleo_h743zi": (h7, (2, 16), (192, 960), (0x5200_2000, 0xF), 0x4000_480C),
    "nucleo_u575zi_q": (u5, (4, 16), (128, 544), (0x4002_2000, 0xF), 0x4001_380C),
}


@pytest.mark.parametrize("name", CASES)
def test_registers_make_the_clock_of_the_board(name):
    dividers, inputs, oscillator, (flash, latency), divider = CASES[name]
    board = boards.load_board(name)
    machine = Machine(board, read_image(images.build(name).elf), lambda byte: None)
    machine.cpu.run(lambda: False)  # until the firmware waits for the host

    def read(address):
        return int.from_bytes(machine.cpu.read(address, 4), "little")

    m, n, p = dividers(read)
    clock = board.clock
    assert clock.source_hz / m * n / p == clock.hz
    assert inputs[0] * MHZ <= clock.source_hz / m <= inputs[1] * MHZ
    assert oscillator[0] * MHZ <= clock.source_hz / m * n <= oscillator[1] * MHZ
    assert read(flash) & latency == clock.flash_wait_states
    on_apb2 = board.console.peripheral in ("usart1", "usart6")
    bus = clock.hz / (clock.apb2_divider if on_apb2 else clock.apb1_divider)
    per_bit = read(divider) / (256 if board.console.peripheral.startswith("lpuart") else 1)
    assert bus / per_bit == pytest.approx(board.console.baud, rel=0.01)


@pytest.mark.parametrize("name", ["nrf52840_dk", "microbit"])
def test_the_nrf5_waits_for_its_crystal_and_sets_its_baud_rate(name):
    board = boards.load_board(name)
    machine = Machine(board, read_image(images.build(name).elf), lambda byte: None)
    machine.cpu.run(lambda: False)
    started, rate = (
        int.from_bytes(machine.cpu.read(address, 4), "little")
        for address in (0x4000_0100, 0x4000_2524)
    )
    assert started == 1
    assert rate * 16 * MHZ / 2**32 == pytest.approx(board.console.baud, rel=0.01)

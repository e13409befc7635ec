"""What the STM32F4 and F7 share: RM0390 (F446) and RM0385 (F74x), memory map, RCC, PWR, NVIC."""

from __future__ import annotations

from tinygen.device.emulators.peripherals.registers import Registers
from tinygen.device.emulators.peripherals.status import Follows, StatusRegisters

GPIO = 0x4002_0000
GPIO_PORTS = 11
USARTS = {
    "usart1": (0x4001_1000, 37),
    "usart2": (0x4000_4400, 38),
    "usart3": (0x4000_4800, 39),
    "usart6": (0x4001_1400, 71),
}

_RCC, _RCC_CR, _RCC_CFGR = 0x4002_3800, 0x00, 0x08
_PWR, _PWR_CR, _PWR_CSR = 0x4000_7000, 0x00, 0x04
_FLASH = 0x4002_3C00


def control() -> dict[int, Registers]:
    """Clocks, power and flash interface."""
    return {
        _RCC: StatusRegisters(
            [
                Follows(_RCC_CR, _RCC_CR, 1 << 0 | 1 << 16 | 1 << 24, 1),  # HSI, HSE, PLL
                Follows(_RCC_CFGR, _RCC_CFGR, 0x3, 2),  # SW -> SWS
            ],
            initial={_RCC_CR: 0x83},
        ),
        _PWR: StatusRegisters(
            [Follows(_PWR_CSR, _PWR_CR, 1 << 16 | 1 << 17, 0)],  # ODEN, ODSWEN -> ODRDY, ODSWRDY
            ready={_PWR_CSR: 1 << 14},  # VOSRDY
        ),
        _FLASH: Registers(),
    }

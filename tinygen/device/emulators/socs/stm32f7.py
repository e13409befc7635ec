"""STM32F74x and F75x (RM0385)."""

from tinygen.device.emulators.peripherals.usart import V2
from tinygen.device.emulators.socs import _stm32_overdrive as shared
from tinygen.device.emulators.socs._stm32 import Stm32

MODEL = Stm32(shared.GPIO, shared.GPIO_PORTS, V2, shared.USARTS, shared.control)

"""STM32F446 (RM0390)."""

from tinygen.device.emulators.peripherals.usart import V1
from tinygen.device.emulators.socs import _stm32_overdrive as shared
from tinygen.device.emulators.socs._stm32 import Stm32

MODEL = Stm32(shared.GPIO, shared.GPIO_PORTS, V1, shared.USARTS, shared.control)

/* Corstone SSE-300 in the MPS3 image AN547; secure addresses. */
#ifndef SOC_H
#define SOC_H

#define UART0_BASE 0x59303000u
#define UART0_IRQ 33
#define UART0_SECOND_IRQ 34

#define SSE_COUNTER_BASE 0x58100000u

#endif

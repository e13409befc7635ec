/* Corstone SSE-200 in the MPS2+ image AN505; secure addresses. */
#ifndef SOC_H
#define SOC_H

/* Sources disagree which of the two lines is reception, so the console listens on both. */
#define UART0_BASE 0x50200000u
#define UART0_IRQ 32
#define UART0_SECOND_IRQ 33

#define CMSDK_TIMER0_BASE 0x50000000u
#define CMSDK_TIMER0_IRQ 3

#endif

/* Cortex-M System Design Kit in the MPS2+ images AN385, AN386 and AN500. */
#ifndef SOC_H
#define SOC_H

#define UART0_BASE 0x40004000u
#define UART0_IRQ 0        /* received */
#define UART0_SECOND_IRQ 1 /* transmitted */

#define CMSDK_TIMER0_BASE 0x40000000u
#define CMSDK_TIMER0_IRQ 8

#endif

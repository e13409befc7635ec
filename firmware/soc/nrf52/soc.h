/* nRF52840, nRF52833 and nRF52832 (their Product Specifications). */
#ifndef SOC_H
#define SOC_H

/* Clock */
#define CLOCK_TASKS_HFCLKSTART 0x40000000u
#define CLOCK_EVENTS_HFCLKSTARTED 0x40000100u

/* Flash: cache of instructions, and of constants that code reads there */
#define NVMC_ICACHECNF 0x4001E540u
#define NVMC_ICACHECNF_CACHEEN (1u << 0)

#define GPIO_BASE 0x50000000u

/* Serial port: registers, interrupt. It is used as UART, without the DMA of UARTE, which would tell
 * of a byte only when a whole buffer has arrived. */
#define UART0_BASE 0x40002000u
#define UART0_IRQ 2

#endif

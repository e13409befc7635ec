/* nRF51822 and nRF51422 (nRF51 Series Reference Manual). */
#ifndef SOC_H
#define SOC_H

/* Clock */
#define CLOCK_TASKS_HFCLKSTART 0x40000000u
#define CLOCK_EVENTS_HFCLKSTARTED 0x40000100u

#define GPIO_BASE 0x50000000u

/* Serial port: registers, interrupt. Pins are numbered through all ports. */
#define UART0_BASE 0x40002000u
#define UART0_IRQ 2

#endif

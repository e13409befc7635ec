/* STM32G0B1 and G0C1 (RM0444). */
#ifndef SOC_H
#define SOC_H

/* Reset and clock control */
#define RCC_CR 0x40021000u /* clock control */
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR 0x40021008u /* clock configuration */
#define RCC_CFGR_SW (7u << 0)
#define RCC_CFGR_SW_PLLRCLK (2u << 0)
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_PLLRCLK (2u << 3)
#define RCC_PLLCFGR 0x4002100Cu /* PLL configuration */
#define RCC_PLLCFGR_SRC_HSI16 (2u << 0)
#define RCC_PLLCFGR_SRC_HSE (3u << 0)
#define RCC_PLLCFGR_REN (1u << 28)
#define RCC_IOPENR 0x40021034u  /* I/O port clock enable: bit n is GPIO port n */
#define RCC_APBENR1 0x4002103Cu /* APB clock enable 1 */
#define RCC_APBENR1_PWREN (1u << 28)
#define RCC_APBENR2 0x40021040u /* APB clock enable 2 */

/* Power control */
#define PWR_CR1 0x40007000u /* control 1 */
#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE_1 (1u << 9)
#define PWR_SR2 0x40007014u /* status 2 */
#define PWR_SR2_VOSF (1u << 10)

/* Flash interface */
#define FLASH_ACR 0x40022000u /* access control */
#define FLASH_ACR_LATENCY (7u << 0)
#define FLASH_ACR_ACCELERATORS (1u << 8 | 1u << 9) /* PRFTEN, ICEN */

#define GPIO_BASE 0x50000000u
#define GPIO_CLOCK_ENABLE RCC_IOPENR

/* Serial ports: registers, interrupt, bus clock. LPUART2 shares the line of USART2, and USART3 to
 * USART6 that of LPUART1. */
#define USART1_BASE 0x40013800u
#define USART1_IRQ 27
#define USART1_CLOCK_ENABLE RCC_APBENR2
#define USART1_CLOCK_BIT (1u << 14)

#define USART2_BASE 0x40004400u
#define USART2_IRQ 28
#define USART2_CLOCK_ENABLE RCC_APBENR1
#define USART2_CLOCK_BIT (1u << 17)

#define USART3_BASE 0x40004800u
#define USART3_IRQ 29
#define USART3_CLOCK_ENABLE RCC_APBENR1
#define USART3_CLOCK_BIT (1u << 18)

#define LPUART1_BASE 0x40008000u
#define LPUART1_IRQ 29
#define LPUART1_CLOCK_ENABLE RCC_APBENR1
#define LPUART1_CLOCK_BIT (1u << 20)

#endif

/* STM32L4+ (RM0432). */
#ifndef SOC_H
#define SOC_H

/* Reset and clock control */
#define RCC_CR 0x40021000u /* clock control */
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_CFGR 0x40021008u /* clock configuration */
#define RCC_CFGR_SW (3u << 0)
#define RCC_CFGR_SW_PLL (3u << 0)
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (3u << 2)
#define RCC_CFGR_HPRE (0xFu << 4)
#define RCC_CFGR_HPRE_DIV2 (8u << 4)
#define RCC_PLLCFGR 0x4002100Cu /* PLL configuration */
#define RCC_PLLCFGR_SRC_HSI16 (2u << 0)
#define RCC_PLLCFGR_SRC_HSE (3u << 0)
#define RCC_PLLCFGR_REN (1u << 24)
#define RCC_AHB2ENR 0x4002104Cu  /* AHB2 clock enable: bit n is GPIO port n */
#define RCC_APB1ENR1 0x40021058u /* APB1 clock enable 1 */
#define RCC_APB1ENR1_PWREN (1u << 28)
#define RCC_APB1ENR2 0x4002105Cu /* APB1 clock enable 2 */
#define RCC_APB2ENR 0x40021060u  /* APB2 clock enable */

/* Power control */
#define PWR_CR1 0x40007000u /* control 1 */
#define PWR_CR1_VOS (3u << 9)
#define PWR_CR1_VOS_RANGE_1 (1u << 9)
#define PWR_CR2 0x40007004u /* control 2 */
#define PWR_CR2_IOSV (1u << 9)
#define PWR_SR2 0x40007014u /* status 2 */
#define PWR_SR2_VOSF (1u << 10)
#define PWR_CR5 0x40007080u /* control 5 */
#define PWR_CR5_R1MODE (1u << 8)

/* Flash interface */
#define FLASH_ACR 0x40022000u /* access control */
#define FLASH_ACR_LATENCY (0xFu << 0)
#define FLASH_ACR_ACCELERATORS (1u << 8 | 1u << 9 | 1u << 10) /* PRFTEN, ICEN, DCEN */

#define GPIO_BASE 0x48000000u
#define GPIO_CLOCK_ENABLE RCC_AHB2ENR

/* Serial ports: registers, interrupt, bus clock */
#define USART1_BASE 0x40013800u
#define USART1_IRQ 37
#define USART1_CLOCK_ENABLE RCC_APB2ENR
#define USART1_CLOCK_BIT (1u << 14)

#define USART2_BASE 0x40004400u
#define USART2_IRQ 38
#define USART2_CLOCK_ENABLE RCC_APB1ENR1
#define USART2_CLOCK_BIT (1u << 17)

#define USART3_BASE 0x40004800u
#define USART3_IRQ 39
#define USART3_CLOCK_ENABLE RCC_APB1ENR1
#define USART3_CLOCK_BIT (1u << 18)

#define LPUART1_BASE 0x40008000u
#define LPUART1_IRQ 70
#define LPUART1_CLOCK_ENABLE RCC_APB1ENR2
#define LPUART1_CLOCK_BIT (1u << 0)

#endif

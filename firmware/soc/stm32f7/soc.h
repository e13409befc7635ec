/* STM32F74x and F75x (RM0385). */
#ifndef SOC_H
#define SOC_H

/* Reset and clock control */
#define RCC_CR 0x40023800u /* clock control */
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLLON (1u << 24)
#define RCC_CR_PLLRDY (1u << 25)
#define RCC_PLLCFGR 0x40023804u /* PLL configuration */
#define RCC_PLLCFGR_M (0x3Fu << 0)
#define RCC_PLLCFGR_N (0x1FFu << 6)
#define RCC_PLLCFGR_P (3u << 16)
#define RCC_PLLCFGR_SRC_HSE (1u << 22)
#define RCC_CFGR 0x40023808u /* clock configuration */
#define RCC_CFGR_SW (3u << 0)
#define RCC_CFGR_SW_PLL (2u << 0)
#define RCC_CFGR_SWS (3u << 2)
#define RCC_CFGR_SWS_PLL (2u << 2)
#define RCC_CFGR_PPRE1 (7u << 10)
#define RCC_CFGR_PPRE2 (7u << 13)
#define RCC_AHB1ENR 0x40023830u /* AHB1 clock enable: bit n is GPIO port n */
#define RCC_APB1ENR 0x40023840u /* APB1 clock enable */
#define RCC_APB1ENR_PWREN (1u << 28)
#define RCC_APB2ENR 0x40023844u /* APB2 clock enable */

/* Power control */
#define PWR_CR 0x40007000u /* PWR_CR1 in the manual */
#define PWR_CR_VOS (3u << 14)
#define PWR_CR_VOS_SCALE_1 (3u << 14)
#define PWR_CR_ODEN (1u << 16)
#define PWR_CR_ODSWEN (1u << 17)
#define PWR_CSR 0x40007004u /* PWR_CSR1 in the manual */
#define PWR_CSR_ODRDY (1u << 16)
#define PWR_CSR_ODSWRDY (1u << 17)

/* Flash interface */
#define FLASH_ACR 0x40023C00u /* access control */
#define FLASH_ACR_LATENCY (0xFu << 0)
#define FLASH_ACR_ACCELERATORS (1u << 8 | 1u << 9) /* PRFTEN, ARTEN */

#define GPIO_BASE 0x40020000u
#define GPIO_CLOCK_ENABLE RCC_AHB1ENR

/* Serial ports: registers, interrupt, bus clock */
#define USART1_BASE 0x40011000u
#define USART1_IRQ 37
#define USART1_CLOCK_ENABLE RCC_APB2ENR
#define USART1_CLOCK_BIT (1u << 4)
#define USART1_CLOCK_DIVIDER BOARD_CLOCK_APB2_DIVIDER

#define USART2_BASE 0x40004400u
#define USART2_IRQ 38
#define USART2_CLOCK_ENABLE RCC_APB1ENR
#define USART2_CLOCK_BIT (1u << 17)
#define USART2_CLOCK_DIVIDER BOARD_CLOCK_APB1_DIVIDER

#define USART3_BASE 0x40004800u
#define USART3_IRQ 39
#define USART3_CLOCK_ENABLE RCC_APB1ENR
#define USART3_CLOCK_BIT (1u << 18)
#define USART3_CLOCK_DIVIDER BOARD_CLOCK_APB1_DIVIDER

#define USART6_BASE 0x40011400u
#define USART6_IRQ 71
#define USART6_CLOCK_ENABLE RCC_APB2ENR
#define USART6_CLOCK_BIT (1u << 5)
#define USART6_CLOCK_DIVIDER BOARD_CLOCK_APB2_DIVIDER

#endif

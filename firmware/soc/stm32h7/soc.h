/* STM32H742, H743 and H753 (RM0433). */
#ifndef SOC_H
#define SOC_H

/* Reset and clock control */
#define RCC_CR 0x58024400u /* clock control */
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR 0x58024410u /* clock configuration */
#define RCC_CFGR_SW (7u << 0)
#define RCC_CFGR_SW_PLL1 (3u << 0)
#define RCC_CFGR_SWS (7u << 3)
#define RCC_CFGR_SWS_PLL1 (3u << 3)
#define RCC_D1CFGR 0x58024418u /* dividers of domain 1: core, AHB, APB3 */
#define RCC_D1CFGR_HPRE (0xFu << 0)
#define RCC_D1CFGR_HPRE_DIV2 (8u << 0)
#define RCC_D1CFGR_D1PPRE (7u << 4)
#define RCC_D1CFGR_D1PPRE_DIV2 (4u << 4)
#define RCC_D1CFGR_D1CPRE (0xFu << 8)
#define RCC_D2CFGR 0x5802441Cu /* dividers of domain 2: APB1, APB2 */
#define RCC_D2CFGR_D2PPRE1 (7u << 4)
#define RCC_D2CFGR_D2PPRE2 (7u << 8)
#define RCC_D3CFGR 0x58024420u /* dividers of domain 3: APB4 */
#define RCC_D3CFGR_D3PPRE (7u << 4)
#define RCC_D3CFGR_D3PPRE_DIV2 (4u << 4)
#define RCC_PLLCKSELR 0x58024428u /* clock sources of the PLLs */
#define RCC_PLLCKSELR_PLLSRC (3u << 0)
#define RCC_PLLCKSELR_PLLSRC_HSE (2u << 0)
#define RCC_PLLCKSELR_DIVM1 (0x3Fu << 4)
#define RCC_PLLCFGR 0x5802442Cu /* configuration of the PLLs */
#define RCC_PLLCFGR_PLL1FRACEN (1u << 0)
#define RCC_PLLCFGR_PLL1VCOSEL (1u << 1)
#define RCC_PLLCFGR_PLL1RGE (3u << 2)
#define RCC_PLLCFGR_DIVP1EN (1u << 16)
#define RCC_PLL1DIVR 0x58024430u /* multiplier and dividers of PLL1 */
#define RCC_PLL1DIVR_DIVN1 (0x1FFu << 0)
#define RCC_PLL1DIVR_DIVP1 (0x7Fu << 9)
#define RCC_AHB4ENR 0x580244E0u  /* AHB4 clock enable: bit n is GPIO port n */
#define RCC_APB1LENR 0x580244E8u /* APB1 clock enable, low word */
#define RCC_APB2ENR 0x580244F0u  /* APB2 clock enable */
#define RCC_APB4ENR 0x580244F4u  /* APB4 clock enable */
#define RCC_APB4ENR_SYSCFGEN (1u << 1)

/* Power control */
#define PWR_CSR1 0x58024804u /* control and status 1 */
#define PWR_CSR1_ACTVOSRDY (1u << 13)
#define PWR_CR3 0x5802480Cu /* control 3; can be written once after power-up */
#define PWR_CR3_BYPASS (1u << 0)
#define PWR_CR3_LDOEN (1u << 1)
#define PWR_CR3_SCUEN (1u << 2)
#define PWR_D3CR 0x58024818u /* domain 3 control */
#define PWR_D3CR_VOSRDY (1u << 13)
#define PWR_D3CR_VOS (3u << 14)
#define PWR_D3CR_VOS_SCALE_1 (3u << 14)
#define SYSCFG_PWRCR 0x5800042Cu
#define SYSCFG_PWRCR_ODEN (1u << 0) /* from scale 1 to scale 0 */

/* Flash interface */
#define FLASH_ACR 0x52002000u /* access control */
#define FLASH_ACR_LATENCY (0xFu << 0)
#define FLASH_ACR_WRHIGHFREQ (3u << 4)
#define FLASH_ACR_WRHIGHFREQ_HIGHEST (2u << 4) /* for AXI at 185 to 240 MHz */

/* Debug unit: which chip this is */
#define DBGMCU_IDC 0x5C001000u
#define DBGMCU_IDC_REVISION_V 0x2003u /* in the upper half; the first that runs at scale 0 */

#define GPIO_BASE 0x58020000u
#define GPIO_CLOCK_ENABLE RCC_AHB4ENR

/* Serial ports: registers, interrupt, bus clock */
#define USART1_BASE 0x40011000u
#define USART1_IRQ 37
#define USART1_CLOCK_ENABLE RCC_APB2ENR
#define USART1_CLOCK_BIT (1u << 4)
#define USART1_CLOCK_DIVIDER BOARD_CLOCK_APB2_DIVIDER

#define USART2_BASE 0x40004400u
#define USART2_IRQ 38
#define USART2_CLOCK_ENABLE RCC_APB1LENR
#define USART2_CLOCK_BIT (1u << 17)
#define USART2_CLOCK_DIVIDER BOARD_CLOCK_APB1_DIVIDER

#define USART3_BASE 0x40004800u
#define USART3_IRQ 39
#define USART3_CLOCK_ENABLE RCC_APB1LENR
#define USART3_CLOCK_BIT (1u << 18)
#define USART3_CLOCK_DIVIDER BOARD_CLOCK_APB1_DIVIDER

#define USART6_BASE 0x40011400u
#define USART6_IRQ 71
#define USART6_CLOCK_ENABLE RCC_APB2ENR
#define USART6_CLOCK_BIT (1u << 5)
#define USART6_CLOCK_DIVIDER BOARD_CLOCK_APB2_DIVIDER

#endif

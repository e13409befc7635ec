/* STM32U575 and U585 (RM0456), non-secure addresses, of the kind with a step-down converter (a Q at
 * the end of the name): the converter feeds the core. */
#ifndef SOC_H
#define SOC_H

/* Reset and clock control */
#define RCC_CR 0x46020C00u /* clock control */
#define RCC_CR_HSION (1u << 8)
#define RCC_CR_HSIRDY (1u << 10)
#define RCC_CR_HSEON (1u << 16)
#define RCC_CR_HSERDY (1u << 17)
#define RCC_CR_HSEBYP (1u << 18)
#define RCC_CR_PLL1ON (1u << 24)
#define RCC_CR_PLL1RDY (1u << 25)
#define RCC_CFGR1 0x46020C1Cu /* clock configuration 1 */
#define RCC_CFGR1_SW (3u << 0)
#define RCC_CFGR1_SW_PLL1R (3u << 0)
#define RCC_CFGR1_SWS (3u << 2)
#define RCC_CFGR1_SWS_PLL1R (3u << 2)
#define RCC_CFGR2 0x46020C20u /* clock configuration 2 */
#define RCC_CFGR2_HPRE (0xFu << 0)
#define RCC_CFGR2_HPRE_DIV2 (8u << 0)
#define RCC_PLL1CFGR 0x46020C28u /* PLL1 configuration */
#define RCC_PLL1CFGR_SRC_MSIS (1u << 0)
#define RCC_PLL1CFGR_SRC_HSI16 (2u << 0)
#define RCC_PLL1CFGR_SRC_HSE (3u << 0)
#define RCC_PLL1CFGR_RGE_4_TO_8_MHZ (0u << 2)
#define RCC_PLL1CFGR_RGE_8_TO_16_MHZ (3u << 2)
#define RCC_PLL1CFGR_REN (1u << 18)
#define RCC_PLL1DIVR 0x46020C34u /* PLL1 multiplier and dividers */
#define RCC_PLL1DIVR_N (0x1FFu << 0)
#define RCC_PLL1DIVR_R (0x7Fu << 24)
#define RCC_AHB2ENR1 0x46020C8Cu /* AHB2 clock enable 1: bit n is GPIO port n */
#define RCC_AHB3ENR 0x46020C94u  /* AHB3 clock enable */
#define RCC_AHB3ENR_PWREN (1u << 2)
#define RCC_APB1ENR1 0x46020C9Cu /* APB1 clock enable 1 */
#define RCC_APB2ENR 0x46020CA4u  /* APB2 clock enable */

/* Power control */
#define PWR_CR3 0x46020808u /* control 3 */
#define PWR_CR3_REGSEL (1u << 1)
#define PWR_VOSR 0x4602080Cu /* voltage scaling */
#define PWR_VOSR_BOOSTRDY (1u << 14)
#define PWR_VOSR_VOSRDY (1u << 15)
#define PWR_VOSR_VOS (3u << 16)
#define PWR_VOSR_VOS_RANGE_1 (3u << 16)
#define PWR_VOSR_BOOSTEN (1u << 18)
#define PWR_SVMSR 0x4602083Cu /* supply voltage monitoring status */
#define PWR_SVMSR_REGS (1u << 1)

/* Flash interface, and the cache of instructions and constants in front of it */
#define FLASH_ACR 0x40022000u /* access control */
#define FLASH_ACR_LATENCY (0xFu << 0)
#define FLASH_ACR_PRFTEN (1u << 8)
#define ICACHE_CR 0x40030400u /* control */
#define ICACHE_CR_EN (1u << 0)
#define ICACHE_SR 0x40030404u /* status */
#define ICACHE_SR_BUSYF (1u << 0)

#define GPIO_BASE 0x42020000u
#define GPIO_CLOCK_ENABLE RCC_AHB2ENR1

/* Serial ports: registers, interrupt, bus clock */
#define USART1_BASE 0x40013800u
#define USART1_IRQ 61
#define USART1_CLOCK_ENABLE RCC_APB2ENR
#define USART1_CLOCK_BIT (1u << 14)

#define USART2_BASE 0x40004400u
#define USART2_IRQ 62
#define USART2_CLOCK_ENABLE RCC_APB1ENR1
#define USART2_CLOCK_BIT (1u << 17)

#define USART3_BASE 0x40004800u
#define USART3_IRQ 63
#define USART3_CLOCK_ENABLE RCC_APB1ENR1
#define USART3_CLOCK_BIT (1u << 18)

#endif

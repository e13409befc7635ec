/* Clock of the STM32G0 (RM0444). Its buses run at the frequency of the core. */
#include "board.h"
#include "clock.h"
#include "register.h"

#define HSI16_HZ 16000000u

static uint32_t core_hz = HSI16_HZ;

/* HSI16 runs after a reset already. */
static bool start_oscillator(void)
{
    if (BOARD_CLOCK_IS_HSI16) {
        return true;
    }
    uint32_t bypass = BOARD_CLOCK_BYPASS ? RCC_CR_HSEBYP : 0;
    register_change(RCC_CR, RCC_CR_HSEBYP, bypass); /* before HSEON, after it has no effect */
    REGISTER(RCC_CR) |= RCC_CR_HSEON;
    return register_await(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
}

static bool start_pll(void)
{
    REGISTER(RCC_PLLCFGR) = (BOARD_CLOCK_IS_HSI16 ? RCC_PLLCFGR_SRC_HSI16 : RCC_PLLCFGR_SRC_HSE) |
                            (BOARD_CLOCK_PLL_M - 1u) << 4 | BOARD_CLOCK_PLL_N << 8 |
                            (BOARD_CLOCK_PLL_P - 1u) << 29 | RCC_PLLCFGR_REN;
    REGISTER(RCC_CR) |= RCC_CR_PLLON;
    return register_await(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
}

/* Range 1, in which a reset leaves the regulator, and which frequencies above 16 MHz need. */
static bool raise_voltage(void)
{
    register_change(PWR_CR1, PWR_CR1_VOS, PWR_CR1_VOS_RANGE_1);
    return register_await(PWR_SR2, PWR_SR2_VOSF, 0);
}

/* Other bits of the register decide whether a debugger may attach, and what a reset boots from. */
static bool slow_flash_down(void)
{
    register_change(FLASH_ACR, FLASH_ACR_LATENCY | FLASH_ACR_ACCELERATORS,
                    FLASH_ACR_ACCELERATORS | BOARD_FLASH_WAIT_STATES);
    return register_await(FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES);
}

static bool switch_to_pll(void)
{
    register_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLLRCLK);
    return register_await(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLLRCLK);
}

void clock_init(void)
{
    REGISTER(RCC_APBENR1) |= RCC_APBENR1_PWREN;
    (void)REGISTER(RCC_APBENR1); /* the clock runs two cycles after the write */
    if (start_oscillator() && raise_voltage() && start_pll() && slow_flash_down() &&
        switch_to_pll()) {
        core_hz = BOARD_CLOCK_HZ;
    }
}

uint32_t clock_hz(void)
{
    return core_hz;
}

uint32_t clock_console_hz(void)
{
    return core_hz;
}

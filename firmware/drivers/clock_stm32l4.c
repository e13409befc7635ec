/* Clock of the STM32L4+ (RM0432). Its buses run at the frequency of the core. */
#include "board.h"
#include "clock.h"
#include "register.h"

#define MSI_HZ 4000000u

static uint32_t core_hz = MSI_HZ;

static bool start_oscillator(void)
{
    if (BOARD_CLOCK_IS_HSI16) {
        REGISTER(RCC_CR) |= RCC_CR_HSION;
        return register_await(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
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
                            (BOARD_CLOCK_PLL_P / 2u - 1u) << 25 | RCC_PLLCFGR_REN;
    REGISTER(RCC_CR) |= RCC_CR_PLLON;
    return register_await(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY);
}

/* Range 1 with boost, which frequencies above 80 MHz need. */
static bool raise_voltage(void)
{
    register_change(PWR_CR1, PWR_CR1_VOS, PWR_CR1_VOS_RANGE_1);
    if (!register_await(PWR_SR2, PWR_SR2_VOSF, 0)) {
        return false;
    }
    REGISTER(PWR_CR5) &= ~PWR_CR5_R1MODE; /* 0 is boost */
    return true;
}

static bool slow_flash_down(void)
{
    REGISTER(FLASH_ACR) = FLASH_ACR_ACCELERATORS | BOARD_FLASH_WAIT_STATES;
    return register_await(FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES);
}

/* The core goes to its frequency by way of half of it, at which it stays for over 1 us, so that the
 * regulator can follow. */
static bool switch_to_pll(void)
{
    register_change(RCC_CFGR, RCC_CFGR_HPRE, RCC_CFGR_HPRE_DIV2);
    register_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    if (!register_await(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL)) {
        register_change(RCC_CFGR, RCC_CFGR_HPRE, 0);
        return false;
    }
    for (uint32_t i = 0; i < 100u; i++) {
        __asm__ volatile("nop");
    }
    register_change(RCC_CFGR, RCC_CFGR_HPRE, 0);
    return true;
}

void clock_init(void)
{
    REGISTER(RCC_APB1ENR1) |= RCC_APB1ENR1_PWREN;
    (void)REGISTER(RCC_APB1ENR1); /* the clock runs two cycles after the write */
    REGISTER(PWR_CR2) |= PWR_CR2_IOSV; /* pins PG2 to PG15 are supplied apart, by VDDIO2 */
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

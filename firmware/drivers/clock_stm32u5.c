/* Clock of the STM32U5 (RM0456). Its buses run at the frequency of the core. */
#include "board.h"
#include "clock.h"
#include "register.h"

#define MSIS_HZ 4000000u

_Static_assert(!BOARD_CLOCK_IS_MSIS || BOARD_CLOCK_SOURCE_HZ == MSIS_HZ,
               "MSIS runs at the frequency it has after a reset");
_Static_assert(BOARD_CLOCK_SOURCE_HZ >= 4000000u && BOARD_CLOCK_SOURCE_HZ <= 16000000u,
               "the booster takes the source of PLL1 undivided, which is 4 to 16 MHz");

static uint32_t core_hz = MSIS_HZ;

/* From the linear regulator to the step-down converter, which takes less than half the current. */
static bool choose_supply(void)
{
    REGISTER(PWR_CR3) |= PWR_CR3_REGSEL;
    return register_await(PWR_SVMSR, PWR_SVMSR_REGS, PWR_SVMSR_REGS);
}

/* MSIS runs after a reset already. */
static bool start_oscillator(void)
{
    if (BOARD_CLOCK_IS_MSIS) {
        return true;
    }
    if (BOARD_CLOCK_IS_HSI16) {
        REGISTER(RCC_CR) |= RCC_CR_HSION;
        return register_await(RCC_CR, RCC_CR_HSIRDY, RCC_CR_HSIRDY);
    }
    uint32_t bypass = BOARD_CLOCK_BYPASS ? RCC_CR_HSEBYP : 0;
    register_change(RCC_CR, RCC_CR_HSEBYP, bypass); /* before HSEON, after it has no effect */
    REGISTER(RCC_CR) |= RCC_CR_HSEON;
    return register_await(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
}

static void configure_pll(void)
{
    uint32_t source = BOARD_CLOCK_IS_MSIS    ? RCC_PLL1CFGR_SRC_MSIS
                      : BOARD_CLOCK_IS_HSI16 ? RCC_PLL1CFGR_SRC_HSI16
                                             : RCC_PLL1CFGR_SRC_HSE;
    uint32_t range = BOARD_CLOCK_SOURCE_HZ / BOARD_CLOCK_PLL_M < 8000000u
                         ? RCC_PLL1CFGR_RGE_4_TO_8_MHZ
                         : RCC_PLL1CFGR_RGE_8_TO_16_MHZ;
    REGISTER(RCC_PLL1CFGR) = source | range | (BOARD_CLOCK_PLL_M - 1u) << 8 | RCC_PLL1CFGR_REN;
    register_change(RCC_PLL1DIVR, RCC_PLL1DIVR_N | RCC_PLL1DIVR_R,
                    (BOARD_CLOCK_PLL_N - 1u) << 0 | (BOARD_CLOCK_PLL_P - 1u) << 24);
}

/* Range 1, and the booster, which frequencies above 55 MHz need; it is clocked by PLL1's source. */
static bool raise_voltage(void)
{
    register_change(PWR_VOSR, PWR_VOSR_VOS, PWR_VOSR_VOS_RANGE_1);
    if (!register_await(PWR_VOSR, PWR_VOSR_VOSRDY, PWR_VOSR_VOSRDY)) {
        return false;
    }
    REGISTER(PWR_VOSR) |= PWR_VOSR_BOOSTEN;
    return register_await(PWR_VOSR, PWR_VOSR_BOOSTRDY, PWR_VOSR_BOOSTRDY);
}

static bool start_pll(void)
{
    REGISTER(RCC_CR) |= RCC_CR_PLL1ON;
    return register_await(RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);
}

static bool slow_flash_down(void)
{
    REGISTER(FLASH_ACR) = FLASH_ACR_PRFTEN | BOARD_FLASH_WAIT_STATES;
    return register_await(FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES);
}

/* After a reset the cache is busy forgetting what it held. */
static void enable_cache(void)
{
    if (register_await(ICACHE_SR, ICACHE_SR_BUSYF, 0)) {
        REGISTER(ICACHE_CR) |= ICACHE_CR_EN;
    }
}

/* The core goes to its frequency by way of half of it, at which it stays for over 1 us, so that the
 * regulator can follow. */
static bool switch_to_pll(void)
{
    register_change(RCC_CFGR2, RCC_CFGR2_HPRE, RCC_CFGR2_HPRE_DIV2);
    register_change(RCC_CFGR1, RCC_CFGR1_SW, RCC_CFGR1_SW_PLL1R);
    if (!register_await(RCC_CFGR1, RCC_CFGR1_SWS, RCC_CFGR1_SWS_PLL1R)) {
        register_change(RCC_CFGR2, RCC_CFGR2_HPRE, 0);
        return false;
    }
    for (uint32_t i = 0; i < 100u; i++) {
        __asm__ volatile("nop");
    }
    register_change(RCC_CFGR2, RCC_CFGR2_HPRE, 0);
    return true;
}

void clock_init(void)
{
    enable_cache();
    REGISTER(RCC_AHB3ENR) |= RCC_AHB3ENR_PWREN;
    (void)REGISTER(RCC_AHB3ENR); /* the clock runs two cycles after the write */
    if (!choose_supply() || !start_oscillator()) {
        return;
    }
    configure_pll();
    if (raise_voltage() && start_pll() && slow_flash_down() && switch_to_pll()) {
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

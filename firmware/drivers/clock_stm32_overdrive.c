/* Clock of the STM32F4 with over-drive (RM0390) and of the STM32F7 (RM0385). */
#include "board.h"
#include "clock.h"
#include "register.h"

#define HSI_HZ 16000000u

static uint32_t core_hz = HSI_HZ;
static uint32_t console_hz = HSI_HZ;

static bool start_oscillator(void)
{
    uint32_t bypass = BOARD_CLOCK_BYPASS ? RCC_CR_HSEBYP : 0;
    register_change(RCC_CR, RCC_CR_HSEBYP, bypass); /* before HSEON, after it has no effect */
    REGISTER(RCC_CR) |= RCC_CR_HSEON;
    return register_await(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
}

static void start_pll(void)
{
    register_change(PWR_CR, PWR_CR_VOS, PWR_CR_VOS_SCALE_1); /* takes effect with PLLON */
    uint32_t mask = RCC_PLLCFGR_M | RCC_PLLCFGR_N | RCC_PLLCFGR_P | RCC_PLLCFGR_SRC_HSE;
    uint32_t divider = BOARD_CLOCK_PLL_P / 2u - 1u; /* 2, 4, 6 or 8 as 0, 1, 2 or 3 */
    register_change(RCC_PLLCFGR, mask,
                    BOARD_CLOCK_PLL_M | BOARD_CLOCK_PLL_N << 6 | divider << 16 |
                        RCC_PLLCFGR_SRC_HSE);
    REGISTER(RCC_CR) |= RCC_CR_PLLON;
}

/* Raises the core voltage for the highest frequencies, while the core still runs on HSI. */
static bool enter_overdrive(void)
{
    REGISTER(PWR_CR) |= PWR_CR_ODEN;
    if (!register_await(PWR_CSR, PWR_CSR_ODRDY, PWR_CSR_ODRDY)) {
        return false;
    }
    REGISTER(PWR_CR) |= PWR_CR_ODSWEN;
    return register_await(PWR_CSR, PWR_CSR_ODSWRDY, PWR_CSR_ODSWRDY);
}

static bool slow_flash_down(void)
{
    uint32_t wanted = FLASH_ACR_ACCELERATORS | BOARD_FLASH_WAIT_STATES;
    REGISTER(FLASH_ACR) = wanted;
    return register_await(FLASH_ACR, FLASH_ACR_LATENCY, BOARD_FLASH_WAIT_STATES);
}

/* A bus divider of 1, 2, 4, 8 or 16 as PPRE1 and PPRE2 have it: 0, 4, 5, 6 or 7. */
static uint32_t ppre(uint32_t divider)
{
    uint32_t code = 3;
    for (; divider > 1; divider /= 2u) {
        code++;
    }
    return code == 3 ? 0 : code;
}

static bool switch_to_pll(void)
{
    register_change(RCC_CFGR, RCC_CFGR_PPRE1 | RCC_CFGR_PPRE2,
                    ppre(BOARD_CLOCK_APB1_DIVIDER) << 10 | ppre(BOARD_CLOCK_APB2_DIVIDER) << 13);
    register_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL);
    return register_await(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL);
}

void clock_init(void)
{
    REGISTER(RCC_APB1ENR) |= RCC_APB1ENR_PWREN;
    (void)REGISTER(RCC_APB1ENR); /* the clock runs two cycles after the write */
    if (!start_oscillator()) {
        return;
    }
    start_pll();
    if (enter_overdrive() && slow_flash_down() &&
        register_await(RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY) && switch_to_pll()) {
        core_hz = BOARD_CLOCK_HZ;
        console_hz = BOARD_CLOCK_HZ / CONSOLE_CLOCK_DIVIDER;
    }
}

uint32_t clock_hz(void)
{
    return core_hz;
}

uint32_t clock_console_hz(void)
{
    return console_hz;
}

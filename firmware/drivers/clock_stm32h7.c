/* Clock of the STM32H742, H743 and H753 (RM0433), of revision V. AXI and AHB run at half the
 * frequency of the core, APB3 and APB4 at a quarter. */
#include "board.h"
#include "clock.h"
#include "register.h"

#define HSI_HZ 64000000u

_Static_assert(BOARD_CLOCK_APB1_DIVIDER >= 2u && BOARD_CLOCK_APB2_DIVIDER >= 2u,
               "APB1 and APB2 follow AHB, which runs at half the frequency of the core");

static uint32_t core_hz = HSI_HZ;
static uint32_t console_hz = HSI_HZ;

/* The regulator feeds the core, as nothing else does on the boards here. */
static bool choose_supply(void)
{
    register_change(PWR_CR3, PWR_CR3_BYPASS | PWR_CR3_LDOEN | PWR_CR3_SCUEN, PWR_CR3_LDOEN);
    return register_await(PWR_CSR1, PWR_CSR1_ACTVOSRDY, PWR_CSR1_ACTVOSRDY);
}

static bool start_oscillator(void)
{
    uint32_t bypass = BOARD_CLOCK_BYPASS ? RCC_CR_HSEBYP : 0;
    register_change(RCC_CR, RCC_CR_HSEBYP, bypass); /* before HSEON, after it has no effect */
    REGISTER(RCC_CR) |= RCC_CR_HSEON;
    return register_await(RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY);
}

/* Scale 0, which frequencies above 400 MHz need, is reached by way of scale 1. */
static bool raise_voltage(void)
{
    register_change(PWR_D3CR, PWR_D3CR_VOS, PWR_D3CR_VOS_SCALE_1);
    if (!register_await(PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY)) {
        return false;
    }
    REGISTER(RCC_APB4ENR) |= RCC_APB4ENR_SYSCFGEN;
    (void)REGISTER(RCC_APB4ENR); /* the clock runs two cycles after the write */
    REGISTER(SYSCFG_PWRCR) |= SYSCFG_PWRCR_ODEN;
    (void)REGISTER(SYSCFG_PWRCR); /* so that VOSRDY is read after it fell */
    return register_await(PWR_D3CR, PWR_D3CR_VOSRDY, PWR_D3CR_VOSRDY);
}

/* The code for the frequency at the input of the PLL: 1 to 2, to 4, to 8, to 16 MHz. */
static uint32_t input_range(void)
{
    uint32_t hz = BOARD_CLOCK_SOURCE_HZ / BOARD_CLOCK_PLL_M;
    return hz < 2000000u ? 0u : hz < 4000000u ? 1u : hz < 8000000u ? 2u : 3u;
}

static bool start_pll(void)
{
    register_change(RCC_PLLCKSELR, RCC_PLLCKSELR_PLLSRC | RCC_PLLCKSELR_DIVM1,
                    RCC_PLLCKSELR_PLLSRC_HSE | BOARD_CLOCK_PLL_M << 4);
    register_change(RCC_PLLCFGR,
                    RCC_PLLCFGR_PLL1FRACEN | RCC_PLLCFGR_PLL1VCOSEL | RCC_PLLCFGR_PLL1RGE |
                        RCC_PLLCFGR_DIVP1EN,
                    input_range() << 2 | RCC_PLLCFGR_DIVP1EN);
    register_change(RCC_PLL1DIVR, RCC_PLL1DIVR_DIVN1 | RCC_PLL1DIVR_DIVP1,
                    (BOARD_CLOCK_PLL_N - 1u) << 0 | (BOARD_CLOCK_PLL_P - 1u) << 9);
    REGISTER(RCC_CR) |= RCC_CR_PLL1ON;
    return register_await(RCC_CR, RCC_CR_PLL1RDY, RCC_CR_PLL1RDY);
}

static bool slow_flash_down(void)
{
    uint32_t wanted = FLASH_ACR_WRHIGHFREQ_HIGHEST | BOARD_FLASH_WAIT_STATES;
    REGISTER(FLASH_ACR) = wanted;
    return register_await(FLASH_ACR, FLASH_ACR_LATENCY | FLASH_ACR_WRHIGHFREQ, wanted);
}

/* A divider of 1, 2, 4, 8 or 16 between AHB and APB as the registers have it: 0, 4, 5, 6 or 7. */
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
    register_change(RCC_D1CFGR, RCC_D1CFGR_D1CPRE | RCC_D1CFGR_HPRE | RCC_D1CFGR_D1PPRE,
                    RCC_D1CFGR_HPRE_DIV2 | RCC_D1CFGR_D1PPRE_DIV2);
    register_change(RCC_D2CFGR, RCC_D2CFGR_D2PPRE1 | RCC_D2CFGR_D2PPRE2,
                    ppre(BOARD_CLOCK_APB1_DIVIDER / 2u) << 4 |
                        ppre(BOARD_CLOCK_APB2_DIVIDER / 2u) << 8);
    register_change(RCC_D3CFGR, RCC_D3CFGR_D3PPRE, RCC_D3CFGR_D3PPRE_DIV2);
    register_change(RCC_CFGR, RCC_CFGR_SW, RCC_CFGR_SW_PLL1);
    return register_await(RCC_CFGR, RCC_CFGR_SWS, RCC_CFGR_SWS_PLL1);
}

void clock_init(void)
{
    if (REGISTER(DBGMCU_IDC) >> 16 < DBGMCU_IDC_REVISION_V) {
        return; /* scale 0 is not to be had, nor with it the frequency */
    }
    if (choose_supply() && start_oscillator() && raise_voltage() && start_pll() &&
        slow_flash_down() && switch_to_pll()) {
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

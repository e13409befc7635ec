/* Registers of the Cortex-M itself: System Control Space, NVIC, SysTick, DWT.
 * Names and bits are those of the Armv6-M, Armv7-M and Armv8-M Architecture Reference Manuals. */
#ifndef SCS_H
#define SCS_H

#include "register.h"

/* DWT: cycle counter */
#define DWT_CTRL 0xE0001000u /* control */
#define DWT_CTRL_CYCCNTENA (1u << 0)
#define DWT_CYCCNT 0xE0001004u /* cycles of the core */
#define DWT_LAR 0xE0001FB0u    /* lock; only the Cortex-M7 has one */
#define DWT_LAR_UNLOCK 0xC5ACCE55u
#define DEMCR 0xE000EDFCu /* Debug Exception and Monitor Control */
#define DEMCR_TRCENA (1u << 24)

/* SysTick */
#define SYST_CSR 0xE000E010u /* control and status */
#define SYST_CSR_ENABLE (1u << 0)
#define SYST_CSR_TICKINT (1u << 1)
#define SYST_CSR_CLKSOURCE (1u << 2) /* the core's clock, not the reference */
#define SYST_RVR 0xE000E014u /* reload value, 24 bits */
#define SYST_CVR 0xE000E018u /* current value */

/* NVIC: one bit per interrupt */
#define NVIC_ISER 0xE000E100u /* set enable */

/* System control block */
#define VTOR 0xE000ED08u  /* vector table */
#define AIRCR 0xE000ED0Cu /* application interrupt and reset control */
#define AIRCR_VECTKEY (0x05FAu << 16)
#define AIRCR_SYSRESETREQ (1u << 2)
#define CCR 0xE000ED14u /* configuration and control */
#define CCR_DC (1u << 16)
#define CCR_IC (1u << 17)
#define CCR_LOB (1u << 19) /* low-overhead loops and branches, Armv8.1-M */
#define CFSR 0xE000ED28u   /* configurable fault status */
#define CFSR_MSTKERR (1u << 4)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_STKERR (1u << 12)
#define CFSR_BFARVALID (1u << 15)
#define CFSR_STKOF (1u << 20) /* stack limit passed, Armv8-M */
#define HFSR 0xE000ED2Cu      /* HardFault status */
#define MMFAR 0xE000ED34u     /* address of a memory management fault */
#define BFAR 0xE000ED38u      /* address of a bus fault */
#define CPACR 0xE000ED88u     /* coprocessor access */
#define CPACR_CP10_CP11 (0xFu << 20)

/* Memory protection unit of Armv6-M and Armv7-M */
#define MPU_TYPE 0xE000ED90u /* type */
#define MPU_TYPE_DREGION (0xFFu << 8) /* number of regions, 0 without MPU */
#define MPU_CTRL 0xE000ED94u /* control */
#define MPU_CTRL_ENABLE (1u << 0)
#define MPU_CTRL_PRIVDEFENA (1u << 2) /* what no region covers is as without MPU */
#define MPU_RBAR 0xE000ED9Cu          /* region base address, and with VALID its number */
#define MPU_RBAR_VALID (1u << 4)
#define MPU_RASR 0xE000EDA0u /* region attributes and size; access permission 0 is none at all */
#define MPU_RASR_ENABLE (1u << 0)
#define MPU_RASR_XN (1u << 28)

/* Caches of the Cortex-M7 */
#define CCSIDR 0xE000ED80u  /* size of the selected cache */
#define CSSELR 0xE000ED84u  /* which cache: 0 is level 1 data */
#define ICIALLU 0xE000EF50u /* invalidate all instructions */
#define DCISW 0xE000EF60u   /* invalidate data by set and way */
#define DCCMVAC 0xE000EF68u /* clean data by address */

static inline void scs_barrier(void)
{
    __asm__ volatile("dsb\n isb" ::: "memory");
}

static inline void nvic_enable(uint32_t interrupt)
{
    REGISTER(NVIC_ISER + interrupt / 32u * 4u) = 1u << (interrupt % 32u);
}

/* Holds interrupts back; returns what interrupts_restore takes to let them through again. */
static inline uint32_t interrupts_hold(void)
{
    uint32_t held;
    __asm__ volatile("mrs %0, primask\n cpsid i" : "=r"(held)::"memory");
    return held;
}

static inline void interrupts_restore(uint32_t held)
{
    __asm__ volatile("msr primask, %0" ::"r"(held) : "memory");
}

#endif

#include "text.h"

#include "console.h"

#include <stdbool.h>
#include <string.h>

#define MAX_DIGITS 40u /* FLT_MAX has 39 */
#define FRACTION_BITS 23u
#define EXPONENT_BIAS 127u

void text_put(const char *text)
{
    console_write((const uint8_t *)text, (uint32_t)strlen(text));
}

/* Puts decimal digits, of which the lowest lies first. */
static void put_digits(const uint8_t *digits, uint32_t count)
{
    while (count > 0) {
        uint8_t character = (uint8_t)('0' + digits[--count]);
        console_write(&character, 1);
    }
}

static uint32_t digits_of(uint64_t value, uint8_t digits[MAX_DIGITS])
{
    uint32_t count = 0;
    do {
        digits[count++] = (uint8_t)(value % 10u);
        value /= 10u;
    } while (value > 0);
    return count;
}

void text_number(uint64_t value)
{
    uint8_t digits[MAX_DIGITS];
    put_digits(digits, digits_of(value, digits));
}

void text_byte(uint8_t value)
{
    static const char digits[] = "0123456789abcdef";
    char pair[] = {digits[value >> 4], digits[value & 15u], '\0'};
    text_put(pair);
}

/* A float of at least 2^23 is a whole number: fraction * 2^doublings. */
static void put_whole(uint32_t fraction, uint32_t doublings)
{
    uint8_t digits[MAX_DIGITS];
    uint32_t count = digits_of(fraction, digits);
    for (; doublings > 0; doublings--) {
        uint32_t carry = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t doubled = digits[i] * 2u + carry;
            digits[i] = (uint8_t)(doubled % 10u);
            carry = doubled / 10u;
        }
        if (carry > 0) {
            digits[count++] = (uint8_t)carry;
        }
    }
    put_digits(digits, count);
    text_put(".000");
}

/* Thousandths of fraction / 2^halvings, ties to even. */
static uint64_t thousandths(uint32_t fraction, uint32_t halvings)
{
    uint64_t exact = (uint64_t)fraction * 1000u; /* below 2^34 */
    if (halvings > 40u) {
        return 0;
    }
    uint64_t whole = exact >> halvings;
    uint64_t rest = exact - (whole << halvings);
    uint64_t half = (1ull << halvings) / 2u;
    bool up = halvings > 0 && (rest > half || (rest == half && (whole & 1u) != 0));
    return whole + up;
}

void text_fixed3(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = bits >> FRACTION_BITS & 0xFFu;
    uint32_t fraction = bits & ((1u << FRACTION_BITS) - 1u);
    if (exponent == 0xFFu && fraction != 0) {
        text_put("nan");
        return;
    }
    if (bits >> 31 != 0) {
        text_put("-");
    }
    if (exponent == 0xFFu) {
        text_put("inf");
        return;
    }
    if (exponent == 0) {
        exponent = 1; /* subnormal, or zero */
    } else {
        fraction |= 1u << FRACTION_BITS;
    }
    if (exponent >= EXPONENT_BIAS + FRACTION_BITS) {
        put_whole(fraction, exponent - EXPONENT_BIAS - FRACTION_BITS);
        return;
    }
    uint64_t scaled = thousandths(fraction, EXPONENT_BIAS + FRACTION_BITS - exponent);
    text_number(scaled / 1000u);
    text_put(".");
    uint8_t digits[MAX_DIGITS] = {0};
    (void)digits_of(scaled % 1000u, digits);
    put_digits(digits, 3);
}

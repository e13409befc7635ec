/* Text on the console, without the heap that printf of floating-point numbers takes. */
#ifndef TEXT_H
#define TEXT_H

#include <stdint.h>

void text_put(const char *text);
void text_number(uint64_t value);

/* Two hexadecimal digits. */
void text_byte(uint8_t value);

/* A float as printf shows it for "%.3f": correctly rounded, ties to even. */
void text_fixed3(float value);

#endif

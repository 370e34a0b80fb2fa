/* UART0, 8N1 at UART_BAUD (kll_defs.h). Receiving is by interrupt into a ring, so that the core can sleep; sending waits for the FIFO. */
#ifndef UART_H
#define UART_H

#include <stdint.h>

void uart_init(void);

/* The next byte received; sleeps until there is one. */
char uart_read(void);

void uart_write(const char *text);

/* Upper case, `0x` in front, at least `digits` digits. */
void uart_write_hex(uint32_t value, unsigned digits);
void uart_write_decimal(uint32_t value);

void uart0_interrupt(void);

#endif

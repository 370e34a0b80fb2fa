#include "uart.h"

#include "kll_defs.h"
#include "registers.h"

#define RING_SIZE 256u /* a power of two: the indices run freely and are cut to size on use */

/* 12 MHz after reset, 16 clocks a bit; in 64ths, rounded */
#define BAUD_DIVISOR ((12000000u * 64 / 16 + UART_BAUD / 2) / UART_BAUD)

static volatile char ring[RING_SIZE];
static volatile uint32_t ring_in;  /* written by the interrupt only */
static volatile uint32_t ring_out; /* written by uart_read only */

static const uint32_t receive_interrupts = UART_INT_RX | UART_INT_RX_TIMEOUT;

static void interrupts_off(void)
{
	__asm__ volatile("cpsid i" ::: "memory");
}

static void interrupts_on(void)
{
	__asm__ volatile("cpsie i" ::: "memory");
}

void uart_init(void)
{
	SYSCTL_RCGC1 |= RCGC1_UART0;
	SYSCTL_RCGC2 |= RCGC2_GPIOA;
	(void)SYSCTL_RCGC2; /* the clocks need a few cycles before the first access */
	(void)SYSCTL_RCGC2;
	GPIOA_AFSEL |= GPIOA_UART0_PINS;
	GPIOA_DEN |= GPIOA_UART0_PINS;

	UART0_CTL = 0;
	UART0_IBRD = BAUD_DIVISOR / 64;
	UART0_FBRD = BAUD_DIVISOR % 64;
	UART0_LCRH = UART_LCRH_8BIT | UART_LCRH_FEN;
	UART0_ICR = receive_interrupts;
	UART0_IM = receive_interrupts;
	UART0_CTL = UART_CTL_UARTEN | UART_CTL_TXE | UART_CTL_RXE;
	NVIC_ISER0 = 1u << UART0_IRQ;
}

void uart0_interrupt(void)
{
	UART0_ICR = receive_interrupts;
	while (!(UART0_FR & UART_FR_RXFE)) {
		if (ring_in - ring_out == RING_SIZE) {
			/* Leave the rest in the FIFO until uart_read has made room: a sender with flow control loses nothing. */
			UART0_IM = 0;
			return;
		}
		ring[ring_in % RING_SIZE] = (char)UART0_DR;
		ring_in++;
	}
}

char uart_read(void)
{
	interrupts_off(); /* or a byte could come between the question and the sleep; wfi wakes up all the same */
	while (ring_in == ring_out) {
		__asm__ volatile("wfi");
		interrupts_on();
		interrupts_off();
	}
	char byte = ring[ring_out % RING_SIZE];
	ring_out++;
	if (UART0_IM == 0) {
		uart0_interrupt(); /* the FIFO may stand full without a new interrupt to come */
		if (ring_in - ring_out < RING_SIZE)
			UART0_IM = receive_interrupts;
	}
	interrupts_on();
	return byte;
}

static void put(char byte)
{
	while (UART0_FR & UART_FR_TXFF)
		continue;
	UART0_DR = (uint8_t)byte;
}

void uart_write(const char *text)
{
	for (; *text; text++)
		put(*text);
}

void uart_write_hex(uint32_t value, unsigned digits)
{
	uart_write("0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		if (shift < (int)(4 * digits) || value >> shift)
			put("0123456789ABCDEF"[value >> shift & 0xF]);
}

void uart_write_decimal(uint32_t value)
{
	if (value >= 10)
		uart_write_decimal(value / 10);
	put((char)('0' + value % 10));
}

/* From reset to main, and the vector table. */
#include <stdint.h>

#include "registers.h"
#include "uart.h"

/* Laid out by lm3s6965.ld; only their addresses mean anything. */
extern uint32_t stack_top, data_source, data_start, data_end, bss_start, bss_end;

int main(void);

void reset(void)
{
	const uint32_t *source = &data_source;
	for (uint32_t *word = &data_start; word < &data_end; word++)
		*word = *source++;
	for (uint32_t *word = &bss_start; word < &bss_end; word++)
		*word = 0;
	main();
	for (;;)
		__asm__ volatile("wfi");
}

/* Prints `fault: exception 3 at 0x…` (the exception's number, the instruction that raised it) and halts. */
__attribute__((used, noreturn)) static void fault_report(const uint32_t *frame)
{
	uint32_t exception;
	__asm__ volatile("mrs %0, ipsr" : "=r"(exception));
	__asm__ volatile("cpsid i");
	uart_init(); /* the fault may have come before main got there */
	uart_write("\nfault: exception ");
	uart_write_decimal(exception);
	uart_write(" at ");
	uart_write_hex(frame[6], 8); /* the core stacks r0-r3, r12, lr, pc, xpsr */
	uart_write("\n");
	for (;;)
		__asm__ volatile("wfi");
}

__attribute__((naked)) void fault(void)
{
	__asm__ volatile("mov r0, sp\n"
	                 "b fault_report\n");
}

__attribute__((section(".vectors"), used)) static void (*const vectors[16 + UART0_IRQ + 1])(void) = {
	(void (*)(void))&stack_top,
	reset,
	fault, /* non-maskable interrupt */
	fault, /* hard fault */
	fault, /* memory management */
	fault, /* bus */
	fault, /* usage */
	0,
	0,
	0,
	0,
	fault, /* supervisor call */
	fault, /* debug monitor */
	0,
	fault, /* PendSV */
	fault, /* SysTick */
	fault, /* interrupts 0-4: never enabled */
	fault,
	fault,
	fault,
	fault,
	uart0_interrupt,
};

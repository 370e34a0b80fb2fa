#include "report.h"

#include "uart.h"

void report_usage(const struct action *action, bool pressed)
{
	uart_write(pressed ? "press " : "release ");
	uart_write(action->page);
	uart_write(" ");
	uart_write_hex(action->id, 2);
	uart_write(" ");
	uart_write(action->name);
	uart_write("\n");
}

void report_layer(uint8_t layer, bool on)
{
	uart_write("layer ");
	uart_write_decimal(layer);
	uart_write(on ? " on\n" : " off\n");
}

#include "console.h"
#include "keys.h"
#include "matrix.h"
#include "uart.h"

int main(void)
{
	uart_init();
	console_greet();
	console_answer(0);
	for (;;) {
		/* One command, one scan: however fast the commands come, no change of a switch goes unseen. */
		const char *trouble = console_command();
		matrix_scan(key_changed);
		console_answer(trouble);
	}
}

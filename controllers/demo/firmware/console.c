#include "console.h"

#include <stdbool.h>
#include <stdint.h>

#include "keymap.h"
#include "keymap_types.h"
#include "matrix.h"
#include "uart.h"

#define LINE_MAX 32

void console_greet(void)
{
	uart_write("info name \"");
	uart_write(keymap.name);
	uart_write("\" layout \"");
	uart_write(keymap.layout);
	uart_write("\" keys ");
	uart_write_decimal(KEYMAP_KEYS);
	uart_write(" layers ");
	uart_write_decimal(KEYMAP_LAYERS);
	uart_write("\n");
}

void console_answer(const char *trouble)
{
	if (trouble) {
		uart_write("error: ");
		uart_write(trouble);
		uart_write("\n");
	} else {
		uart_write("ok\n");
	}
}

/* The next line that is not empty, without its end. False if it did not fit; it is read to its end all the same. */
static bool read_line(char line[LINE_MAX])
{
	unsigned length = 0;
	for (;;) {
		char byte = uart_read();
		bool end = byte == '\n' || byte == '\r';
		if (end && length > 0)
			break;
		if (end)
			continue;
		if (length < LINE_MAX)
			line[length] = byte;
		if (length <= LINE_MAX)
			length++; /* no further: the length of a line without end must not wrap */
	}
	if (length >= LINE_MAX)
		return false;
	line[length] = '\0';
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* `0x` and one or two hexadecimal digits, nothing else; -1 if it is anything else. */
static int scan_code(const char *text)
{
	if (text[0] != '0' || text[1] != 'x' || text[2] == '\0')
		return -1;
	int code = 0;
	for (unsigned i = 2; text[i]; i++) {
		int digit = hex_digit(text[i]);
		if (digit < 0 || i > 3)
			return -1;
		code = code * 16 + digit;
	}
	return code;
}

static bool on_board(int code)
{
	return code < MATRIX_CODES && keymap.actions[keymap.cells[0][code]].kind != ACTION_TRANSPARENT;
}

static const char *move_key(const char *text, bool down)
{
	int code = scan_code(text);
	if (code < 0)
		return "a scan code is 0x and one or two hexadecimal digits";
	if (!on_board(code))
		return "the board has no key with that scan code";
	if (matrix_switch((uint8_t)code) == down)
		return down ? "that key is down already" : "that key is up already";
	matrix_set_switch((uint8_t)code, down);
	return 0;
}

const char *console_command(void)
{
	char line[LINE_MAX];
	if (!read_line(line))
		return "the line is too long";
	if (line[0] == '+' || line[0] == '-')
		return move_key(line + 1, line[0] == '+');
	if (line[0] == '?' && line[1] == '\0') {
		console_greet();
		return 0;
	}
	return "unknown command: +0x1E presses a key, -0x1E releases it, ? tells what this is";
}

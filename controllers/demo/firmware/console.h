/* The text protocol on UART0 (README.md): one command a line, its events, then `ok` or `error: …`. */
#ifndef CONSOLE_H
#define CONSOLE_H

/* Prints what firmware this is, as the command `?` does. */
void console_greet(void);

/* Reads one command and carries it out. Returns null, or what was wrong with it. */
const char *console_command(void);

/* Ends the answer to a command; `trouble` as console_command returned it. */
void console_answer(const char *trouble);

#endif

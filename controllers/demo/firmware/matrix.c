#include "matrix.h"

#include "keymap_types.h"

static uint8_t switches[MATRIX_ROWS]; /* stands for the wires: one bit a column */
static uint8_t scanned[MATRIX_ROWS];

void matrix_set_switch(uint8_t code, bool closed)
{
	uint8_t bit = (uint8_t)(1u << code % MATRIX_COLUMNS);
	if (closed)
		switches[code / MATRIX_COLUMNS] |= bit;
	else
		switches[code / MATRIX_COLUMNS] &= (uint8_t)~bit;
}

bool matrix_switch(uint8_t code)
{
	return switches[code / MATRIX_COLUMNS] >> code % MATRIX_COLUMNS & 1;
}

/* On a real board: drive the row, wait for it to settle, read the columns, debounce. */
static uint8_t read_row(unsigned row)
{
	return switches[row];
}

void matrix_scan(void (*changed)(uint8_t code, bool closed))
{
	for (unsigned row = 0; row < MATRIX_ROWS; row++) {
		uint8_t columns = read_row(row);
		uint8_t edges = columns ^ scanned[row];
		scanned[row] = columns;
		for (unsigned column = 0; column < MATRIX_COLUMNS; column++)
			if (edges >> column & 1)
				changed((uint8_t)(row * MATRIX_COLUMNS + column), columns >> column & 1);
	}
}

/* The key matrix: switches that open and close, and the scan that notices. */
#ifndef MATRIX_H
#define MATRIX_H

#include <stdbool.h>
#include <stdint.h>

/* The board has no switches of its own: the console closes and opens them. Codes are below MATRIX_CODES. */
void matrix_set_switch(uint8_t code, bool closed);
bool matrix_switch(uint8_t code);

/* Reads every row once and reports each switch that changed since the last scan, in the order of scan codes. */
void matrix_scan(void (*changed)(uint8_t code, bool closed));

#endif

/* The seam between the fixed half of the firmware and the half made from a layout: keymap.c, generated, fills it in. */
#ifndef KEYMAP_TYPES_H
#define KEYMAP_TYPES_H

#include <stdint.h>

/* The key matrix: a scan code is row * MATRIX_COLUMNS + column. The generator knows these two figures too. */
#define MATRIX_ROWS 8
#define MATRIX_COLUMNS 8
#define MATRIX_CODES (MATRIX_ROWS * MATRIX_COLUMNS)
#define LAYERS_MAX 32

enum action_kind {
	ACTION_TRANSPARENT, /* ask the next layer below */
	ACTION_NONE,
	ACTION_USAGE,
	ACTION_LAYER_SHIFT,
	ACTION_LAYER_LATCH,
	ACTION_LAYER_TOGGLE,
};

struct action {
	uint8_t kind;     /* enum action_kind */
	uint16_t id;      /* HID usage, or the layer's number */
	const char *page; /* usages only: U, CONS or SYS */
	const char *name; /* usages only */
};

struct keymap {
	const char *name;
	const char *layout;
	const struct action *actions;
	/* [layer][scan code] -> index into actions. Layer 0 is transparent where the board has no key, and only there. */
	const uint16_t (*cells)[MATRIX_CODES];
};

extern const struct keymap keymap;

#endif

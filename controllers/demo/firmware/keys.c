#include "keys.h"

#include "keymap_types.h"
#include "layers.h"
#include "report.h"

/* What each key that is down did when it went down: its release undoes that, whatever the layers are by then. */
static uint16_t held[MATRIX_CODES];

static void press(const struct action *action)
{
	switch (action->kind) {
	case ACTION_USAGE:
		report_usage(action, true);
		layer_latch_used();
		break;
	case ACTION_LAYER_SHIFT:
		layer_shift_press((uint8_t)action->id);
		break;
	case ACTION_LAYER_LATCH:
		layer_latch_press((uint8_t)action->id);
		break;
	case ACTION_LAYER_TOGGLE:
		layer_toggle((uint8_t)action->id);
		break;
	}
}

static void release(const struct action *action)
{
	switch (action->kind) {
	case ACTION_USAGE:
		report_usage(action, false);
		break;
	case ACTION_LAYER_SHIFT:
		layer_shift_release((uint8_t)action->id);
		break;
	case ACTION_LAYER_LATCH:
		layer_latch_release((uint8_t)action->id);
		break;
	}
}

void key_changed(uint8_t code, bool pressed)
{
	if (pressed) {
		held[code] = layer_lookup(code);
		press(&keymap.actions[held[code]]);
	} else {
		release(&keymap.actions[held[code]]);
	}
}

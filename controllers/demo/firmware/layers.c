#include "layers.h"

#include <stdbool.h>

#include "keymap.h"
#include "keymap_types.h"
#include "report.h"

static struct {
	uint8_t holders;  /* keys that hold it on */
	bool toggled;
	bool latched;     /* on until the next key */
	bool latch_armed; /* its latch key is down and no other key was used since */
} state[KEYMAP_LAYERS];

static uint8_t stack[KEYMAP_LAYERS]; /* layers that are on, the latest last; layer 0 is not in it */
static unsigned depth;

static bool in_stack(uint8_t layer)
{
	for (unsigned i = 0; i < depth; i++)
		if (stack[i] == layer)
			return true;
	return false;
}

static void remove_from_stack(uint8_t layer)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < depth; i++)
		if (stack[i] != layer)
			stack[kept++] = stack[i];
	depth = kept;
}

/* Brings the stack in line with the layer's state and reports a change. */
static void settle(uint8_t layer)
{
	bool on = state[layer].holders > 0 || state[layer].toggled || state[layer].latched;
	if (on == in_stack(layer))
		return;
	if (on)
		stack[depth++] = layer;
	else
		remove_from_stack(layer);
	report_layer(layer, on);
}

void layer_shift_press(uint8_t layer)
{
	state[layer].holders++;
	settle(layer);
}

void layer_shift_release(uint8_t layer)
{
	state[layer].holders--;
	settle(layer);
}

void layer_latch_press(uint8_t layer)
{
	state[layer].latch_armed = true;
	layer_shift_press(layer);
}

void layer_latch_release(uint8_t layer)
{
	state[layer].latched |= state[layer].latch_armed;
	state[layer].latch_armed = false;
	layer_shift_release(layer);
}

void layer_latch_used(void)
{
	for (uint8_t layer = 1; layer < KEYMAP_LAYERS; layer++) {
		state[layer].latch_armed = false;
		state[layer].latched = false;
		settle(layer);
	}
}

void layer_toggle(uint8_t layer)
{
	state[layer].toggled = !state[layer].toggled;
	settle(layer);
}

uint16_t layer_lookup(uint8_t code)
{
	for (unsigned i = depth; i > 0; i--) {
		uint16_t index = keymap.cells[stack[i - 1]][code];
		if (keymap.actions[index].kind != ACTION_TRANSPARENT)
			return index;
	}
	return keymap.cells[0][code];
}

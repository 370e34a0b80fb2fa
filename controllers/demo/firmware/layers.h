/* Which layers are on. Layer 0 always is; among the others the one switched on last is asked first. */
#ifndef LAYERS_H
#define LAYERS_H

#include <stdint.h>

/* Momentary: on from press to release. Two keys may hold the same layer. */
void layer_shift_press(uint8_t layer);
void layer_shift_release(uint8_t layer);

/* As shift while held; if no key was used meanwhile, the layer stays on for the next one. */
void layer_latch_press(uint8_t layer);
void layer_latch_release(uint8_t layer);

/* To be called when a key other than a layer key has been pressed and looked up. */
void layer_latch_used(void);

void layer_toggle(uint8_t layer);

/* Index into keymap.actions of what the key does now; never transparent for a key the board has. */
uint16_t layer_lookup(uint8_t code);

#endif

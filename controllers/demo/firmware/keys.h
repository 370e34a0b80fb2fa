/* What happens when a switch closes or opens. */
#ifndef KEYS_H
#define KEYS_H

#include <stdbool.h>
#include <stdint.h>

void key_changed(uint8_t code, bool pressed);

#endif

/* What the keyboard tells its host. A USB keyboard would fill HID reports here; this one prints them. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "keymap_types.h"

/* `press U 0x04 A` or `release U 0x04 A` */
void report_usage(const struct action *action, bool pressed);

/* `layer 1 on` or `layer 1 off` */
void report_layer(uint8_t layer, bool on);

#endif

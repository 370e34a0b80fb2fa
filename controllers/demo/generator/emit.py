"""Keymap -> the texts that are written: C for the compiler, JSON for people and tools. Equal keymaps give equal texts."""

import json

from .keymap import MATRIX_CODES, LayerAction, NoAction
from .usages import Usage

GENERATED = "/* Generated from the layout's KLL files. */\n"
LAYER_KINDS = {"shift": "ACTION_LAYER_SHIFT", "latch": "ACTION_LAYER_LATCH", "toggle": "ACTION_LAYER_TOGGLE"}


def c_string(text):
    """A C string literal. All but plain letters is escaped in octal, three digits, so that nothing can end it early."""
    plain = set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,-_+*=()/:;'")
    return '"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode()) + '"'


def kll_defs_h(keymap):
    """The variables of the layer-0 map, header and defines, as macros, and what the firmware is set to."""
    lines = [f"#define KLL_{name} {c_string(value)}" for name, value in sorted(keymap.variables.items())]
    lines += [f"#define {macro} {value}" for macro, value in sorted(keymap.settings.items())]
    return GENERATED + "#pragma once\n\n" + "".join(line + "\n" for line in lines)


def keymap_h(keymap):
    actions = _actions(keymap)
    return (
        f"{GENERATED}#pragma once\n\n"
        f"#define KEYMAP_LAYERS {len(keymap.layers)}\n"
        f"#define KEYMAP_KEYS {len(keymap.base)}\n"
        f"#define KEYMAP_ACTIONS {2 + len(actions)}\n"
    )


def keymap_c(keymap):
    actions = _actions(keymap)
    index = {action: 2 + i for i, action in enumerate(actions)} | {NoAction(): 1}
    rows = "".join(_c_layer(number, layer, index) for number, layer in enumerate(keymap.layers))
    name, layout = (c_string(keymap.variables.get(key, "")) for key in ("Name", "Layout"))
    return (
        f'{GENERATED}#include "keymap.h"\n\n#include "keymap_types.h"\n\n'
        "_Static_assert(KEYMAP_LAYERS <= LAYERS_MAX, \"more layers than the firmware can keep track of\");\n\n"
        "static const struct action actions[KEYMAP_ACTIONS] = {\n"
        "\t{.kind = ACTION_TRANSPARENT},\n"
        "\t{.kind = ACTION_NONE},\n"
        f"{''.join(_c_action(action) for action in actions)}}};\n\n"
        f"static const uint16_t cells[KEYMAP_LAYERS][MATRIX_CODES] = {{\n{rows}}};\n\n"
        "const struct keymap keymap = {\n"
        f"\t.name = {name},\n"
        f"\t.layout = {layout},\n"
        "\t.actions = actions,\n"
        "\t.cells = cells,\n"
        "};\n"
    )


def kll_json(board, keymap):
    """What the firmware does, for tools: kll.json."""
    layers = [
        {
            "layer": number,
            "maps": keymap.sources[number],
            "keys": {f"0x{code:02X}": _json_key(keymap.base[code], layer[code]) for code in sorted(layer)},
        }
        for number, layer in enumerate(keymap.layers)
    ]
    document = {
        "format": 1,
        "board": board,
        "counts": {
            "keys": len(keymap.base),
            "layers": len(keymap.layers),
            "mapped": sum(len(layer) for layer in keymap.layers),
            "animations": len(keymap.animations),
            "frames": sum(keymap.animations.values()),
        },
        "variables": dict(sorted(keymap.variables.items())),
        "layers": layers,
        "animations": {name: {"frames": frames} for name, frames in sorted(keymap.animations.items())},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _actions(keymap):
    """Every action but 'nothing', once, in the order of layers and scan codes."""
    found = {layer[code]: None for layer in keymap.layers for code in sorted(layer)}
    return [action for action in found if action != NoAction()]


def _c_action(action):
    if isinstance(action, LayerAction):
        return f"\t{{.kind = {LAYER_KINDS[action.kind]}, .id = {action.layer}}},\n"
    page, name = c_string(action.page), c_string(action.name)
    return f"\t{{.kind = ACTION_USAGE, .id = 0x{action.id:02X}, .page = {page}, .name = {name}}},\n"


def _c_layer(number, layer, index):
    cells = [index[layer[code]] if code in layer else 0 for code in range(MATRIX_CODES)]
    rows = [cells[start : start + 8] for start in range(0, MATRIX_CODES, 8)]
    text = "".join("\t\t" + ", ".join(map(str, row)) + ",\n" for row in rows)
    return f"\t[{number}] = {{\n{text}\t}},\n"


def _json_key(base, action):
    if isinstance(action, Usage):
        does = {"type": "usage", "page": action.page, "id": f"0x{action.id:02X}", "name": action.name}
    elif isinstance(action, LayerAction):
        does = {"type": action.kind, "layer": action.layer}
    else:
        does = {"type": "none"}
    return {"base": base, "action": does}

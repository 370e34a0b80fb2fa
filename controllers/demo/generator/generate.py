"""From the maps a build names to the texts the firmware is made of."""

import re
import sys
from pathlib import Path

from . import emit
from .complaints import BadMaps, Complaints, Place, quoted
from .keymap import Map, build_keymap
from .parser import parse

STEM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def load(stem, directories, complaints):
    """The map of that name from the first directory that has it. One that cannot be read counts as empty."""
    name = f"{stem}.kll"
    paths = [directory / name for directory in directories] if STEM.fullmatch(stem) else []
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        complaints.error(None, f"there is no map {quoted(name)}")
        return Map(stem, [])
    data = path.read_bytes()
    try:
        return Map(stem, parse(name, data.decode(), complaints))
    except UnicodeDecodeError as problem:
        before = data[: problem.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode()) + 1
        complaints.error(Place(name, before.count(b"\n") + 1, column), "this is not UTF-8")
        return Map(stem, [])


def generate(board, maps, given, output, environment):
    """
    Reads the maps of a layout and writes keymap.c, keymap.h, kll_defs.h and kll.json. Prints warnings to standard error.

    board        the board's name
    maps, given  the directories of the controller's own maps and of the layout's
    environment  which maps: DefaultMapOverride (stems separated by spaces, the last is layer 0),
                 PartialMapsExpandedOverride (stems of the layers above, separated by `;`)

    @raises BadMaps
    """
    complaints = Complaints()
    maps, given, output = Path(maps), Path(given), Path(output)
    default = environment.get("DefaultMapOverride", "").split()
    partial = environment.get("PartialMapsExpandedOverride", "")
    if not default:
        complaints.error(None, "DefaultMapOverride names no map for layer 0")
        default = [board]
    keymap = build_keymap(
        load(board, [maps], complaints),
        [load(stem, [maps], complaints) for stem in default[:-1]],
        load(default[-1], [given], complaints),
        [load(stem, [given], complaints) for stem in partial.split(";")] if partial else [],
        complaints,
    )
    lines = complaints.lines()
    if complaints.error_count:
        errors = "error" if complaints.error_count == 1 else "errors"
        raise BadMaps("\n".join([*lines, f"{complaints.error_count} {errors} in the layout's maps"]))
    for line in lines:
        print(line, file=sys.stderr, flush=True)
    texts = {
        "keymap.c": emit.keymap_c(keymap),
        "keymap.h": emit.keymap_h(keymap),
        "kll_defs.h": emit.kll_defs_h(keymap),
        "kll.json": emit.kll_json(board, keymap),
    }
    for name, text in texts.items():
        (output / name).write_text(text, encoding="utf-8")
    print(f"keymap: {len(keymap.base)} keys, {len(keymap.layers)} layers, {len(keymap.animations)} animations (not compiled)")

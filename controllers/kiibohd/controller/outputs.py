"""What a build leaves for the server."""

import json
from pathlib import Path

from toolchain.outputs import publish

# Name for the server -> file of the build directory. The firmware itself comes last.
_KEPT = {
    "log/generatedKeymap.h": "generatedKeymap.h",
    "log/kll_defs.h": "kll_defs.h",
    "kll.json": "kll.json",
    "size.json": "size.json",
    "kiibohd.secure.dfu.bin": "kiibohd.secure.dfu.bin",
    "kiibohd.dfu.bin": "kiibohd.dfu.bin",
}


def publish_all(builds, directory):
    """Puts the outputs of builds, (build directory, memory used, prefix of the names) each, where the server reads them."""
    files = {}
    for build, memory, prefix in builds:
        (build / "size.json").write_text(json.dumps(memory, indent=2) + "\n", encoding="utf-8")
        files |= {with_prefix(name, prefix): build / source for name, source in _KEPT.items() if (build / source).is_file()}
    publish(files, directory)


def with_prefix(name, prefix):
    """The name of an output of one half of a split board: `log/kll_defs.h` -> `log/left_kll_defs.h`."""
    path = Path(name)
    return str(path.with_name(prefix + path.name))

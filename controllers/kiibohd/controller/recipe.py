"""Reads how a firmware is made from the controller's own build of it, once that has run."""

import re
import shlex
import subprocess
from pathlib import Path

from toolchain.units import Unit

from .place import PYTHON
from .prepared import Recipe

_NO_COLOURS = {"-fdiagnostics-color=always": "-fdiagnostics-color=never"}
# Debug information is not in the firmware file, and takes its time.
_NO_DEBUG = {"-ggdb3": "-g0"}
# Of a compile command: its own output, and lists of what it read.
_DROPPED = {"-MD": 1, "-MT": 2, "-MF": 2, "-o": 2, "-c": 1}
_KLL = PYTHON / "kll"


class Unreadable(Exception):
    """The controller's build is not of the kind this module knows."""


def read_recipe(build):
    """
    The recipe of the firmware that was built in a directory.
    @raises Unreadable
    """
    listed = subprocess.run(["ninja", "-t", "commands", "all"], cwd=build, capture_output=True, text=True, check=True)
    return parse_recipe(listed.stdout.splitlines(), (Path(build) / "kiibohd.elf").read_bytes())


def parse_recipe(commands, elf):
    """
    The recipe of the firmware that these commands of the shell made.
    @raises Unreadable
    """
    steps = [step for command in commands for step in command.split(" && ")]
    kll = shlex.split(_one(steps, r"python3 -m kll .*--json-output"))[3:]
    link = shlex.split(_one(steps, r"-o kiibohd\.elf\b"))
    objects = [word for word in link if word.endswith(".obj")]
    compiles = {_after(words, "-o"): words for words in map(shlex.split, steps) if "-c" in words and "-o" in words}
    base = kll[kll.index("--base") + 1]
    veneers = has_veneers(elf)
    replaced = _NO_COLOURS if veneers else _NO_COLOURS | _NO_DEBUG
    return Recipe(
        kll_program=str(_KLL / "__main__.py"),
        kll_before=kll[: kll.index("--default")],
        kll_after=kll[kll.index("--emitter") :],
        maps=[str(_KLL / "layouts"), str(Path(base).parent)],
        units=[vars(Unit(_unit_name(name), _compile_command(compiles[name], replaced))) for name in objects],
        link=_link_command(link, objects),
        veneers=veneers,
        boot=_boot_loader(_one(steps, r"dfu-suffix .* kiibohd\.dfu\.bin")),
        secure=any("prependKey kiibohd.secure.dfu.bin" in step for step in steps),
        memory={kind: _available(steps, kind) for kind in ("flash", "ram")},
        stock=_stock_maps(kll[kll.index("--default") : kll.index("--emitter")]),
    )


def _stock_maps(words):
    """The maps between kll's `--default` and its `--emitter`, as the board scripts write them."""
    layers = [layer.split() for layer in re.split(r"--default|--partial", " ".join(words))[1:]]
    stems = [" ".join(_stem(path) for path in layer) for layer in layers]
    return stems[0], stems[1:]


def _stem(path):
    return path.removeprefix(f"{_KLL / 'layouts'}/").removesuffix(".kll")


def has_veneers(elf):
    """
    Whether the linker put stepping stones between functions that are far from each other. Their order depends on how
    many sections the objects have, so the objects need all those that debug information brings.
    """
    return b"_veneer\0" in elf


def _one(steps, pattern):
    found = [step for step in steps if re.search(pattern, step)]
    if not found:
        raise Unreadable(f"no command of the build is like {pattern}")
    return found[0]


def _after(words, option):
    return words[words.index(option) + 1]


def _unit_name(object_name):
    return object_name.removeprefix("CMakeFiles/kiibohd.dir/").removesuffix(".obj")


def _compile_command(words, replaced):
    command, skip = [], 0
    for word in words:
        if skip:
            skip -= 1
        elif word in _DROPPED:
            skip = _DROPPED[word] - 1
        else:
            command.append(replaced.get(word, word))
    # The assembler begins while the compiler is not done yet.
    return [*command, "-pipe"]


def _link_command(words, objects):
    """Without the objects and the output, and what nobody asks for: the map of the link (`-Map`, `--cref`), debug information."""
    kept = [word for word in words if word not in objects and "-Map=" not in word]
    at = kept.index("-o")
    return [*(_NO_COLOURS.get(word, word) for word in kept[:at] + kept[at + 2 :]), "-Wl,--strip-debug"]


def _boot_loader(step):
    words = shlex.split(step)
    return int(_after(words, "--vid"), 0), int(_after(words, "--pid"), 0)


def _available(steps, kind):
    words = shlex.split(_one(steps, rf"sizeCalculator \S+ {kind} "))
    return int(words[words.index("kiibohd.elf") + 1])

"""The short way to a firmware: what no layout changes is ready in the image, and only what the keymap reaches is compiled."""

import shutil
import subprocess
import sys

from toolchain.dfu import with_key_block, with_suffix
from toolchain.elf import sizes
from toolchain.units import CompilerFailed, Generated, compile_units, run

from .cold import BuildFailed
from .kll import KllFailed
from .place import environment
from .prepared import GENERATED, map_path, prepared_for
from .recipe import has_veneers


def build(place, job, kll):
    """
    Builds into the place's build directory what the cold way would. Gives the units it compiled, for a store.
    @raises BuildFailed if the layout is to blame: kll or the compiler said so, in the log
    """
    prepared = prepared_for(place.target)
    for file in prepared.configured:
        shutil.copy(file, place.build)
    arguments = kll_arguments(prepared.recipe, place, job)
    sys.argv = [prepared.recipe.kll_program, *arguments]
    try:
        kll.compile(arguments, place.temporary, prepared.known_to_kll)
    except KllFailed as failure:
        _ask_kll_itself(place, job, arguments, failure)
    generated = Generated(place.build, GENERATED, prepared.words)
    try:
        objects, compiled = compile_units(prepared.units, generated, prepared.store, place.build, meanwhile=kll.finish)
    except CompilerFailed as failure:
        print(failure, flush=True)
        raise BuildFailed("the compiler does not take it") from failure
    _link(place.build, prepared.recipe, objects)
    if has_veneers((place.build / "kiibohd.elf").read_bytes()) != prepared.recipe.veneers:
        raise RuntimeError("this layout changes how the firmware is linked")
    _pack(place.build, prepared.recipe)
    return compiled


def kll_arguments(recipe, place, job):
    """
    The arguments the controller would give kll for a layout.
    @raises BuildFailed if a map is missing
    """

    def paths(stems):
        return [map_path(stem, place.build, recipe.maps) for stem in stems.split()]

    try:
        partials = [argument for layer in job.partials for argument in ("--partial", *paths(layer))]
        return [*recipe.kll_before, "--default", *paths(job.default), *partials, *recipe.kll_after]
    except FileNotFoundError as missing:
        print(f"error: {missing}", flush=True)
        raise BuildFailed(str(missing)) from missing


def _ask_kll_itself(place, job, arguments, failure):
    """
    kll refuses a layout: the last word has kll as it was released, alone in a process of its own.
    @raises BuildFailed if it refuses too; otherwise the failure is ours, and is raised on
    """
    command = ["python3", "-m", "kll", *arguments]
    done = subprocess.run(command, cwd=place.build, env=environment(place, job), stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"kll ended with status {done.returncode}") from failure
    raise failure


# What the linker says when the layout is to blame: too much of it, or a capability that no code does.
_BLAME = ("overflowed by", "undefined reference to")


def _link(build, recipe, objects):
    try:
        run([*recipe.link, *map(str, objects), "-o", "kiibohd.elf"], build)
    except CompilerFailed as failure:
        if not any(words in str(failure) for words in _BLAME):
            raise
        print(failure, flush=True)
        raise BuildFailed("it cannot be linked") from failure


def _pack(build, recipe):
    run(["arm-none-eabi-objcopy", "-O", "binary", "kiibohd.elf", "kiibohd.bin"], build)
    firmware = (build / "kiibohd.bin").read_bytes()
    (build / "kiibohd.dfu.bin").write_bytes(with_suffix(firmware, *recipe.boot))
    if recipe.secure:
        (build / "kiibohd.secure.dfu.bin").write_bytes(with_suffix(with_key_block(firmware), *recipe.boot))


def memory_use(build, memory):
    """How much of the chip the linked firmware takes, bytes."""
    flash, ram = sizes((build / "kiibohd.elf").read_bytes())
    return {name: {"used": used, "total": memory[name]} for name, used in (("flash", flash), ("ram", ram))}

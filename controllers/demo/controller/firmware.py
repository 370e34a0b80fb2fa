"""The parts of the firmware, and the steps from maps to objects and from objects to outputs that both ways have in common."""

import json
import re
from pathlib import Path

from generator.generate import generate
from toolchain.dfu import with_suffix
from toolchain.elf import sizes
from toolchain.units import CompilerFailed, Unit, run

HOME = Path(__file__).resolve().parent.parent
GENERATED = ("keymap.c", "keymap.h", "kll_defs.h")

_BOARD = "Demo"
_SOURCES = HOME / "firmware"
_LINKER_SCRIPT = _SOURCES / "lm3s6965.ld"
_VENDOR, _PRODUCT = 0x1209, 0x0001


class BuildFailed(Exception):
    """A verdict: no firmware can be made of this layout. Its message is what the compiler or the linker said."""


def units():
    """The sources, in the order their objects are linked. Their commands run in the build directory."""
    sources = [*sorted(_SOURCES.glob("*.c")), Path("keymap.c")]
    command = ["arm-none-eabi-gcc", f"@{_SOURCES}/flags", "-I.", f"-I{_SOURCES}"]
    return [Unit(source.name, [*command, str(source)]) for source in sources]


def generate_keymap(job, directory):
    """Writes GENERATED and kll.json into the build directory. @raises generator.complaints.BadMaps"""
    generate(_BOARD, HOME / "maps", job.maps, directory, job.environment)


def link(objects, directory):
    """Makes kiibohd.elf. @raises BuildFailed if the chip is too small for it, CompilerFailed on anything else"""
    print("link: kiibohd.elf", flush=True)
    try:
        command = ["arm-none-eabi-ld", "--gc-sections", "-T", str(_LINKER_SCRIPT), "-o", "kiibohd.elf"]
        run([*command, *map(str, objects)], directory)
    except CompilerFailed as failure:
        if re.search(r"region .\w+' overflowed by \d+ bytes", str(failure)):
            raise BuildFailed(str(failure)) from failure
        raise


def pack(directory):
    """Makes kiibohd.dfu.bin and size.json of kiibohd.elf, and prints the sizes."""
    run(["arm-none-eabi-objcopy", "-O", "binary", "kiibohd.elf", "kiibohd.bin"], directory)
    firmware = (directory / "kiibohd.bin").read_bytes()
    (directory / "kiibohd.dfu.bin").write_bytes(with_suffix(firmware, _VENDOR, _PRODUCT))
    memory = _memory_use(directory / "kiibohd.elf")
    (directory / "size.json").write_text(json.dumps(memory, indent=2) + "\n", encoding="utf-8")
    print("memory      used       total")
    for name, size in memory.items():
        print(f"{name:6} {size['used']:9} {size['total']:11}")


def _memory_use(elf):
    """Bytes of the chip that the firmware takes, as `size` counts them; RAM includes the stack it must have."""
    lengths = re.findall(r"(\w+) \(\w+\) : ORIGIN = \w+, LENGTH = (\d+)K", _LINKER_SCRIPT.read_text(encoding="utf-8"))
    totals = {name.lower(): 1024 * int(kibibytes) for name, kibibytes in lengths}
    uses = zip(("flash", "ram"), sizes(elf.read_bytes()), strict=True)
    return {name: {"used": used, "total": totals[name]} for name, used in uses}

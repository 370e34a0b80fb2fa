"""How much of the chip a firmware takes. Reads what `nm` prints of it; the linker script puts the figures in as symbols.

    arm-none-eabi-nm firmware.elf | python3 -m generator.size size.json
"""

import json
import sys
from pathlib import Path


def main(output):
    symbols = {name: int(value, 16) for value, _, name in map(str.split, sys.stdin)}
    sizes = {
        memory: {"used": symbols[f"{memory}_used"], "total": symbols[f"{memory}_available"]}
        for memory in ("flash", "ram")
    }
    print("memory      used       total")
    for memory, size in sizes.items():
        print(f"{memory:6} {size['used']:9} {size['total']:11}")
    Path(output).write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Reads of a linked firmware (ELF, 32 bit, little endian) what a packer needs."""

import struct

_WRITE, _ALLOC, _NOBITS = 1, 2, 8


def sizes(elf):
    """
    Bytes of the chip's memories a firmware takes: (flash, ram), as `size` counts them: text and data, data and bss.
    """
    table, = struct.unpack_from("<I", elf, 0x20)
    entry, count = struct.unpack_from("<HH", elf, 0x2E)
    text = data = bss = 0
    for offset in range(table, table + entry * count, entry):
        kind, flags = struct.unpack_from("<II", elf, offset + 4)
        size, = struct.unpack_from("<I", elf, offset + 0x14)
        if not flags & _ALLOC:
            continue
        if not flags & _WRITE:
            text += size
        elif kind == _NOBITS:
            bss += size
        else:
            data += size
    return text + data, data + bss

"""Reads of a linked firmware (ELF, 32 bit, little endian) what a packer needs."""

import struct

_IDENTITY = b"\x7fELF\x01\x01"
_WRITE, _ALLOC, _NOBITS = 1, 2, 8


def sizes(elf):
    """
    Bytes of the chip's memories a firmware takes: (flash, ram), as `size` counts them: text and data, data and bss.
    @raises ValueError if it is no such file, or not whole
    """
    if not elf.startswith(_IDENTITY):
        raise ValueError("not an ELF file of 32 bits, little endian")
    text = data = bss = 0
    for kind, flags, size in _sections(elf):
        if not flags & _ALLOC:
            continue
        if not flags & _WRITE:
            text += size
        elif kind == _NOBITS:
            bss += size
        else:
            data += size
    return text + data, data + bss


def _sections(elf):
    """Type, flags and size of each section."""
    try:
        table, = struct.unpack_from("<I", elf, 0x20)
        entry, count = struct.unpack_from("<HH", elf, 0x2E)
        for offset in range(table, table + entry * count, entry):
            yield *struct.unpack_from("<II", elf, offset + 4), *struct.unpack_from("<I", elf, offset + 0x14)
    except struct.error as problem:
        raise ValueError(f"the ELF file is cut short: {problem}") from None

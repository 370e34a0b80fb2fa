"""The ends of a firmware file: DFU suffix (USB DFU 1.1, appendix B) and the key block of secure boot loaders."""

import struct
import zlib

KEY_BLOCK = 1024


def with_suffix(firmware, vendor, product):
    """The firmware with its DFU suffix: 16 bytes, of which the last four are a checksum over everything before."""
    # Any version of the device, version 1.0 of this format.
    head = struct.pack("<HHHH3sB", 0xFFFF, product, vendor, 0x0100, b"UFD", 16)
    # Of the usual CRC-32 without the final inversion.
    checksum = zlib.crc32(firmware + head) ^ 0xFFFFFFFF
    return firmware + head + struct.pack("<I", checksum)


def with_key_block(firmware, key=0):
    """The firmware behind a block of its own for the boot loader's 64-bit key (0: none)."""
    return struct.pack("<Q", key).ljust(KEY_BLOCK, b"\0") + firmware

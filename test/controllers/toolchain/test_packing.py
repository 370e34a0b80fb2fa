import subprocess
import tempfile
import unittest
from pathlib import Path

from toolchain.dfu import with_key_block, with_suffix
from toolchain.elf import sizes

_SOURCE = """
int zeroed[100], filled[3] = {1, 2, 3};
const char text[] = "of the flash";
void start(void) { zeroed[filled[1]] = text[0]; }
"""


class Dfu(unittest.TestCase):
    def test_the_suffix_is_that_of_dfu_suffix(self):
        # dfu-suffix 0.11 --vid 0x1209 --pid 0x0001 --add
        recorded = bytes.fromhex("ffff01000912000155464410446c4a92")
        self.assertEqual(with_suffix(b"firmware", 0x1209, 0x0001), b"firmware" + recorded)

    def test_the_key_stands_before_the_firmware(self):
        block = with_key_block(b"firmware", 0x0102030405060708)
        self.assertEqual(len(block), 1024 + 8)
        self.assertEqual(block[:9], bytes([8, 7, 6, 5, 4, 3, 2, 1, 0]))
        self.assertEqual(block[1024:], b"firmware")
        self.assertEqual(with_key_block(b"x")[:1024], bytes(1024))


class Elf(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.path = Path(directory, "firmware.elf")
        source = Path(directory, "source.c")
        source.write_text(_SOURCE, encoding="utf-8")
        command = ["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-g", "-ffreestanding", "-nostdlib", "-Wl,-estart"]
        subprocess.run([*command, str(source), "-o", str(cls.path)], check=True)
        cls.elf = cls.path.read_bytes()

    def test_it_counts_as_size_does(self):
        said = subprocess.run(["arm-none-eabi-size", str(self.path)], capture_output=True, text=True, check=True)
        text, data, bss = map(int, said.stdout.splitlines()[1].split()[:3])
        self.assertGreater(min(text, data, bss), 0)
        self.assertEqual(sizes(self.elf), (text + data, data + bss))

    def test_it_refuses_what_is_no_such_file(self):
        for other in (b"", b"firmware", self.elf[:40], self.elf[:-50], b"\x7fELF\x02" + self.elf[5:]):
            with self.subTest(other[:8]), self.assertRaises(ValueError):
                sizes(other)

import unittest

from controller.recipe import Unreadable, parse_recipe

_GCC = "/usr/bin/arm-none-eabi-gcc"
_PYTHON = "/opt/kiibohd/python/kll"
_COMMANDS = [
    f"cd /src && python3 -m kll --kiibohd-debug --config /src/a.kll /src/b.kll --base /src/Scan/Board/map.kll"
    f" --default {_PYTHON}/layouts/board/stock.kll {_PYTHON}/layouts/stdFuncMap.kll --partial {_PYTHON}/layouts/board/one.kll"
    f" --partial {_PYTHON}/layouts/board/two.kll {_PYTHON}/layouts/stdFuncMap.kll --emitter kiibohd --json-output /tmp/x/kll.json",
    f"{_GCC} -I/src -Os -ggdb3 -fdiagnostics-color=always -MD -MT o/main.c.obj -MF o/main.c.obj.d"
    " -o CMakeFiles/kiibohd.dir/main.c.obj -c /src/main.c",
    f"{_GCC} -I/src -Os -ggdb3 -o CMakeFiles/kiibohd.dir/Macro/macro.c.obj -c /src/Macro/macro.c",
    f": && {_GCC} -Os -Wl,-Map=link.map,--cref -Wl,--gc-sections CMakeFiles/kiibohd.dir/main.c.obj"
    " CMakeFiles/kiibohd.dir/Macro/macro.c.obj -o kiibohd.elf && cd /tmp/x"
    " && /usr/bin/arm-none-eabi-objcopy -O binary kiibohd.elf kiibohd.dfu.bin"
    " && /usr/bin/dfu-suffix --add kiibohd.dfu.bin --vid 0x1C11 --pid 0xB007 1> /dev/null"
    " && /src/Lib/CMake/prependKey kiibohd.secure.dfu.bin",
    "cd /tmp/x && bash /src/sizeCalculator arm-none-eabi-size ram kiibohd.elf 65536 \\ SRAM"
    " && bash /src/sizeCalculator arm-none-eabi-size flash kiibohd.elf 253952 Flash",
]


class Reading(unittest.TestCase):
    def test_a_build_tells_how_it_was_done(self):
        recipe = parse_recipe(_COMMANDS, b"elf")
        self.assertEqual(recipe.kll_before[-2:], ["--base", "/src/Scan/Board/map.kll"])
        self.assertEqual(recipe.kll_after, ["--emitter", "kiibohd", "--json-output", "/tmp/x/kll.json"])
        self.assertEqual(recipe.maps, [f"{_PYTHON}/layouts", "/src/Scan/Board"])
        self.assertEqual(recipe.stock, ("board/stock stdFuncMap", ["board/one", "board/two stdFuncMap"]))
        self.assertEqual([unit["name"] for unit in recipe.units], ["main.c", "Macro/macro.c"])
        self.assertEqual(
            recipe.units[0]["command"],
            [_GCC, "-I/src", "-Os", "-g0", "-fdiagnostics-color=never", "/src/main.c", "-pipe"],
        )
        self.assertEqual(recipe.link, [_GCC, "-Os", "-Wl,--gc-sections", "-Wl,--strip-debug"])
        self.assertEqual((recipe.boot, recipe.secure), ((0x1C11, 0xB007), True))
        self.assertEqual(recipe.memory, {"flash": 253952, "ram": 65536})

    def test_where_the_linker_puts_veneers_the_objects_keep_all_sections(self):
        recipe = parse_recipe(_COMMANDS, b"\0__far_away_veneer\0")
        self.assertIn("-ggdb3", recipe.units[0]["command"])
        self.assertTrue(recipe.veneers)

    def test_a_build_of_another_kind_is_refused(self):
        with self.assertRaisesRegex(Unreadable, "no command of the build is like"):
            parse_recipe(_COMMANDS[:-1], b"elf")

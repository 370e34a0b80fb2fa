import contextlib
import io
import json
import random
import tempfile
import unittest
from pathlib import Path

from toolchain.units import (
    CompilerFailed,
    Generated,
    Survey,
    Unit,
    compile_units,
    keep,
    met_names,
    run,
    surveyed,
    units_from_json,
    units_to_json,
)

_COMPILER = ["arm-none-eabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-O1", "-ffreestanding", "-I."]
_FILES = ("a.h", "b.h")


class Firmware:
    """Sources in a directory of their own, {name: text}, the generated headers `_FILES`, and a store of objects."""

    def __init__(self, directory, sources):
        self.directory = Path(directory)
        self.store = self.directory / "store"
        self.store.mkdir()
        self.units = []
        for name, text in sources.items():
            path = self.directory / name
            path.write_text(text, encoding="utf-8")
            self.units.append(Unit(name, [*_COMPILER, str(path)]))
        self._words = {}
        self._builds = 0

    def words(self, name):
        return self._words.get(name, ())

    def survey(self, keymaps):
        """Looks at keymaps, (text of a.h, text of b.h) each, and keeps their objects."""
        survey = Survey(self.units, _FILES)
        directories = [self.generate(keymap) for keymap in keymaps]
        for directory in directories:
            survey.look(directory)
        self._words = survey.words()
        for directory in directories:
            keep(self.fast(directory)[1], self.store)

    def fast(self, directory):
        with contextlib.redirect_stdout(io.StringIO()):
            return compile_units(self.units, Generated(directory, _FILES, self.words), self.store, directory)

    def both(self, keymap):
        """Objects of the fast way, objects compiled from scratch, and the names of the units the fast way compiled."""
        directory = self.generate(keymap)
        objects, compiled = self.fast(directory)
        return [path.read_bytes() for path in objects], self.scratch(directory), [unit.name for unit, _, _ in compiled]

    def scratch(self, directory):
        objects = []
        for unit in self.units:
            run([*unit.command, "-c", "-o", "scratch.o"], directory)
            objects.append((directory / "scratch.o").read_bytes())
        return objects

    def scratch_of(self, keymap):
        return self.scratch(self.generate(keymap))

    def generate(self, keymap):
        self._builds += 1
        directory = self.directory / f"build-{self._builds}"
        directory.mkdir()
        for file, text in zip(_FILES, keymap, strict=True):
            (directory / file).write_text(text, encoding="utf-8")
        return directory


_CAT = "#define CAT_(a, b) a##b\n#define CAT(a, b) CAT_(a, b)\n"
_IS_ON = _CAT + "#define SECOND(a, b, ...) b\n#define IS_(x) SECOND(x, 0, 0)\n#define ON_1 0, 1\n#define IS_ON(x) IS_(CAT(ON_, x))\n"

# What changes, the source after `#include "a.h"`, a.h when the store was filled, a.h now: another object each time.
_CHANGES = (
    ("a macro that is used", "int x = A;", "#define A 1", "#define A 2"),
    ("a macro in the body of another", "int x = A;", "#define B 1\n#define A B", "#define B 2\n#define A B"),
    ("a macro asked for with ifdef comes", "#ifdef A\nint x;\n#endif", "", "#define A"),
    ("a macro asked for with ifdef goes", "#ifdef A\nint x;\n#endif", "#define A", ""),
    ("a macro asked for with defined comes", "#if 1 && defined(A)\nint x;\n#endif", "", "#define A"),
    ("a condition's unknown name becomes known", "#if A\nint x;\n#endif", "", "#define A 1"),
    ("that of a branch", "#if 0\n#elif A > 3\nint x;\n#endif", "", "#define A 4"),
    ("that of a branch not come to", "#if !B\n#elif A\nint x;\n#endif", "#define A 1", "#define A 1\n#define B 1"),
    ("that in a macro's body", "#define B A\n#if B\nint x;\n#endif", "", "#define A 1"),
    ("a pasted name becomes a macro", _CAT + "int CAT(A, _B);", "", "#define A_B x"),
    ("a pasted name's macro changes", _CAT + "int x = CAT(A, _B);", "#define A_B 1", "#define A_B 2"),
    ("a pasted name of a condition", _CAT + "#if CAT(A, _B)\nint x;\n#endif", "", "#define A_B 1"),
    ("a part of a pasted name", _CAT + "int CAT(x, A);", "#define A 1", "#define A 2"),
    ("an argument that was thrown away", _IS_ON + "int x = IS_ON(A);", "", "#define A 1"),
    ("a name in a string", "#define S_(x) #x\n#define S(x) S_(x)\nconst char *s = S(A);", "", "#define A 1"),
    ("an identifier becomes a macro", "int x;", "", "#define x y"),
    ("a keyword becomes a macro", "int x;", "", "#define int char"),
    ("a macro gets arguments", "int A(x);", "", "#define A(x) x"),
    ("the header's other text", "int x = y;", "enum { y = 1 };", "enum { y = 2 };"),
    ("the place of a definition", "int x = y;\nint z;", "enum { Z = 1 };\nenum { y = Z };\n#define Z 3", "enum { Z = 1 };\n#define Z 3\nenum { y = Z };"),
    ("a condition of the header", "int x = A;", "#if 1\n#define A 1\n#endif", "#if 1\n#define A 2\n#endif"),
    ("a second definition", "int x = A;", "#define A 1", "#define A 1\n#undef A\n#define A 2"),
    ("a header is read where it was not", '#if A\n#include "b.h"\n#endif', "#define A 0", "#define A 1"),
)

# As above, but nothing the unit's object depends on: it must come from the store.
_NO_CHANGES = (
    ("a macro that is not used", "int x = A;", "#define A 1\n#define B 1", "#define A 1\n#define B 2"),
    ("a new macro", "int x = A;", "#define A 1", "#define A 1\n#define B 2"),
    ("a macro under if 0", "#if 0\nint x = A;\n#endif\nint y;", "#define A 1", "#define A 2"),
    ("a macro in a body that is not used", "#define B A\nint y;", "#define A 1", "#define A 2"),
    ("comments, blanks and order", "int x = A + B;", "#define A 1\n#define B 1", "// new\n #define B 1\n\n#define A 1 /* a */"),
)


class Case(unittest.TestCase):
    def firmware(self, sources):
        directory = self.enterContext(tempfile.TemporaryDirectory())
        return Firmware(directory, {name: f'#include "a.h"\n{text}\n' for name, text in sources.items()})


class Soundness(Case):
    def test_what_changes_an_object_is_compiled(self):
        for what, source, before, after in _CHANGES:
            with self.subTest(what):
                firmware = self.firmware({"u.c": source})
                firmware.survey([(before, "int b;")])
                fast, scratch, compiled = firmware.both((after, "int b;"))
                self.assertNotEqual(scratch, firmware.scratch_of((before, "int b;")), "a case that shows nothing")
                self.assertEqual((fast, compiled), (scratch, ["u.c"]))

    def test_what_does_not_comes_from_the_store(self):
        for what, source, before, after in _NO_CHANGES:
            with self.subTest(what):
                firmware = self.firmware({"u.c": source})
                firmware.survey([(before, "")])
                fast, scratch, compiled = firmware.both((after, ""))
                self.assertEqual((fast, compiled), (scratch, []))

    def test_of_two_headers_that_define_the_same_each_counts_where_it_is_read(self):
        firmware = self.firmware({"one.c": "int x = A;", "both.c": 'int x = A;\n#undef A\n#include "b.h"\nint y = A;'})
        firmware.survey([("#define A 1", "#define A 1")])
        fast, scratch, compiled = firmware.both(("#define A 1", "#define A 2"))
        self.assertEqual((fast, compiled), (scratch, ["both.c"]))
        fast, scratch, compiled = firmware.both(("#define A 2", "#define A 1"))
        self.assertEqual((fast, compiled), (scratch, ["one.c", "both.c"]))

    def test_random_keymaps(self):
        """Whatever the headers are, the fast way gives what compiling from scratch gives."""
        dice = random.Random(3)
        firmware = self.firmware(_UNITS)
        firmware.survey([_random_keymap(dice) for _ in range(6)])
        hits = misses = 0
        for _ in range(40):
            keymap = _random_keymap(dice)
            fast, scratch, compiled = firmware.both(keymap)
            self.assertEqual(fast, scratch, keymap)
            misses += len(compiled)
            hits += len(fast) - len(compiled)
        self.assertGreater(hits, 20)
        self.assertGreater(misses, 20)


_UNITS = {
    "values.c": "#if defined(M0) && !defined(M1)\nint x = M0;\n#else\nint x = m3;\n#endif",
    "pasted.c": _IS_ON + '#include "b.h"\nint x = IS_ON(M2) + CAT(1, 2);\n#if CAT(M, 4) > 1\nint y;\n#endif',
    "second.c": '#ifdef M5\n#include "b.h"\n#endif\nint m6(int m7) { return m7; }',
}
_NAMES = (*(f"M{number}" for number in range(6)), "m6", "m7")


def _random_keymap(dice):
    # Every name has few values, so that units meet the same ones again.
    a = [f"#define {name} {dice.randrange(1, 3) if name[0] == 'M' else name + 'x'}" for name in _NAMES if dice.random() < 0.25]
    dice.shuffle(a)
    a.insert(dice.randrange(len(a) + 1), f"enum {{ m3 = {dice.randrange(1, 3)} }};")
    b = [f"#define {name} 1" for name in ("B0", "M6") if dice.random() < 0.3]
    b += ["#if M1\nint only_b;\n#endif"] if dice.random() < 0.2 else []
    return "\n".join(a) + "\n", "\n".join(b) + "\n"


class Surveyed(Case):
    def test_an_object_is_kept_only_where_its_key_says_all(self):
        firmware = self.firmware({"u.c": '#if A > 1\n#include "b.h"\nint y = B;\n#endif\nint x = A;'})
        firmware.survey([("#define A 0", "#define B 1")])
        for a, kept in (("#define A 1", ["u.c"]), ("#define A 2", [])):
            directory = firmware.generate((a, "#define B 1"))
            _, compiled = firmware.fast(directory)
            self.assertEqual(len(compiled), 1)
            left = surveyed(compiled, directory, _FILES, firmware.words)
            self.assertEqual([unit.name for unit, _, _ in left], kept)

    def test_a_name_that_is_no_macro_yet_is_news_too(self):
        firmware = self.firmware({"u.c": "#if A\nint later = B;\n#endif\nint y;"})
        firmware.survey([("#define A 0\nenum { B };", "")])
        directory = firmware.generate(("#define A 1\nenum { B };", ""))
        _, compiled = firmware.fast(directory)
        self.assertEqual(surveyed(compiled, directory, _FILES, firmware.words), [])

    def test_a_unit_tells_which_files_it_reads(self):
        firmware = self.firmware({"u.c": '#include "b.h"'})
        met = met_names(firmware.units[0], firmware.generate(("#define A", "int b;")), _FILES)
        self.assertEqual(met.reads, ["a.h", "b.h"])
        self.assertIn("b", met.names)


class Compile(Case):
    def test_the_verdict_is_that_on_the_first_unit_that_fails(self):
        firmware = self.firmware({"a.c": "int a;", "b.c": "int b = ;", "c.c": "#error c"})
        directory = firmware.generate(("", ""))
        with self.assertRaisesRegex(CompilerFailed, r"b\.c:2:9: error: "):
            firmware.fast(directory)

    def test_it_says_what_it_compiles_and_what_the_compiler_says(self):
        firmware = self.firmware({"a.c": "#warning beware", "b.c": "int b;"})
        directory, said = firmware.generate(("", "")), io.StringIO()
        with contextlib.redirect_stdout(said):
            compile_units(firmware.units, Generated(directory, _FILES, firmware.words), firmware.store, directory)
        self.assertRegex(said.getvalue(), r"^compile: a\.c\n(.|\n)*warning: #warning beware(.|\n)*\ncompile: b\.c\n$")

    def test_a_compiler_that_did_not_come_to_its_end_gave_no_verdict(self):
        with self.assertRaisesRegex(ChildProcessError, "signal 9"):
            run(["sh", "-c", "kill -9 $$"], "/")
        with self.assertRaises(FileNotFoundError):
            run(["/no/such/compiler"], "/")
        with self.assertRaisesRegex(CompilerFailed, "^false ended with status 1$"):
            run(["false"], "/")

    def test_units_survive_json(self):
        units = [Unit("u.c", ["gcc", "u.c"], ["a.h"], ["A"], 7)]
        self.assertEqual(units_from_json(json.loads(json.dumps(units_to_json(units)))), units)

import re
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

from controller.kll import _tokenizer_maker
from controller.pin import _pin_kll
from controller.usual import usual_map


class Token:
    def __init__(self, kind, value, start, end):
        self.all = (kind, value, start, end)


class LexerError(Exception):
    pass


make_tokenizer = _tokenizer_maker(SimpleNamespace(Token=Token, LexerError=LexerError))


def one_by_one(specs, text):
    """What the lexer has to do, in the plainest way: the first kind that matches wins."""
    at, line, column, found = 0, 1, 0, []
    while at < len(text):
        kind, match = next((kind, match) for kind, (pattern,) in specs if (match := re.compile(pattern).match(text, at)))
        value, start = match.group(), (line, column + 1)
        for character in value:
            line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
        found.append((kind, value, start, (line, column)))
        at = match.end()
    return found


class Tokens(unittest.TestCase):
    SPECS = [
        ("Comment", (r" *#.*",)),
        ("Space", (r"[ \t]+",)),
        ("NewLine", (r"[\r\n]+",)),
        ("Name", (r"[A-Za-z_]\w*",)),
        ("Number", (r"-?((0x[0-9a-fA-F]+)|(0|([1-9][0-9]*)))",)),
        ("Name", (r'"[^"]*"',)),
        ("Operator", (r"=>|<=|:\+|::|:|=",)),
        ("EndOfLine", (r";",)),
    ]

    def test_they_are_those_of_trying_one_kind_after_the_other(self):
        text = 'U : 0x10; # all of it\n  a_1 => "two\nlines" ;\n\n\nb <= -12;:+x==0 :: y'
        self.assertEqual([token.all for token in make_tokenizer(self.SPECS)(text)], one_by_one(self.SPECS, text))

    def test_what_is_no_token_is_told_with_its_place(self):
        with self.assertRaises(LexerError) as caught:
            list(make_tokenizer(self.SPECS)("a = 1;\nb = %;"))
        self.assertEqual(caught.exception.args, ((2, 5), "b = %;"))

    def test_the_preprocessor_gets_the_lines_it_looks_for(self):
        specs = [*self.SPECS[:1], ("NumberBase10", (r"[1-9]\d*",)), *self.SPECS[3:4], ("Misc", (r".",))]
        tokenize = make_tokenizer(specs)
        self.assertEqual(list(tokenize('U"A" : U"B";')), [])
        for line in ("ConnectId = 3;", 'KLL = "0.5";', "HIDMapping = x;", 'S0x3 : U"A";', 'S12 : U"A";', "ScanCodeOffset = 2;"):
            with self.subTest(line):
                self.assertEqual([token.all for token in tokenize(line)], one_by_one(specs, line))


class Pinning(unittest.TestCase):
    def write(self, expression, organization, emitter, stage=""):
        root = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (root / "common").mkdir()
        (root / "emitters" / "kiibohd").mkdir(parents=True)
        (root / "common" / "expression.py").write_text(expression, encoding="utf-8")
        (root / "common" / "organization.py").write_text(organization, encoding="utf-8")
        (root / "common" / "stage.py").write_text(stage, encoding="utf-8")
        (root / "emitters" / "kiibohd" / "kiibohd.py").write_text(emitter, encoding="utf-8")
        return root

    def test_sets_keep_their_order_and_the_day_is_the_releases(self):
        root = self.write("a = list(set(xs))\n" * 2, "a = list(set(xs) - set(ys))\n" * 3, "day = date.today()\n")
        _pin_kll(root, "2020-03-20")
        values = {"xs": ["c", "a", "b", "a"], "ys": ["a"]}
        exec((root / "common" / "expression.py").read_text(encoding="utf-8"), values)
        self.assertEqual(values["a"], ["c", "a", "b"])
        exec((root / "common" / "organization.py").read_text(encoding="utf-8"), values)
        self.assertEqual(values["a"], ["c", "b"])
        self.assertEqual((root / "emitters" / "kiibohd" / "kiibohd.py").read_text(encoding="utf-8"), "day = '2020-03-20'\n")

    def test_maps_for_an_older_kll_are_not_refused(self):
        choice = "        if self.version_check:\n            return False\n"
        stage = f"    if old:\n        info.show()\n        return False\n    if older:\n        info.show()\n{choice}"
        root = self.write("a = list(set(xs))\n" * 5, "", "day = date.today()\n", stage)
        _pin_kll(root, "2020-03-20")
        text = (root / "common" / "stage.py").read_text(encoding="utf-8")
        self.assertEqual(text, f"    if old:\n        info.show()\n    if older:\n        info.show()\n{choice}")

    def test_a_kll_that_is_not_as_expected_is_refused(self):
        root = self.write("", "a = list(set(xs) - set(ys))\n", "day = date.today()\n")
        with self.assertRaisesRegex(SystemExit, "1 sets of 5"):
            _pin_kll(root, "2020-03-20")


class Usual(unittest.TestCase):
    def test_each_line_is_an_expression_of_kll(self):
        lines = usual_map().splitlines()
        self.assertGreater(len(lines), 100)
        self.assertEqual([line for line in lines if not re.fullmatch(r'U"[^"]+" : U"[^"]+";', line)], [])
        self.assertEqual(len(set(lines)), len(lines))

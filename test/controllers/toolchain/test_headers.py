import unittest

from toolchain.headers import conditions, identifiers, read_header, strip_comments


class StripComments(unittest.TestCase):
    def check(self, text, expected):
        self.assertEqual(strip_comments(text).split(), expected.split())

    def test_comments_become_space(self):
        self.check("int/* a */x; // b\nint y;", "int x; int y;")

    def test_strings_hide_comments(self):
        self.check('char *a = "//x", *b = "/*"; int c; // "', 'char *a = "//x", *b = "/*"; int c;')
        self.check(r'char *a = "\"//"; char b = '"'\"'; // c", r'char *a = "\"//"; char b = '"'\"';")

    def test_comments_hide_quotes(self):
        self.check('/* don\'t "*/ int x; // it\'s\nint y;', "int x; int y;")

    def test_a_continued_line_is_one(self):
        self.check("#define A 1 + \\\n  2\n", "#define A 1 + 2")
        self.check("ab\\\ncd\nef\\  \ngh", "abcd efgh")

    def test_a_continued_comment_goes_on(self):
        self.check("// a \\\n/* b\n#define C\n", "#define C")

    def test_a_directive_after_a_comment_of_lines_begins_one(self):
        self.assertIn("\n#define A", strip_comments("int x; /* \n */\n#define A 1"))

    def test_a_lone_quote_ends_with_its_line(self):
        self.check("#error don't\nint x; // y", "#error don't int x;")


class ReadHeader(unittest.TestCase):
    def test_macros_and_the_rest(self):
        header = read_header("#pragma once\n#define A 1\n#  define B(x) x+A\nint y;\n#define C\n")
        self.assertEqual(header.macros, {"A": (" 1", 1), "B": ("(x) x+A", 1), "C": ("", 2)})

    def test_only_what_the_preprocessor_sees_counts(self):
        one = read_header("#define A 1\nint x;\n")
        self.assertEqual(one, read_header("/* when */\n\n  #define A 1 // one\n\n\tint x;  \n"))

    def test_other_text_counts(self):
        self.assertNotEqual(read_header("int x;").rest, read_header("int y;").rest)
        self.assertNotEqual(read_header("#pragma pack(1)").rest, read_header("#pragma pack(2)").rest)
        self.assertNotEqual(read_header('char *x = "/*";').rest, read_header('char *x = "//";').rest)

    def test_it_counts_what_stands_before_a_definition(self):
        self.assertNotEqual(read_header("#define A 1\nint x[A];"), read_header("int x[A];\n#define A 1"))

    def test_with_and_without_arguments_are_two_macros(self):
        self.assertNotEqual(read_header("#define A(x) x").macros, read_header("#define A (x) x").macros)

    def test_where_order_matters_all_is_rest(self):
        for text in (
            "#define A 1\n#define A 2\n",
            "#ifndef H\n#define H\n#define A 1\n#endif\n",
            "#define A 1\n#undef A\n",
            '#define A 1\n#include "other.h"\n',
            "#define A 1\nint line = __LINE__;\n",
            "#define é 1\n",
        ):
            with self.subTest(text):
                header = read_header(text)
                self.assertEqual(header.macros, {})
                self.assertNotEqual(header, read_header(text.replace("1", "3") + "\n"))

    def test_what_a_compiler_may_split_another_way_is_all_rest(self):
        for text in (
            "#define A 1 ' /*\n#define B 2\n#define C 3 ' */\n",
            '#define A 1 " /*\n#define B 2\n#define C 3 " */\n',
            '#define A R"(" /*)"\n#define B 2\n#define C 3 /* */\n',
            "#define A 1 /* no end\n#define B 2\n",
            *(f"#define A 1 \\{character}\n#define B 2\n" for character in "\f\v\0\r"),
            "#define A 1\r#define B 2\n",
        ):
            with self.subTest(text):
                header = read_header(text)
                self.assertEqual(header.macros, {})
                self.assertNotEqual(header.rest, read_header(text.replace("2", "4")).rest)

    def test_a_quote_in_a_comment_or_a_string_is_nothing_odd(self):
        text = '/* don\'t "*/\n#define A "it\'s"\n#define B \'"\' // isn\'t\n#define D$E 1\n'
        self.assertEqual(sorted(read_header(text).macros), ["A", "B", "D$E"])

    def test_bytes_that_are_no_text_count(self):
        one, other = (read_header(f'char *x = "{byte}";') for byte in ("\udce9", "\udcea"))
        self.assertNotEqual(one, other)


class Words(unittest.TestCase):
    def test_identifiers(self):
        self.assertEqual(identifiers('a1 + 1b "c" _d'), {"a1", "b", "c", "_d"})

    def test_conditions(self):
        text = "#if A > 1 /* B */\n#elif defined(C) \\\n || D\n# ifdef E\n#ifndef F\n#define G\n#endif\nint h;\n"
        self.assertEqual(conditions(text), {"A", "defined", "C", "D", "E", "F"})

    def test_conditions_that_are_not_come_to(self):
        self.assertEqual(conditions("#if 0\n#if A\n#endif\n#endif"), {"A"})

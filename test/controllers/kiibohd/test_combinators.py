import unittest

from controller.combinators import NoParseError, a, many, maybe, oneplus, skip, some

digit = some(str.isdigit)
letter = some(str.isalpha)
comma = skip(a(","))


class Values(unittest.TestCase):
    """What a grammar gives, by the rules of funcparserlib 0.3.6."""

    def assert_gives(self, parser, text, value):
        self.assertEqual(parser.parse(list(text)), value)

    def assert_refused(self, parser, text):
        with self.assertRaises(NoParseError):
            parser.parse(list(text))

    def test_one_token(self):
        self.assert_gives(digit, "7", "7")
        self.assert_gives(a("x"), "xy", "x")
        self.assert_refused(digit, "x")
        self.assert_refused(digit, "")

    def test_side_by_side_they_are_one_tuple_whatever_was_grouped_on_the_left(self):
        self.assert_gives(digit + letter, "1a", ("1", "a"))
        self.assert_gives(digit + letter + digit, "1a2", ("1", "a", "2"))
        self.assert_gives((digit + letter) + digit, "1a2", ("1", "a", "2"))
        self.assert_gives(digit + (letter + digit), "1a2", ("1", ("a", "2")))
        self.assert_gives((digit + letter >> (lambda pair: pair)) + digit, "1a2", ("1", "a", "2"))
        self.assert_gives((digit + letter >> tuple.__len__) + digit, "1a2", (2, "2"))
        self.assert_refused(digit + letter, "1")
        self.assert_refused(digit + letter, "11")

    def test_what_is_skipped_is_in_no_value(self):
        self.assert_gives(digit + comma + letter, "1,a", ("1", "a"))
        self.assert_gives(comma + digit, ",1", "1")
        self.assert_gives(comma + digit + comma + digit + letter, ",1,2a", ("1", "2", "a"))
        self.assert_gives(comma + comma + digit, ",,1", "1")
        self.assert_gives(skip(maybe(a(","))) + digit, "1", "1")

    def test_a_choice_is_the_first_that_takes_it_and_begins_anew_for_the_next(self):
        self.assert_gives(digit + letter | digit + digit, "12", ("1", "2"))
        self.assert_gives(digit | digit + letter, "1a", "1")
        self.assert_gives(letter | (digit + letter | digit), "12", "1")
        self.assert_gives((letter | digit) + (digit | letter), "1a", ("1", "a"))
        self.assert_refused(letter | digit, ",")
        self.assert_refused(letter | digit, "")

    def test_a_choice_that_needs_no_token_is_one_at_the_end_too(self):
        self.assert_gives(digit | many(letter), "", [])
        self.assert_gives(digit | maybe(letter), ",", None)
        self.assert_gives(digit | many(letter) + comma, ",", [])
        self.assert_gives((digit | many(letter)) + comma | letter, ",", [])
        self.assert_gives(letter + (digit | maybe(comma)), "a", ("a", None))

    def test_lists(self):
        self.assert_gives(many(digit), "123a", ["1", "2", "3"])
        self.assert_gives(many(digit + comma), "1,2,3", ["1", "2"])
        self.assert_gives(many(digit + comma) + digit, "1,2,3", (["1", "2"], "3"))
        self.assert_gives(oneplus(digit), "1", ["1"])
        self.assert_gives(many(digit), "", [])
        self.assert_refused(oneplus(digit), "a")
        self.assert_gives(maybe(digit) + letter, "a", (None, "a"))
        self.assert_gives(maybe(digit) + letter, "1a", ("1", "a"))
        self.assert_gives(maybe(digit + comma) + digit, "1", (None, "1"))

    def test_functions_are_called_for_what_was_parsed_only_and_may_raise(self):
        called = []
        parser = (digit + letter >> called.append) | (digit >> int)
        self.assert_gives(parser, "1", 1)
        self.assertEqual(called, [])
        self.assert_gives(many(digit >> int) >> sum, "123", 6)
        with self.assertRaises(KeyError):
            (digit >> {}.__getitem__ | digit).parse(["1"])

    def test_a_refusal_by_a_function_is_no_reason_to_try_another_way(self):
        def refuse(_value):
            raise NoParseError

        self.assert_refused((digit >> refuse) | digit, "1")


if __name__ == "__main__":
    unittest.main()

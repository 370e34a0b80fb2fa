"""
The parser combinators kll is written with (funcparserlib's), for inputs that parse: the same values from the same grammar.

A parser that fails gives nothing instead of raising, keeps no record of how far it came, and is not tried where its first
token is another one. So what is wrong with a text is not told here; who wants to know asks kll as it was released.
"""


class NoParseError(Exception):
    """The tokens are not what the grammar says."""


class _Tuple(tuple):
    """Values side by side. One more is appended to it, also where it came out of a group of its own."""


_IGNORED = object()


class Parser:
    """
    `run`: (tokens, index of the next) -> (value, index behind), or None if they are not the right ones.
    `first`: whether a token may be its first one; None if it can do without any.
    """

    __slots__ = ("first", "run")

    def __init__(self, run, first):
        self.run, self.first = run, first

    def parse(self, tokens):
        """
        The value of the first tokens; there may be more.
        @raises NoParseError
        """
        found = self.run(tokens, 0)
        if found is None:
            raise NoParseError
        return found[0]

    def __add__(self, other):
        return _Sequence([*(self.parts if isinstance(self, _Sequence) else [self]), other])

    def __or__(self, other):
        return _Choice([*(self.parts if isinstance(self, _Choice) else [self]), other])

    def __rshift__(self, function):
        inner = self.run

        def run(tokens, at):
            found = inner(tokens, at)
            return found and (function(found[0]), found[1])

        return Parser(run, self.first)


class _Sequence(Parser):
    """One after the other."""

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = parts
        runs = [part.run for part in parts]

        def run(tokens, at):
            values = _IGNORED
            for each in runs:
                found = each(tokens, at)
                if found is None:
                    return None
                value, at = found
                if values is _IGNORED:
                    values = value
                elif value is not _IGNORED:
                    values = _Tuple((*values, value) if isinstance(values, _Tuple) else (values, value))
            return values, at

        super().__init__(run, parts[0].first)


class _Choice(Parser):
    """The first that takes it."""

    __slots__ = ("parts",)

    def __init__(self, parts):
        self.parts = parts
        runs = [(part.first, part.run) for part in parts]
        firsts = [part.first for part in parts]

        def run(tokens, at):
            token = tokens[at] if at < len(tokens) else None
            for may_begin, each in runs:
                if may_begin is None or (token is not None and may_begin(token)):
                    found = each(tokens, at)
                    if found is not None:
                        return found
            return None

        def first(token):
            return any(may_begin(token) for may_begin in firsts)

        super().__init__(run, None if None in firsts else first)


def some(predicate):
    """A token of which the predicate holds."""

    def run(tokens, at):
        if at < len(tokens) and predicate(tokens[at]):
            return tokens[at], at + 1
        return None

    return Parser(run, predicate)


def a(value):
    """A token that equals this one."""
    return some(lambda token: token == value)


def many(parser):
    """As often as it comes: a list."""
    inner = parser.run

    def run(tokens, at):
        values = []
        while (found := inner(tokens, at)) is not None:
            value, at = found
            values.append(value)
        return values, at

    return Parser(run, None)


def oneplus(parser):
    """Once or more: a list. As in the original, not for parsers whose value is a tuple or nothing."""
    return parser + many(parser) >> (lambda values: [values[0]] + values[1])


def maybe(parser):
    """It, or None where it is not."""
    inner = parser.run
    return Parser(lambda tokens, at: inner(tokens, at) or (None, at), None)


def skip(parser):
    """It has to be there, and is in no value."""
    return parser >> (lambda _value: _IGNORED)


def Parser_debug(_enable, _stream=None):
    """kll turns this on to find out more of what failed. There is nothing to be told."""

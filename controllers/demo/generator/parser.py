"""KLL text -> statements. The part of KLL that is understood is listed in README.md; the rest is a clear error.

    name = "value";                     a variable
    LEFT : RIGHT;                       a key: LEFT is U"A", CONS"MUTE", SYS"SLEEP" or S0x1E;
                                        RIGHT is U"A", CONS"MUTE", SYS"SLEEP", None or capability(1, 2)
    A[id] <= settings;                  an animation
    A[id, 1] <= frame;                  one of its frames
    # anything                          a comment, to the end of the line
"""

import re
from bisect import bisect_right
from dataclasses import dataclass

from .complaints import Place, quoted


@dataclass(frozen=True)
class Symbol:
    """A key by its name; `name` is as written."""

    page: str
    name: str


@dataclass(frozen=True)
class ScanCode:
    code: int


@dataclass(frozen=True)
class Capability:
    name: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Nothing:
    """The key does nothing, and asks no layer below."""


@dataclass(frozen=True)
class Variable:
    name: str
    value: str
    place: Place


@dataclass(frozen=True)
class Mapping:
    left: Symbol | ScanCode
    right: Symbol | Capability | Nothing
    place: Place
    right_place: Place


@dataclass(frozen=True)
class Animation:
    """The settings of an animation, or one frame of it (`frame` counts from 1)."""

    id: str
    frame: int | None
    text: str
    place: Place


BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
TOKEN = re.compile(
    r"""
    (?P<symbol>  (?:U|CONS|SYS)"[^"\n]*" )
  | (?P<code>    S(?:0x[0-9A-Fa-f]+|[0-9]+)\b )
  | (?P<string>  "[^"\n]*" )
  | (?P<open>    (?:U|CONS|SYS)?"[^"\n]* )
  | (?P<word>    [A-Za-z_][A-Za-z0-9_]* )
  | (?P<number>  -?(?:0x[0-9A-Fa-f]+|[0-9]+)\b )
  | (?P<mark>    <= | => | :: | :\+ | :- | [:=;(),+\[\]] )
    """,
    re.VERBOSE,
)
ANIMATION = re.compile(r"A[ \t]*\[([^\],;\n]*)(?:,[ \t]*([0-9]{1,6})[ \t]*)?\][ \t]*<=[ \t]*([^;\n]*);")
ANIMATION_START = re.compile(r"A[ \t]*\[")
RESUME = re.compile(r"[^;\n]*[;\n]?")


class SyntaxProblem(Exception):
    """One statement cannot be read; the message says why."""

    def __init__(self, position, message):
        super().__init__(message)
        self.position = position


@dataclass(frozen=True)
class Token:
    kind: str  # a group of TOKEN, "end" or "other"
    text: str
    position: int

    def __str__(self):
        return "the end of the file" if self.kind == "end" else quoted(self.text)


class Reader:
    """Walks over one map, a token at a time."""

    def __init__(self, file, text):
        self.file = file
        self.text = text
        self.position = 0
        self.lines = [0] + [found.end() for found in re.finditer("\n", text)]

    def place(self, position):
        line = bisect_right(self.lines, position)
        return Place(self.file, line, position - self.lines[line - 1] + 1)

    def skip_blank(self):
        self.position = BLANK.match(self.text, self.position).end()
        return self.position < len(self.text)

    def peek(self):
        self.skip_blank()
        found = TOKEN.match(self.text, self.position)
        if found and found.lastgroup == "open":
            raise SyntaxProblem(self.position, "quotes that are not closed on this line")
        if found:
            return Token(found.lastgroup, found.group(), self.position)
        rest = self.text[self.position : self.position + 1]
        return Token("other" if rest else "end", rest, self.position)

    def take(self):
        token = self.peek()
        self.position += len(token.text)
        return token

    def expect(self, mark):
        token = self.peek()
        if token.text in ("+", ",") and mark in (":", ";"):
            raise SyntaxProblem(token.position, "combinations and sequences of keys are not supported")
        if token.kind != "mark" or token.text != mark:
            raise SyntaxProblem(token.position, f"expected '{mark}', found {token}")
        return self.take()


def parse(file, text, complaints):
    """All statements of a map, in order. What cannot be read is left out and complained about, one complaint a line."""
    reader = Reader(file, text)
    statements = []
    while reader.skip_blank():
        start = reader.position
        try:
            statements.append(_statement(reader))
        except SyntaxProblem as problem:
            complaints.error(reader.place(problem.position), str(problem))
            reader.position = RESUME.match(text, max(start, problem.position)).end()
    return statements


def _statement(reader):
    first = reader.peek()
    if first.kind in ("symbol", "code"):
        return _mapping(reader)
    if ANIMATION_START.match(reader.text, first.position):
        return _animation(reader)
    if first.kind == "word":
        return _variable(reader)
    raise SyntaxProblem(first.position, f"a statement cannot begin with {first}")


def _variable(reader):
    name = reader.take()
    reader.expect("=")
    value = reader.take()
    if value.kind != "string":
        raise SyntaxProblem(value.position, f"expected a text in double quotes, found {value}")
    text = value.text[1:-1]
    if any(ord(c) < 0x20 or ord(c) == 0x7F for c in text):
        raise SyntaxProblem(value.position, "a control character in a text")
    reader.expect(";")
    return Variable(name.text, text, reader.place(name.position))


def _mapping(reader):
    left = reader.take()
    operator = reader.peek()
    if operator.text in ("::", ":+", ":-"):
        raise SyntaxProblem(operator.position, f"the operator '{operator.text}' is not supported, only ':' is")
    reader.expect(":")
    right = reader.peek()
    result = _result(reader)
    reader.expect(";")
    return Mapping(_trigger(left), result, reader.place(left.position), reader.place(right.position))


def _trigger(token):
    if token.kind == "symbol":
        return _symbol(token)
    digits = token.text[1:]
    return ScanCode(int(digits, 16) if digits.startswith("0x") else int(digits[:9]))


def _symbol(token):
    page, name = token.text[:-1].split('"', 1)
    return Symbol(page, name)


def _result(reader):
    token = reader.take()
    if token.kind == "symbol":
        return _symbol(token)
    if token.kind != "word":
        raise SyntaxProblem(token.position, f"expected a key or a capability, found {token}")
    if token.text == "None":
        return Nothing()
    reader.expect("(")
    return Capability(token.text, tuple(_arguments(reader)))


def _arguments(reader):
    while reader.peek().text != ")":
        token = reader.take()
        if token.kind not in ("number", "word", "string"):
            raise SyntaxProblem(token.position, f"expected an argument, found {token}")
        yield token.text
        if reader.peek().text != ")":
            reader.expect(",")
    reader.take()


def _animation(reader):
    start = reader.position
    found = ANIMATION.match(reader.text, start)
    name = found.group(1).strip(" \t") if found else ""
    if not name:
        raise SyntaxProblem(start, "an animation is written A[name] <= settings; or A[name, frame] <= frame;")
    reader.position = found.end()
    frame = None if found.group(2) is None else int(found.group(2))
    return Animation(name, frame, found.group(3), reader.place(start))

"""Generated headers, compared by what the C preprocessor sees of them."""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

_CONTINUATION = re.compile(r"\\[ \t\f\v\0]*\n")
# Strings and character constants are kept as they are: a comment cannot begin in them.
_LEXEME = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)
# What compilers read in ways of their own: characters that are no text, raw strings, and, between lexemes, a quote that
# its line does not close or a comment that nothing closes.
_ODD = re.compile(r'[\x00-\x08\x0b-\x1f\x7f]|R"')
_LONE = re.compile(f"{_LEXEME.pattern}|(?P<lone>[\"']|/\\*)", re.DOTALL)
# Of such a header all is rest, whatever else it holds; most generated files are seen through by this at once.
_MORE = re.compile(r"^[ \t]*#(?![ \t]*(?:define|pragma)\b)", re.MULTILINE)
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)(.*)")
# GCC takes a dollar for a letter.
_DEFINITION = re.compile(r"[ \t]+([A-Za-z_$][\w$]*)(.*)")
_IDENTIFIER = re.compile(r"[A-Za-z_$][\w$]*")
_CONDITIONS = ("if", "elif", "ifdef", "ifndef")


@dataclass(frozen=True)
class Header:
    """
    The macros a header defines, {name: what follows the name, and how many lines of other text stand before it}, and a
    digest of that other text.
    """

    macros: dict[str, tuple[str, int]]
    rest: str


def strip_comments(text):
    """C text without comments, each continued line made one."""
    return _LEXEME.sub(_replacement, _CONTINUATION.sub("", text))


def _replacement(match):
    lexeme = match.group()
    if lexeme[0] in "\"'":
        return lexeme
    # A comment keeps its line ends: a directive after it starts a line of its own.
    return " " + "\n" * lexeme.count("\n")


def identifiers(text):
    """Every word of a C text that may be a macro's name, those in strings among them: a macro may have made them."""
    return set(_IDENTIFIER.findall(text))


def read_header(text):
    """
    Splits a header into macros and the rest. It is all rest where more than that matters: one that defines under
    conditions, defines a name twice, includes others or asks for the number of a line. And where it is not certain that
    the compiler would split it the same way.
    """
    if _MORE.search(text) or _is_odd(text):
        return Header({}, _digest(text))
    macros, rest = {}, []
    for line in strip_comments(text).split("\n"):
        line = line.strip(" \t")
        directive = _DIRECTIVE.match(line)
        if not directive or directive[1] == "pragma":
            if line:
                rest.append(line)
            continue
        definition = _DEFINITION.match(directive[2]) if directive[1] == "define" else None
        if not definition or definition[1] in macros:
            return Header({}, _digest(text))
        macros[definition[1]] = (definition[2], len(rest))
    if any("__LINE__" in line for line in rest):
        return Header({}, _digest(text))
    return Header(macros, _digest("\n".join(rest)))


def _is_odd(text):
    joined = _CONTINUATION.sub("", text)
    return any(map(_ODD.search, (text, joined))) or any(lexeme["lone"] for lexeme in _LONE.finditer(joined))


def _digest(text):
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


@lru_cache(maxsize=4096)
def conditions(text):
    """
    The identifiers in the conditions (`#if`, `#ifdef` …) of a source, those that are not come to among them: where a name
    is undefined, the way through a text depends on it without a trace in what the preprocessor gives.
    """
    directives = (_DIRECTIVE.match(line) for line in strip_comments(text).split("\n"))
    return frozenset().union(*(identifiers(found[2]) for found in directives if found and found[1] in _CONDITIONS))

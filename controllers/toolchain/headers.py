"""Generated headers, compared by what the C preprocessor sees of them."""

import hashlib
import re
from dataclasses import dataclass

# Strings and character constants are kept as they are, comments become a space, continued lines one line.
_LEXEME = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*|\\\n', re.DOTALL)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)(.*)$")
_DEFINITION = re.compile(r"[ \t]+([A-Za-z_]\w*)(.*)$", re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Header:
    """The macros a header defines (name -> what follows the name), and a digest of all its other text."""

    macros: dict[str, str]
    rest: str


def _replacement(match):
    lexeme = match.group()
    if lexeme[0] in "\"'":
        return lexeme
    # A comment keeps its line ends: a directive after it starts a line of its own.
    return "" if lexeme == "\\\n" else " " + "\n" * lexeme.count("\n")


def strip_comments(text):
    """C text without comments and continued lines."""
    return _LEXEME.sub(_replacement, text)


def identifiers(text):
    """Every word of a C text that may be a macro's name."""
    return set(_IDENTIFIER.findall(text))


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def read_header(text):
    """
    Splits a header into macros and the rest. One that defines under conditions, or twice, is all rest: there the
    order of things matters.
    """
    macros, rest = {}, []
    for line in strip_comments(text).split("\n"):
        line = line.strip()
        directive = _DIRECTIVE.match(line)
        if not directive:
            if line:
                rest.append(line)
            continue
        word, arguments = directive.groups()
        definition = _DEFINITION.match(arguments) if word == "define" else None
        if definition and definition[1] not in macros:
            macros[definition[1]] = definition[2]
        elif word == "pragma":
            rest.append(line)
        else:
            return Header({}, digest(text))
    return Header(macros, digest("\n".join(rest)))


def conditions(text):
    """The identifiers of a source's `#if` and `#elif` lines: an undefined one counts there, and no compiler reports it."""
    found = set()
    for line in strip_comments(text).split("\n"):
        directive = _DIRECTIVE.match(line)
        if directive and directive[1] in ("if", "elif", "ifdef", "ifndef"):
            found |= identifiers(directive[2])
    return found

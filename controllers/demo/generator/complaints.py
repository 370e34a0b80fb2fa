"""What is wrong with the maps, collected so that one run tells all of it."""

from dataclasses import dataclass, field

SHOWN = 20


class BadMaps(Exception):
    """No keymap can be made of the maps. Its message is all that is wrong with them, in lines."""


@dataclass(frozen=True)
class Place:
    """A place in a map; line and column count from 1, the column in characters."""

    file: str
    line: int
    column: int

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column}"


@dataclass
class Complaints:
    """Errors stop the build, warnings do not. Of each the first SHOWN are kept, the rest are counted."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error_count: int = 0
    warning_count: int = 0

    def error(self, place, message):
        self.error_count += 1
        if len(self.errors) < SHOWN:
            self.errors.append(f"{place}: error: {message}" if place else f"error: {message}")

    def warn(self, place, message):
        self.warning_count += 1
        if len(self.warnings) < SHOWN:
            self.warnings.append(f"{place}: warning: {message}")

    def lines(self):
        """What to print: what stops the build, then what does not."""
        lines = self.errors + self.warnings
        hidden = self.error_count + self.warning_count - len(lines)
        if hidden:
            lines.append(f"... and {hidden} more")
        return lines


def quoted(text):
    """The text as a message shows it: in single quotes, cut short, nothing in it that could disturb a terminal."""
    short = text if len(text) <= 40 else text[:37] + "..."
    return "'" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in short) + "'"

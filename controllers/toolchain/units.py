"""
Compiles only what a keymap reaches.

A unit is one source file of a firmware. What its object depends on among the generated files is found out once, when
the image is built (`Survey`): which of them it reads, and every name its preprocessing meets. From then on an object is
known by a key made of exactly these (`Generated.key_of`): whoever finds the key in the store has the object.

Why equal keys give equal objects: only a macro can turn the preprocessor's way through a text. Take the run a stored
object came from, which the survey has seen, and a run with the same key. Up to the first difference both met the same
names in the same files; the first difference would have to be a macro of such a name, and the key holds what each of
them stands for.

What the argument leaves out, and firmware must do without: a name made by `##` that is no macro and is thrown away at
once, as an argument nobody uses (no compiler tells of it); whatever looks at a generated file by another way than the
preprocessor (`.incbin`). Debug information is not held equal: it has the line numbers of the headers.
"""

import hashlib
import json
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from .headers import conditions, identifiers, read_header, strip_comments
from .processors import processors

_LINE_MARKER = re.compile(r'^# \d+ "((?:\\.|[^"\\])*)".*$', re.MULTILINE)
_DIRECTIVE_LINE = re.compile(r"^#.*$", re.MULTILINE)


class CompilerFailed(Exception):
    """The compiler's verdict on a keymap. Its message is what the compiler said."""


@dataclass
class Unit:
    """A source file and the command that compiles it in a build directory; the command lacks only `-c -o OBJECT`."""

    name: str
    command: list[str]
    # Known after the survey: the generated files it reads, the names of macros it meets there, and how many statements
    # its compiler reads, by which long compilations start first.
    reads: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    weight: int = 0


class Met(NamedTuple):
    """What a unit's preprocessing meets: every name, which generated files, how many statements come out of it."""

    names: set[str]
    reads: list[str]
    weight: int


def run(command, directory):
    """
    Runs a compiler in a directory. Gives what it wrote to standard output and, apart, to standard error.
    @raises CompilerFailed if it refuses, OSError if it could not be run or did not come to its own end
    """
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode < 0:
        raise ChildProcessError(f"{command[0]} was ended by signal {-done.returncode}")
    if done.returncode > 0:
        raise CompilerFailed((output + errors).strip() or f"{command[0]} ended with status {done.returncode}")
    return output, errors


class Generated:
    """
    The generated files of one build as the preprocessor sees them. `words`: a function that gives the names of the units
    that would meet a macro no keymap of the survey had, see `Survey.words`.
    """

    def __init__(self, directory, files, words):
        self._directory, self._files, self._words = Path(directory), files, words
        self._headers = {}

    @property
    def macros(self):
        """Every name the files define: {name: {file: what it stands for there}}."""
        macros = {}
        for file in self._files:
            for name, meaning in self._header(file).macros.items():
                macros.setdefault(name, {})[file] = meaning
        return macros

    def key_of(self, unit):
        """The name of the unit's object in a store."""
        names = set(unit.names)
        facts = [unit.name]
        for file in unit.reads:
            header = self._header(file)
            met = sorted(name for name in header.macros if name in names or unit.name in self._words(name))
            facts.append((file, header.rest, [(name, header.macros[name]) for name in met]))
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]

    def _header(self, file):
        if file not in self._headers:
            self._headers[file] = read_header(_read(self._directory / file))
        return self._headers[file]


def no_words(_name):
    """For a survey's first look: nothing is known yet."""
    return ()


class Survey:
    """Finds out what units depend on, from as many keymaps as the store is filled from."""

    def __init__(self, units, files):
        self.units, self._files = units, files
        self._met = {unit.name: set() for unit in units}
        self._known = set()

    def look(self, directory):
        """Takes in the keymap whose generated files lie in a directory. @raises CompilerFailed"""
        self._known |= Generated(directory, self._files, no_words).macros.keys()
        with ThreadPoolExecutor(processors()) as pool:
            looks = pool.map(lambda unit: met_names(unit, directory, self._files), self.units)
            for unit, met in zip(self.units, looks, strict=True):
                self._met[unit.name] |= met.names
                unit.reads = sorted({*unit.reads, *met.reads})
                unit.weight = max(unit.weight, met.weight)

    def words(self):
        """
        Ends the survey: each unit gets the known names it meets. Gives, for names no keymap had so far, which units
        would meet one: {name: [unit names]}.
        """
        words = {}
        for unit in self.units:
            met = self._met[unit.name]
            unit.names = sorted(met & self._known)
            for name in sorted(met - self._known):
                words.setdefault(name, []).append(unit.name)
        return words


def met_names(unit, directory, files):
    """What a unit's preprocessing meets with the generated files that lie in a directory. @raises CompilerFailed"""
    # -dU adds each macro that was expanded or tested, and each unknown name that was tested with `ifdef` or `defined`;
    # -Wundef complains of unknown names in the value of a condition, wherever they came from.
    text, complaints = run([*unit.command, "-E", "-dU", "-Wundef", "-Wno-error"], directory)
    # An argument that its macro throws away is in no expanded text.
    unexpanded, _ = run([*unit.command, "-E", "-fdirectives-only"], directory)
    names = identifiers(_LINE_MARKER.sub("", text)) | identifiers(complaints)
    names |= identifiers(_DIRECTIVE_LINE.sub("", strip_comments(unexpanded)))
    paths = {(Path(directory) / file).resolve() for file in _LINE_MARKER.findall(text) if not file.startswith("<")}
    for path in paths:
        if path.is_file():
            names |= conditions(_read(path))
    reads = [file for file in files if (Path(directory) / file).resolve() in paths]
    return Met(names, reads, text.count(";"))


def compile_units(units, generated, store, directory, meanwhile=lambda: None):
    """
    Gives the path of each unit's object, in order, and which were compiled for it, in order: (unit, key, path) each.
    `meanwhile` is called while compilers run.
    @raises CompilerFailed with the verdict on the first unit that does not compile
    """
    store, objects = Path(store), Path(directory) / "objects"
    objects.mkdir(exist_ok=True)
    found, missing = {}, {}
    with ThreadPoolExecutor(processors()) as pool:
        # The long ones are under way while it is looked what the others need.
        for unit in sorted(units, key=lambda unit: unit.weight, reverse=True):
            name = f"{generated.key_of(unit)}.o"
            found[unit.name] = store / name
            if not found[unit.name].is_file():
                found[unit.name] = objects / name
                missing[unit.name] = pool.submit(run, [*unit.command, "-c", "-o", str(objects / name)], directory)
        compiled = [unit for unit in units if unit.name in missing]
        try:
            meanwhile()
            for unit in compiled:
                print(f"compile: {unit.name}", flush=True)
                print(missing[unit.name].result()[1], end="", flush=True)
        finally:
            # After a verdict nobody asks for the rest.
            pool.shutdown(cancel_futures=True)
    return [found[unit.name] for unit in units], [(unit, found[unit.name].stem, found[unit.name]) for unit in compiled]


def surveyed(compiled, directory, files, words):
    """
    Of what `compile_units` compiled in a directory, that which may be kept: where the unit went no way that the survey
    has not seen, so that its key says all there is to it. For keymaps the survey did not look at. @raises CompilerFailed
    """

    def is_known(unit):
        met, names = met_names(unit, directory, files), set(unit.names)
        return set(met.reads) <= set(unit.reads) and all(name in names or unit.name in words(name) for name in met.names)

    return [one for one in compiled if is_known(one[0])]


def keep(compiled, store):
    """Moves objects that `compile_units` compiled into a store."""
    for _, key, path in compiled:
        shutil.move(path, Path(store) / f"{key}.o")


def units_to_json(units):
    return [asdict(unit) for unit in units]


def units_from_json(rows):
    return [Unit(**row) for row in rows]


def _read(path):
    # Comments are in any encoding, and no byte of a generated file may go unnoticed.
    return path.read_bytes().decode("utf-8", "surrogateescape")

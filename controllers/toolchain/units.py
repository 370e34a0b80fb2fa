"""
Compiles only what a keymap reaches.

A unit is one source file of a firmware. What its object depends on among the generated files is found out once, when
the image is built (`survey`): which of them it reads, and every name its preprocessing meets. From then on an object is
known by a key made of exactly these (`Generated.key_of`): whoever finds the key in the store has the object.

Why equal keys give equal objects: only a macro can turn the preprocessor's way through a text. Take the run a stored
object came from and a run with the same key. Up to the first difference both met the same names; the first difference
would have to be a macro of such a name, and the key holds what each of them stands for.
"""

import hashlib
import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .headers import conditions, identifiers, read_header

_REPORTED = re.compile(r"^#(?:define|undef) ([A-Za-z_]\w*)(.*)$", re.MULTILINE)
_LINE_MARKER = re.compile(r'^# \d+ "((?:\\.|[^"\\])*)"', re.MULTILINE)


class CompilerFailed(Exception):
    """The compiler's verdict on a keymap. Its message is what the compiler said."""


@dataclass
class Unit:
    """A source file and the command that compiles it; the command lacks only `-c -o OBJECT`. Paths are absolute."""

    name: str
    command: list[str]
    # The generated files it reads, and the names of macros it meets there; known after the survey.
    reads: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def run(command, directory):
    """
    Runs a compiler in a directory. Gives what it wrote to standard output and, apart, to standard error.
    @raises CompilerFailed
    """
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise CompilerFailed((done.stdout + done.stderr).strip() or f"{command[0]} ended with status {done.returncode}")
    return done.stdout, done.stderr


class Generated:
    """The generated files of one build as the preprocessor sees them. `words`: see `Survey.words`."""

    def __init__(self, directory, files, words):
        headers = {file: read_header((Path(directory) / file).read_text(encoding="utf-8")) for file in files}
        self.rests = {file: header.rest for file, header in headers.items()}
        self.macros = {}
        for header in headers.values():
            for name, body in header.macros.items():
                # Which one counts depends on the order of the includes: no unit can be trusted to be reached by one.
                self.macros[name] = f"{self.macros[name]}\0{body}" if name in self.macros else body
        self._words = words

    def key_of(self, unit):
        """The name of the unit's object in a store."""
        names = set(unit.names)
        met = {name for name in self.macros if name in names or unit.name in self._words(name)}
        facts = [unit.name, *((file, self.rests[file]) for file in unit.reads)]
        facts += [(name, self.macros[name]) for name in sorted(met)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


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
        """Takes in the keymap whose generated files lie in a directory."""
        self._known |= Generated(directory, self._files, no_words).macros.keys()
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for unit, (met, reads) in zip(self.units, pool.map(lambda unit: met_names(unit, directory, self._files), self.units)):
                self._met[unit.name] |= met
                unit.reads = sorted({*unit.reads, *reads})

    def words(self):
        """
        Ends the survey: each unit gets the known names it meets. Gives, for names no keymap had so far, which units
        would meet one: {name: [unit names]}.
        """
        words = {}
        for unit in self.units:
            met = self._met[unit.name]
            unit.names = sorted(met & self._known)
            for name in met - self._known:
                words.setdefault(name, []).append(unit.name)
        return words


def met_names(unit, directory, files):
    """
    What a unit's preprocessing meets, with the generated files that lie in a directory: (names, which of the files).
    """
    # -dU reports each macro that was expanded or tested, and each name that was asked for with `ifdef` and unknown.
    text, _ = run([*unit.command, "-E", "-dU"], directory)
    met = identifiers(text)
    for name, body in _REPORTED.findall(text):
        met |= {name} | identifiers(body)
    paths = {(Path(directory) / file).resolve() for file in _LINE_MARKER.findall(text) if file[0] != "<"}
    for path in paths:
        if path.is_file():
            met |= conditions(path.read_text(encoding="utf-8", errors="replace"))
    generated = {(Path(directory) / file).resolve(): file for file in files}
    return met, [generated[path] for path in paths & generated.keys()]


def compile_units(units, generated, store, directory):
    """
    Gives the object of each unit, in order, and which were compiled for it: (unit, key, path) each.
    @raises CompilerFailed
    """
    store, objects = Path(store), Path(directory) / "objects"
    objects.mkdir(exist_ok=True)
    found, missing = {}, []
    for unit in units:
        key = generated.key_of(unit)
        stored = store / f"{key}.o"
        found[unit.name] = stored if stored.is_file() else objects / f"{key}.o"
        if found[unit.name] is not stored:
            missing.append((unit, key, found[unit.name]))

    def compile_one(job):
        unit, _, path = job
        return run([*unit.command, "-c", "-o", str(path)], directory)[1]

    # The longest first would be best; which they are is as good as known by the size of their sources.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for (unit, _, _), said in zip(missing, pool.map(compile_one, missing)):
            print(f"compile: {unit.name}" + (f"\n{said.rstrip()}" if said else ""), flush=True)
    return [found[unit.name] for unit in units], missing


def units_to_json(units):
    return [asdict(unit) for unit in units]


def units_from_json(rows):
    return [Unit(**row) for row in rows]

"""The short way: of the sources only those are compiled for which the store has no object."""

import json
from functools import cached_property
from pathlib import Path

from toolchain.units import CompilerFailed, Generated, compile_units, units_from_json, units_to_json

from .firmware import GENERATED, HOME, BuildFailed, link

PREPARED = HOME / "prepared"


class Prepared:
    """What was found out when the image was built: the units, the words of the survey, and the store of objects."""

    def __init__(self, directory=PREPARED):
        self._directory = Path(directory)
        self.store = self._directory / "objects"
        self.units = units_from_json(json.loads((self._directory / "units.json").read_text(encoding="utf-8")))

    def words(self, name):
        """Which units would meet a macro of this name, if no keymap of the survey had it."""
        return self._words.get(name, ())

    @cached_property
    def _words(self):
        return json.loads((self._directory / "words.json").read_text(encoding="utf-8"))


def write_prepared(directory, survey):
    """Keeps what a survey found out, with an empty store."""
    words = survey.words()
    (directory / "objects").mkdir(parents=True)
    (directory / "units.json").write_text(json.dumps(units_to_json(survey.units)), encoding="utf-8")
    (directory / "words.json").write_text(json.dumps(words), encoding="utf-8")


def build(directory, prepared):
    """
    Makes kiibohd.elf in a build directory that the keymap was generated into. Gives what it compiled, for a store.
    @raises BuildFailed
    """
    generated = Generated(directory, GENERATED, prepared.words)
    try:
        objects, compiled = compile_units(prepared.units, generated, prepared.store, directory)
    except CompilerFailed as failure:
        raise BuildFailed(str(failure)) from failure
    link(objects, directory)
    return compiled

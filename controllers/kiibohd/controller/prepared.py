"""What is known of a firmware before a layout comes: found out when the image is built, read at each build."""

import json
import pickle
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from toolchain.units import units_from_json
# What kll generates into the build directory, and the units read.
GENERATED = ("generatedKeymap.h", "generatedPixelmap.c", "kll_defs.h", "usb_hid.h")
# What the controller's configuration writes there, the same for each layout.
CONFIGURED = ("buildvars.h",)


@dataclass
class Recipe:
    """
    How a firmware is made. `kll`: the arguments before and after the layout's maps; `maps`: the directories maps are
    looked for in after the build directory; `link` lacks the objects and `-o`;
    `veneers`: see `recipe.has_veneers`; `boot`: USB vendor and product of the
    boot loader; `memory`: bytes of flash and RAM the chip has for it; `stock`: the maps of the board's own layout, of
    layer 0 and of each other layer.
    """

    kll_program: str
    kll_before: list[str]
    kll_after: list[str]
    maps: list[str]
    units: list[dict]
    link: list[str]
    veneers: bool
    boot: tuple[int, int]
    secure: bool
    memory: dict[str, int]
    stock: tuple[str, list[str]]


def write_prepared(target, recipe, words, known_to_kll):
    """Keeps what was found out of a target. `words`: see `toolchain.units.Survey.words`."""
    target.prepared.mkdir(parents=True, exist_ok=True)
    (target.prepared / "objects").mkdir(exist_ok=True)
    (target.prepared / "recipe.json").write_text(json.dumps(asdict(recipe), sort_keys=True), encoding="utf-8")
    (target.prepared / "kll.pickle").write_bytes(pickle.dumps(known_to_kll, protocol=5))
    (target.prepared / "words.json").write_text(json.dumps(words, sort_keys=True), encoding="utf-8")


class Prepared:
    """The recipe of a target, its stored objects, and which units would meet a macro no keymap had so far."""

    def __init__(self, target):
        self.recipe = Recipe(**json.loads((target.prepared / "recipe.json").read_text(encoding="utf-8")))
        self.units = units_from_json(self.recipe.units)
        self.store = target.prepared / "objects"
        self.configured = [target.prepared / name for name in CONFIGURED]
        self._kll_file = target.prepared / "kll.pickle"
        self._words_file = target.prepared / "words.json"

    @cached_property
    def known_to_kll(self):
        """What is known of maps that never change: a store for `kll.Kll`."""
        return pickle.loads(self._kll_file.read_bytes())

    def units_of_numbers(self):
        """The units a layout reaches only by how many layers and animations it has, not by its keys."""
        return [unit for unit in self._keyless() if not _counts_triggers(unit)]

    def units_of_triggers(self):
        """The units a layout reaches by how many triggers it has, too, but not by what they are."""
        return [unit for unit in self._keyless() if _counts_triggers(unit)]

    def _keyless(self):
        keys = {"generatedKeymap.h", "generatedPixelmap.c"}
        return [unit for unit in self.units if not keys & set(unit.reads)]

    def words(self, name):
        return self._all_words.get(name, ())

    @cached_property
    def _all_words(self):
        return json.loads(self._words_file.read_text(encoding="utf-8"))


def _counts_triggers(unit):
    return "TriggerMacroNum_KLL" in unit.names


@lru_cache(maxsize=None)
def prepared_for(target):
    """
    What is prepared for a target.
    @raises OSError if nothing is
    """
    return Prepared(target)


def map_path(stem, build, maps):
    """
    The file of a map, looked for in the order the controller does: the layout's own come first.
    @raises FileNotFoundError
    """
    for directory in (build, *map(Path, maps)):
        path = Path(directory) / f"{stem}.kll"
        if path.is_file():
            return str(path)
    raise FileNotFoundError(f"there is no map {stem}.kll")

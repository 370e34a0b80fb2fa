"""
Run once, while the image is built: builds every board the cold way, finds out what depends on what, compiles what no
layout changes, and proves that the fast way gives the same bytes. A difference ends the build of the image.

    python3 -m controller.prepare
"""

import contextlib
import dataclasses
import json
import multiprocessing
import os
import re
import shutil
import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

from toolchain.proof import NotTheSame, differences, digests
from toolchain.units import Generated, Survey, compile_units, keep, surveyed, units_from_json, units_to_json

from . import cold, fast
from .boards import PREPARED, all_targets
from .job import Job
from .kll import Kll, KllFailed
from .place import Place
from .prepared import CONFIGURED, GENERATED, Prepared, write_prepared
from .proof import COMPARED, proof_jobs
from .recipe import read_recipe
from .usual import usual_map

_KEPT = Path("/tmp/kiibohd-proof")
# Of the numbers that layouts change, those the store gets objects for: how many layers, how many animations start, and how
# many triggers, about as many as scan codes or as the stock layout has.
_LAYERS, _ANIMATIONS = range(1, 5), range(0, 2)
_OF_SCAN_CODES, _OF_STOCK = range(-16, 33), range(-8, 9)


def main():
    targets = all_targets()
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        for _ in pool.imap_unordered(_quietly(_learn), targets):
            pass
        rows = [row for rows in pool.imap_unordered(_quietly(_prove), targets) for row in rows]
    rows.sort(key=lambda row: (row["target"], row["layout"]))
    (PREPARED / "proof.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(_KEPT)
    print(f"{len(targets)} firmwares, {len(rows)} layouts: fast and cold are the same, byte for byte")


def _quietly(action):
    return partial(_logged, action)


def _logged(action, target):
    """What the tools say of a target goes to a file, which is shown only if something fails."""
    log = _KEPT / f"{target.name}{action.__name__}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    screen = os.dup(1)
    with open(log, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        return action(target, screen)
    except BaseException as problem:
        sys.stdout.flush()
        os.write(screen, log.read_bytes()[-20_000:] + f"\n{target.name}: {type(problem).__name__}: {problem}\n".encode())
        raise RuntimeError(f"{target.name}: {problem}") from None


def _learn(target, screen):
    """Builds a target's layouts the cold way, keeps the results, and finds out what depends on what."""
    place = Place(target)
    recipe = _cold_build(place, Job(target.script, target.variant, "", (), {}), "stock", screen)
    jobs = proof_jobs(target, recipe, _KEPT / target.name / "maps")
    for name in [name for name in jobs if name != "stock"]:
        _cold_build(place, jobs[name], name, screen)
    survey = Survey(units_from_json(recipe.units), GENERATED)
    for name in jobs:
        _restore(place, name)
        survey.look(place.build)
    words = survey.words()
    recipe.units = units_to_json(survey.units)
    configured = {name: (place.build / name).read_bytes() for name in CONFIGURED}
    write_prepared(target, recipe, words, _learn_maps(place, recipe, jobs["stock"]))
    for name, data in configured.items():
        (target.prepared / name).write_bytes(data)


def _learn_maps(place, recipe, stock):
    """What kll makes of the board's maps, of those published with them, and of the lines that most layouts have."""
    store = {}
    kll = Kll(learning=True)
    usual = _KEPT / place.target.name / "usual.kll"
    usual.write_text(usual_map(), encoding="utf-8")
    siblings = {path for stem in stock.default.split() for path in Path(recipe.maps[0], stem).parent.glob("*.kll") if "/" in stem}
    place.prepare({})
    kll.compile(fast.kll_arguments(recipe, place, stock), place.temporary, store)
    for path in [usual, *sorted(siblings)]:
        place.prepare({"learn.kll": path})
        job = dataclasses.replace(stock, partials=("learn",))
        # Not every map that was published compiles on every board; those that do are worth knowing.
        with contextlib.suppress(KllFailed):
            kll.compile(fast.kll_arguments(recipe, place, job), place.temporary, store)
    return store


def _cold_build(place, job, name, screen):
    place.prepare(job.maps)
    started = time.monotonic()
    cold.build(place, job)
    seconds = time.monotonic() - started
    kept = _KEPT / place.target.name / name
    kept.mkdir(parents=True)
    for file in (*CONFIGURED, *digests(place.build, COMPARED)):
        shutil.copy(place.build / file, kept)
    (kept / "seconds").write_text(f"{seconds:.2f}")
    os.write(screen, f"cold: {place.target.name} {name} {seconds:.1f} s\n".encode())
    return read_recipe(place.build)


def _restore(place, name):
    """Puts what a cold build generated back into its build directory."""
    for file in (_KEPT / place.target.name / name).iterdir():
        shutil.copy(file, place.build)


def _prove(target, screen):
    """
    Builds a target's layouts the fast way, first with nothing in the store but what the layouts before have left,
    then with a full one, and compares each with the cold build.
    """
    place = Place(target)
    prepared = Prepared(target)
    jobs = proof_jobs(target, prepared.recipe, _KEPT / target.name / "maps")
    for name, job in jobs.items():
        _compare(place, job, name, screen)
    _fill(place, prepared)
    return [_compare(place, job, name, screen) for name, job in jobs.items()]


def _compare(place, job, name, screen):
    prepared = Prepared(place.target)
    place.prepare(job.maps)
    started = time.monotonic()
    compiled = fast.build(place, job, Kll())
    seconds = time.monotonic() - started
    kept = _KEPT / place.target.name / name
    different = differences(digests(kept, COMPARED), digests(place.build, COMPARED))
    if different:
        raise NotTheSame(f"layout {name}: {', '.join(different)}")
    keep(compiled, prepared.store)
    os.write(screen, f"fast: {place.target.name} {name} {seconds:.1f} s, {len(compiled)} compiled, the same\n".encode())
    memory = fast.memory_use(place.build, prepared.recipe.memory)
    return {
        "target": place.target.name,
        "layout": name,
        "bytes": (place.build / "kiibohd.dfu.bin").stat().st_size,
        "memory": memory,
        "cold": float((kept / "seconds").read_text()),
        "fast": round(seconds, 2),
    }


def _fill(place, prepared):
    """Compiles, for the usual numbers of these, what depends on them and on nothing else of a layout."""
    _restore(place, "edited")
    kept = _kept_definitions(place, "edited")
    for layers, animations in product(_LAYERS, _ANIMATIONS):
        numbers = {"LayerNum_KLL": layers, "Pixel_AnimationSettingsNum_KLL": animations}
        _store_with(place, prepared, prepared.units_of_numbers(), _redefined(kept, numbers))
    for triggers in _usual_triggers(_kept_definitions(place, "stock")):
        text = _redefined(kept, {"TriggerMacroNum_KLL": triggers})
        _store_with(place, prepared, prepared.units_of_triggers(), text)


def _kept_definitions(place, name):
    return (_KEPT / place.target.name / name / "kll_defs.h").read_text(encoding="utf-8")


def _usual_triggers(stock):
    """A layout has a trigger for each key and layer where it means something."""

    def around(name, steps):
        number = int(re.search(rf"^#define {name} (\d+)\b", stock, re.MULTILINE)[1])
        return {number + step for step in steps if number + step > 0}

    return sorted(around("MaxScanCode_KLL", _OF_SCAN_CODES) | around("TriggerMacroNum_KLL", _OF_STOCK))


def _store_with(place, prepared, units, definitions):
    (place.build / "kll_defs.h").write_text(definitions, encoding="utf-8")
    generated = Generated(place.build, GENERATED, prepared.words)
    _, compiled = compile_units(units, generated, prepared.store, place.build)
    keep(surveyed(compiled, place.build, GENERATED, prepared.words), prepared.store)


def _redefined(text, numbers):
    for name, value in numbers.items():
        text = re.sub(rf"^#define {name} .*$", f"#define {name} {value}", text, flags=re.MULTILINE)
    return text


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())

"""
Run once, while the image is built: builds layouts the cold way, surveys what depends on what, compiles what no key
changes, and proves that the fast way gives the same bytes. A difference ends the build of the image.

    python3 -m controller.prepare
"""

import sys
import tempfile
from pathlib import Path

from toolchain.proof import NotTheSame, differences, digests
from toolchain.units import Generated, Survey, compile_units, keep, surveyed

from . import cold, fast
from .firmware import GENERATED, generate_keymap, pack, units
from .layouts import job_of_layers, proof_jobs

_COMPARED = (*GENERATED, "kll.json", "size.json", "kiibohd.dfu.bin")
# How many layers layouts usually have.
_LAYERS = range(1, 9)


def prepare(prepared_directory):
    """Fills a directory for `fast.Prepared`. @raises NotTheSame"""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        jobs = proof_jobs(work / "maps")
        survey = Survey(units(), GENERATED)
        kept = {name: _build_cold(job, work / "cold" / name, survey) for name, job in jobs.items()}
        fast.write_prepared(prepared_directory, survey)
        prepared = fast.Prepared(prepared_directory)
        # First with nothing in the store but what the layouts before have left, then with a full one.
        _compare(jobs, kept, work / "fast", prepared)
        for count in _LAYERS:
            _fill(job_of_layers(work / "maps", count), work / "fill" / str(count), prepared)
        _compare(jobs, kept, work / "full", prepared)


def _build_cold(job, directory, survey):
    """What the cold way makes of a layout, which the survey takes in."""
    directory.mkdir(parents=True)
    generate_keymap(job, directory)
    survey.look(directory)
    cold.build(directory)
    pack(directory)
    return digests(directory, _COMPARED)


def _compare(jobs, kept, work, prepared):
    for name, job in jobs.items():
        directory = work / name
        directory.mkdir(parents=True)
        generate_keymap(job, directory)
        compiled = fast.build(directory, prepared)
        pack(directory)
        different = differences(kept[name], digests(directory, _COMPARED))
        if different:
            raise NotTheSame(f"layout {name}: {', '.join(different)}")
        keep(compiled, prepared.store)
        print(f"proof: {name}: the same", flush=True)


def _fill(job, directory, prepared):
    """Compiles what depends on how many layers there are, and on nothing else of a layout."""
    directory.mkdir(parents=True)
    generate_keymap(job, directory)
    generated = Generated(directory, GENERATED, prepared.words)
    unkeyed = [unit for unit in prepared.units if "keymap.c" not in unit.reads]
    _, compiled = compile_units(unkeyed, generated, prepared.store, directory)
    keep(surveyed(compiled, directory, GENERATED, prepared.words), prepared.store)


if __name__ == "__main__":
    try:
        prepare(fast.PREPARED)
    except NotTheSame as problem:
        sys.exit(f"error: not the same as the cold way: {problem}")

"""One job: every firmware of a board."""

import os
import sys
import tempfile
import traceback

from toolchain import ways

from . import cold, fast
from .boards import targets_of
from .outputs import publish_all
from .place import Place
from .prepared import prepared_for
from .recipe import read_recipe

# How a half that was built in a process of its own ended.
_BUILT, _FAILED, _BROKEN = 0, 1, 70


def build_board(job, kll, outputs):
    """
    Builds the firmware of a job, the halves of a split board side by side, and publishes the outputs: all or none.
    @raises cold.BuildFailed, boards.UnknownBoard
    """
    places = [Place(target) for target in targets_of(job.script, job.variant)]
    if len(places) == 1:
        _build(places[0], job, kll)
    else:
        _side_by_side(places, lambda place: _build(place, job, kll))
    publish_all([(place.build, _memory(place), place.target.prefix) for place in places], outputs)


def _build(place, job, kll):
    def fast_way():
        place.prepare(job.maps)
        fast.build(place, job, kll)

    def cold_way():
        place.prepare(job.maps)
        cold.build(place, job)

    ways.build(fast_way, cold_way, verdict=cold.BuildFailed)


def _memory(place):
    try:
        recipe = prepared_for(place.target).recipe
    except OSError:
        recipe = read_recipe(place.build)
    return fast.memory_use(place.build, recipe.memory)


def _side_by_side(places, build):
    """
    Builds each in a process of its own; the log tells of one after the other.
    @raises cold.BuildFailed if one failed
    """
    halves = [(place, *_fork(lambda place=place: build(place))) for place in places]
    failed = []
    for place, process, log in halves:
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        log.seek(0)
        print(f"-- the {place.target.half} half\n{log.read().decode(errors='replace')}", end="", flush=True)
        if status != _BUILT:
            failed.append(place.target.half)
    if failed:
        raise cold.BuildFailed(f"no firmware for the {' and the '.join(failed)} half")


def _fork(action):
    """Runs an action in a process of its own: (process id, file of what it says)."""
    log = tempfile.TemporaryFile()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process, log
    status = _BROKEN
    try:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        action()
        status = _BUILT
    except cold.BuildFailed as failure:
        print(f"error: {failure}", flush=True)
        status = _FAILED
    except Exception:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

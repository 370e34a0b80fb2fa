"""
Builds the firmware of a layout whose maps lie in /mnt/config/INPUT, and puts it into /mnt/builds.

    python3 -m controller SCRIPT INPUT ARCHIVE     # SCRIPT: board script of the controller; ARCHIVE: a name, not used
    python3 -m controller --wait                   # loads what it needs, then learns these from standard input
"""

import contextlib
import gc
import os
import sys
from pathlib import Path

from toolchain.done import say_done
from toolchain.wait import job_arguments

from .boards import UnknownBoard, all_targets
from .build import build_board
from .cold import BuildFailed
from .job import BadJob, read_job
from .kll import Kll
from .prepared import prepared_for

_INPUTS, _OUTPUTS = Path("/mnt/config"), Path("/mnt/builds")


def load_everything():
    """What any job may need; there is time while waiting for one."""
    for target in all_targets():
        with contextlib.suppress(OSError):
            _ = prepared_for(target).known_to_kll


def main(arguments):
    # One build, then the process ends: memory is not worth looking for.
    gc.disable()
    kll = Kll()
    if arguments == ["--wait"]:
        load_everything()
    arguments = job_arguments(arguments)
    if len(arguments) != 3:
        raise BadJob("three arguments are needed: build script, input directory, archive name")
    script, name, _ = arguments
    directory = _INPUTS / name
    if "/" in name or not directory.is_dir():
        raise BadJob(f"there is no input directory {directory}")
    build_board(read_job(script, directory, os.environ), kll, _OUTPUTS)
    say_done(name)


if __name__ == "__main__":
    status = 0
    try:
        main(sys.argv[1:])
    except (BadJob, UnknownBoard, BuildFailed) as problem:
        print(f"error: {problem}", file=sys.stderr)
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Python would first put away everything it holds, for nothing.
    os._exit(status)

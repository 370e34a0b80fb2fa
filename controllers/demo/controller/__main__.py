"""
Builds the firmware of a layout whose maps lie in /mnt/config/INPUT, and puts it into /mnt/builds.

    python3 -m controller SCRIPT INPUT ARCHIVE     # ARCHIVE: a name, not used
    python3 -m controller --wait                   # loads what it needs, then learns these from standard input
"""

import os
import sys
import tempfile
from pathlib import Path

from generator.complaints import BadMaps
from toolchain import ways
from toolchain.done import say_done
from toolchain.outputs import publish
from toolchain.units import CompilerFailed
from toolchain.wait import job_arguments

from . import cold, fast
from .firmware import BuildFailed, generate_keymap, pack
from .job import BadJob, read_job

_INPUTS, _OUTPUTS = Path("/mnt/config"), Path("/mnt/builds")
# The firmware last: see `publish`.
_PUBLISHED = ("log/keymap.h", "log/kll_defs.h", "kll.json", "size.json", "kiibohd.elf", "kiibohd.dfu.bin")


def main(arguments):
    job = read_job(job_arguments(arguments), os.environ, _INPUTS)
    with tempfile.TemporaryDirectory(prefix="build.") as temporary:
        directory = Path(temporary)
        generate_keymap(job, directory)
        ways.build(lambda: fast.build(directory, fast.Prepared()), lambda: cold.build(directory), BuildFailed)
        pack(directory)
        publish({name: directory / Path(name).name for name in _PUBLISHED}, _OUTPUTS)
    say_done(job.maps.name)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadJob as problem:
        sys.exit(f"error: {problem}")
    except (BadMaps, BuildFailed, CompilerFailed) as verdict:
        sys.exit(str(verdict))

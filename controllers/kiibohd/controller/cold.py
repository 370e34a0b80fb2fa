"""The controller's own way to a firmware: its board script, which configures, generates, compiles and links everything."""

import subprocess

from .boards import SOURCE
from .place import environment

LINK_TARGET = "kiibohd.elf"


class BuildFailed(Exception):
    """The firmware cannot be built from this layout. What was wrong is in the log."""


def build(place, job):
    """
    Builds into the place's build directory; what is said goes to this process's output.
    @raises BuildFailed
    """
    command = ["bash", f"./{place.target.script}", "-c", str(SOURCE), "-o", str(place.build)]
    done = subprocess.run(command, cwd=SOURCE / "Keyboards", env=environment(place, job), stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"{place.target.script} ended with status {done.returncode}")

"""Where a firmware is built. These paths enter what kll writes, so they are the same in every build."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from .boards import HOME, Target

ROOT = Path("/tmp/kiibohd")
# Where kll and what it needs are installed.
PYTHON = HOME / "python"


@dataclass(frozen=True)
class Place:
    """The build directory of one firmware, and a directory for temporary files beside it."""

    target: Target

    @property
    def build(self):
        return ROOT / self.target.name

    @property
    def temporary(self):
        return ROOT / f"{self.target.name}.tmp"

    def prepare(self, maps):
        """Makes the directories anew and puts the layout's maps there: {file name: path}."""
        for directory in (self.build, self.temporary):
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
        # kll looks for the HID layouts in a directory of such a name among the temporary files, else on the network.
        (self.temporary / "hid-io-layouts").symlink_to(HOME / "hid-io-layouts")
        for name, path in maps.items():
            shutil.copyfile(path, self.build / name)


def environment(place, job):
    """What the controller's own scripts and kll are run with: nothing of the machine's, and the same every day."""
    return {
        "PATH": f"{HOME}/facts:/usr/bin:/bin",
        "HOME": str(place.temporary),
        "TMPDIR": str(place.temporary),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(PYTHON),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIPENV_ACTIVE": "1",
        # GCC 10 and later no longer merge variables that two files define; this firmware has such.
        "CFLAGS": "-fcommon",
        "TRAVIS": "false",
        "Layout": place.target.variant,
        **({"DefaultMapOverride": job.default} if job.default else {}),
        # An empty list would mean the board's stock layers to the controller; a lone separator is a list of none.
        **({"PartialMapsExpandedOverride": ";".join(job.partials) or ";"} if job.default else {}),
    }

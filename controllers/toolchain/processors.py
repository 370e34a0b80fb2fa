"""How many compilers are worth running at once: each takes memory, and a container may have a share of the machine only."""

import math
import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def processors(cgroups=_CGROUPS):
    """Processors this process may use: those it may run on, but no more than its container is given time of."""
    allowed = len(os.sched_getaffinity(0))
    quota, period = _limit(Path(cgroups))
    return min(allowed, max(1, math.ceil(quota / period))) if quota > 0 else allowed


def _limit(cgroups):
    """Microseconds of processor time the container gets in a period, and that period; 0 or less: as much as it likes."""
    current = cgroups / "cpu.max"
    if current.is_file():
        quota, period = current.read_text(encoding="ascii").split()
        return (0 if quota == "max" else int(quota)), int(period)
    # Version 1 of control groups.
    former = [cgroups / "cpu" / f"cpu.cfs_{name}_us" for name in ("quota", "period")]
    if all(file.is_file() for file in former):
        quota, period = (int(file.read_text(encoding="ascii")) for file in former)
        return quota, period
    return 0, 1

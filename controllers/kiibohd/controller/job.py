"""What is asked for: a board script, the maps of its layers and where they lie."""

import re
from dataclasses import dataclass
from pathlib import Path

_STEM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")


class BadJob(Exception):
    """A job that cannot be asked for like this. Its message is for the person who asked."""


@dataclass(frozen=True)
class Job:
    """
    `default`: maps of layer 0, separated by spaces, the last one the layout's own; empty for the board's stock layout.
    `partials`: of the other layers, in order. `maps`: the layout's own map files, {name: path}.
    """

    script: str
    variant: str
    default: str
    partials: tuple[str, ...]
    maps: dict[str, Path]


def read_job(script, directory, environment):
    """
    The job of a layout whose maps lie in a directory.
    @raises BadJob
    """
    default = environment.get("DefaultMapOverride", "").split()
    partials = [layer for layer in environment.get("PartialMapsExpandedOverride", "").split(";") if layer.strip()]
    if not default:
        raise BadJob("DefaultMapOverride names no map for layer 0")
    for stem in [*default, *(stem for layer in partials for stem in layer.split())]:
        if not _STEM.fullmatch(stem):
            raise BadJob(f"'{stem}' is no name of a map")
    maps = {path.name: path for path in sorted(Path(directory).glob("*.kll")) if path.is_file()}
    if f"{default[-1]}.kll" not in maps:
        raise BadJob(f"there is no map {default[-1]}.kll")
    variant = environment.get("Layout", "")
    return Job(script, variant, " ".join(default), tuple(partials), maps)

"""What a build is asked for, and refusals of what cannot be asked for."""

import re
from dataclasses import dataclass
from pathlib import Path

SCRIPT = "demo.bash"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


class BadJob(Exception):
    """A job that cannot be asked for like this. Its message is for the person who asked."""


@dataclass(frozen=True)
class Job:
    """The directory of a layout's maps, and the variables that say what is what among them."""

    maps: Path
    environment: dict[str, str]


def read_job(arguments, environment, inputs):
    """
    The job that the arguments SCRIPT INPUT ARCHIVE mean; INPUT is a directory in `inputs`.
    @raises BadJob
    """
    if len(arguments) != 3:
        raise BadJob("three arguments are needed: build script, input directory, archive name")
    script, name, _ = arguments
    if script != SCRIPT:
        raise BadJob(f"unknown build script '{script}': this image has {SCRIPT}")
    if not _NAME.fullmatch(name):
        raise BadJob(f"'{name}' is no name of an input directory")
    directory = Path(inputs, name)
    if not directory.is_dir():
        raise BadJob(f"there is no input directory {directory}")
    return Job(directory, environment)

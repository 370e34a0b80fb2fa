"""
Takes a build's arguments, or waits for them, and writes its keymap into the working directory.

    python3 -m generator.job BOARD MAPS INPUTS SCRIPT INPUT ARCHIVE     # or --wait instead of the last three

INPUTS holds the inputs of builds: INPUT is a directory in there. BOARD and MAPS as in __main__.py.
"""

import re
import sys
from pathlib import Path

from toolchain.wait import job_arguments

from .__main__ import main as generate

SCRIPT = "demo.bash"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


def main(board, maps, inputs, *arguments):
    job = job_arguments(list(arguments))
    if len(job) != 3:
        sys.exit("error: three arguments are needed: build script, input directory, archive name")
    script, name, _ = job
    if script != SCRIPT:
        sys.exit(f"error: unknown build script '{script}': this image has {SCRIPT}")
    if not NAME.fullmatch(name):
        sys.exit(f"error: '{name}' is no name of an input directory")
    directory = Path(inputs, name)
    if not directory.is_dir():
        sys.exit(f"error: there is no input directory {directory}")
    return generate(board, maps, directory, Path.cwd())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

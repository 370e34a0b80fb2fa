"""What a build leaves for the server."""

import shutil
import tempfile
from pathlib import Path


def publish(files, directory):
    """
    Puts files into a directory: {name there: path}. Whoever looks sees each of them whole or not at all, in the order
    given: name the firmware last, and it is there only if all is. @raises OSError; then none was put there, or the first few
    """
    directory = Path(directory)
    # In the same file system: only there does a file change its name at one stroke.
    with tempfile.TemporaryDirectory(dir=directory, prefix=".partial.") as partial:
        copies = [(Path(partial) / str(number), directory / name) for number, name in enumerate(files)]
        for (copy, _), path in zip(copies, files.values(), strict=True):
            shutil.copyfile(path, copy)
        for copy, target in copies:
            target.parent.mkdir(parents=True, exist_ok=True)
            copy.replace(target)

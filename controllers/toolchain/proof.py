"""How an image proves itself: what two ways of building made of the same layout is compared byte for byte."""

import hashlib
from pathlib import Path


class NotTheSame(Exception):
    """The fast way does not give what the cold way gives."""


def digests(directory, names):
    """What a build made: {file name: SHA-256} of those of the named files that there are."""
    paths = {name: Path(directory) / name for name in names}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in paths.items() if path.is_file()}


def differences(one, other):
    """The names of the files that only one of two builds has, or that differ."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))

"""
Stands in for GitPython: kll asks it whether it runs from a checkout of its own. In the image it does not.
kll and its layouts package import network libraries on start that they use only where no HID layouts are at hand.
"""


class _NoRepository(Exception):
    pass


class exc:  # noqa: N801 (the name is GitPython's)
    InvalidGitRepositoryError = _NoRepository


class Repo:
    def __init__(self, path):
        raise _NoRepository(path)

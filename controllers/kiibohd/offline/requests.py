"""Stands in for requests, see git.py."""


def get(*_arguments, **_options):
    raise OSError("this image fetches nothing")

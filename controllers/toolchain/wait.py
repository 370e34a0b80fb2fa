"""
Waiting for a job: how a container that was started beforehand learns what to build.

It says `waiting` when it is prepared, then reads one line from standard input,
{"command": [arguments], "environment": {variables}}, and goes on as if it had been started with those.
"""

import json
import os
import sys

# Bytes of a job line. The server's are a few hundred.
LONGEST = 1 << 20


def job_arguments(arguments):
    """
    The arguments of a build: those given or, if that is `--wait` alone, those of the job that comes. To be called when all
    that can be prepared without a job is. The job's variables are in os.environ afterwards, and standard input is empty.
    Ends the process where no job comes.
    """
    if arguments != ["--wait"]:
        return arguments
    print("waiting", flush=True)
    line = sys.stdin.buffer.readline(LONGEST)
    if not line.endswith(b"\n"):
        sys.exit("error: standard input ended without a job")
    try:
        command, environment = read_job(line)
    except ValueError as problem:
        sys.exit(f"error: not a job: {problem}")
    os.environ.update(environment)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, sys.stdin.fileno())
    os.close(nothing)
    return command


def read_job(line):
    """Command and environment of a job line. @raises ValueError for whatever is none, UnicodeError and JSONDecodeError among it"""
    job = json.loads(line.decode())
    if not isinstance(job, dict) or job.keys() != {"command", "environment"}:
        raise ValueError("it is made of a command and an environment")
    command, environment = job["command"], job["environment"]
    if not isinstance(command, list) or not command or not all(map(is_text, command)):
        raise ValueError("its command is no list of texts")
    if not isinstance(environment, dict) or not all(map(is_text, environment.values())):
        raise ValueError("its environment does not give each variable a text")
    if not all(is_text(name) and name and "=" not in name for name in environment):
        raise ValueError("its environment has a name that cannot be")
    return command, environment


def is_text(value):
    """Whether it can be an argument of a process: NUL cannot, nor half of a surrogate pair."""
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)

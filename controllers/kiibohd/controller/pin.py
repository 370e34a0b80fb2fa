"""
Run once, while the image is built: makes kll and the controller's own build give the same in every place, on every day.

    python3 -m controller.pin REPOSITORY TAG KLL FACTS

REPOSITORY is a clone of the controller at TAG, KLL the directory kll is installed in, FACTS where the programs go that
answer the controller's questions about its release.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

# What firmware says of its origin does not depend on which mirror the sources came from.
_ORIGIN = "https://github.com/kiibohd/controller.git"

# Sets of Python have an order of their own, which enters the firmware; dictionaries keep the order of insertion.
_ORDERED = [
    (r"list\(set\((\w+)\)\)", r"list(dict.fromkeys(\1))"),
    (r"list\(set\((\w+)\) - set\((\w+)\)\)", r"[key for key in dict.fromkeys(\1) if key not in set(\2)]"),
]

# One release refuses every map that was written for an older KLL, as all published layouts are. The releases before it do
# not look, those after it only say so, as this one does then.
_REFUSAL = re.compile(r"^( +info\.show\(\)\n) +return False\n", re.MULTILINE)


def main(repository, tag, kll, facts):
    def git(*arguments):
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    date = git("show", "-s", "--format=%cI", "HEAD")
    _pin_kll(Path(kll), date.split("T", maxsplit=1)[0])
    answers = {
        "--version": "git version 2.39.5",
        "status -s -uno --porcelain": "",
        "diff-index --name-only HEAD --": "",
        "rev-parse --abbrev-ref HEAD": "HEAD",
        "for-each-ref refs/tags --sort=-taggerdate --format=%(refname:short) --count=1": tag,
        f"rev-list -n 1 {tag}": git("rev-parse", "HEAD"),
        "rev-list --count HEAD": git("rev-list", "--count", "HEAD"),
        f"rev-list --count {git('rev-parse', 'HEAD')}": git("rev-list", "--count", "HEAD"),
        "config --get remote.origin.url": _ORIGIN,
    }
    for format_ in ("%ci", '"%cn <%ce>"', "%H"):
        answers[f"show -s --format={format_}"] = git("show", "-s", f"--format={format_}")
    day = f"{date[:10]} {date[11:19]} {date[19:].replace(':', '')}"
    _write_program(Path(facts) / "git", answers)
    _write_program(Path(facts) / "date", {"+%Y-%m-%d %T %z": day})


def _pin_kll(kll, date):
    changed = 0
    for path in (kll / "common" / "expression.py", kll / "common" / "organization.py"):
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in _ORDERED:
            text, count = re.subn(pattern, replacement, text)
            changed += count
        path.write_text(text, encoding="utf-8")
    stage = kll / "common" / "stage.py"
    stage.write_text(_REFUSAL.sub(r"\1", stage.read_text(encoding="utf-8")), encoding="utf-8")
    emitter = kll / "emitters" / "kiibohd" / "kiibohd.py"
    text = emitter.read_text(encoding="utf-8")
    days = text.count("date.today()")
    emitter.write_text(text.replace("date.today()", repr(date)), encoding="utf-8")
    if changed != 5 or days != 1:
        raise SystemExit(f"kll is not as expected: {changed} sets of 5, {days} dates of 1")


def _write_program(path, answers):
    """A program that knows the answers to some questions, and no others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cases = [f"{shlex.quote(question)}) printf '%s\\n' {shlex.quote(answer)} ;;" for question, answer in answers.items()]
    lines = ["#!/bin/sh", 'case "$*" in', *cases, f'*) echo "{path.name}: no answer to: $*" >&2; exit 1 ;;', "esac", ""]
    path.write_text("\n".join(lines), encoding="utf-8")
    path.chmod(0o755)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What can be built: the board scripts of the controller, their variants, and the halves of split boards."""

from dataclasses import dataclass
from pathlib import Path

HOME = Path("/opt/kiibohd")
SOURCE = HOME / "source"
PREPARED = HOME / "prepared"

_SIZES = ("alphabet", "hacker", "standard")

# Board script -> the variants its `Layout` knows; the first one is meant when none is given.
VARIANTS = {
    "infinity.bash": _SIZES,
    "infinity_led.bash": _SIZES,
    "whitefox.bash": ("truefox", "aria", "iso", "jackofalltrades", "vanilla", "winkeyless"),
    "k-type.bash": (),
    "ergodox.bash": (),
    "kira.bash": (),
    "geminiduskdawn.bash": (),
}

# Board script -> half -> the script that builds it. Each half is a firmware of its own.
HALVES = {"ergodox.bash": {"left": "ergodox-l.bash", "right": "ergodox-r.bash"}}


class UnknownBoard(Exception):
    """A script or variant there is none of. Its message is for the person who asked."""


@dataclass(frozen=True)
class Target:
    """One firmware: a board script of the controller, one of its variants, and which half of a split board it is."""

    script: str
    variant: str
    half: str = ""

    @property
    def name(self):
        return "-".join(part for part in (self.script.removesuffix(".bash"), self.variant) if part)

    @property
    def prefix(self):
        """What the names of its outputs begin with."""
        return f"{self.half}_" if self.half else ""

    @property
    def prepared(self):
        return PREPARED / self.name


def targets_of(script, variant):
    """
    The firmwares a job asks for: one, or both halves.
    @raises UnknownBoard
    """
    if script == "icpad.bash":
        raise UnknownBoard("the ICPad cannot be built: parts of its firmware were never published")
    if script not in VARIANTS:
        raise UnknownBoard(f"unknown build script '{script}': there are {', '.join(sorted(VARIANTS))}")
    known = VARIANTS[script]
    if not known:
        variant = ""
    elif not variant:
        variant = known[0]
    elif variant not in known:
        raise UnknownBoard(f"unknown variant '{variant}' of {script}: there are {', '.join(sorted(known))}")
    if script not in HALVES:
        return [Target(script, variant)]
    return [Target(half_script, variant, half) for half, half_script in HALVES[script].items()]


def all_targets():
    """Every firmware of the boards this version has."""
    targets = []
    for script, variants in VARIANTS.items():
        if (SOURCE / "Keyboards" / script).is_file():
            for variant in variants or ("",):
                targets += targets_of(script, variant)
    return targets

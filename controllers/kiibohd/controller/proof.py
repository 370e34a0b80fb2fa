"""The layouts an image proves itself with."""

from pathlib import Path

from .job import Job
from .prepared import GENERATED

# What two builds must have in common.
COMPARED = (*GENERATED, "kll.json", "kiibohd.dfu.bin", "kiibohd.secure.dfu.bin")

_HEADER = """Name = "Proof";
Variant = "";
Layout = "Proof";
Base = "Proof";
Version = "0.1";
Author = "kiisrv";
KLL = "0.5c";
Date = "2020-01-01";
Generator = "kiisrv";

"""

_EDITED = """U"A" : U"B";
U"B" : U"A";
U"CAPSLOCK" : U"LCTRL";
U"F12" : CONS"MUTE";
U"ESC" : SYS"SLEEP";
U"TAB" : layerShift( 1 );
"""

_ANIMATION = """A[proof_wave] <= start, pfunc:interp;
A[proof_wave, 1] <= P[c:0%](255,0,10), P[c:100%](0,255,20);
A[proof_wave, 2] <= P[c:10%](255,0,10), P[c:90%](0,255,20);
"""

_UPPER = """U"1" : CONS"VOLUMEUP";
U"2" : flashMode();
U"3" : layerLock( 1 );
U"Q" : layerLatch( 1 );
"""

_VARIABLES = """MinDebounceTime = 9;
PressReleaseCache = 0;
U"C" : U"V";
"""


def proof_jobs(target, recipe, directory):
    """
    Jobs that differ in what layouts differ in: {name: Job}. Their maps are written into a directory.

    stock: the board's own layout. edited: two layers, keys, capabilities, an animation of its own where the board has
    lights. one layer: nothing but layer 0, other values of board variables.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    base = "infinity_ergodox/lcdFuncMap" if target.half else "stdFuncMap"
    lights = any("PixelMap" in unit["name"] for unit in recipe.units)
    layers = {
        "edited": [_EDITED + (_ANIMATION if lights else ""), _UPPER],
        "one-layer": [_VARIABLES],
    }
    default, partials = recipe.stock
    jobs = {"stock": Job(target.script, target.variant, default, tuple(partials), {})}
    for name, texts in layers.items():
        maps = {}
        for number, text in enumerate(texts):
            path = directory / f"{name}-{number}.kll"
            path.write_text(_HEADER + text, encoding="utf-8")
            maps[path.name] = path
        stems = [Path(file).stem for file in maps]
        jobs[name] = Job(target.script, target.variant, f"{base} {stems[0]}", tuple(stems[1:]), maps)
    return jobs

"""The layouts an image proves itself with. They differ in what layouts differ in: keys, how many layers, variables."""

from pathlib import Path

from .job import Job

_HEADER = 'Name = "Demo";\nLayout = "Proof";\n'

_EDITED = """U"A" : U"B";
U"RALT" : U"FUN1";
U"APP" : layerToggle( 2 );
U"RCTRL" : layerLatch( 1 );
U"CAPSLOCK" : None;
"""

_UPPER = 'U"A" : CONS"VOLUMEUP";\nU"S" : SYS"SLEEP";\n'

# Name -> text of each layer.
_LAYOUTS = {
    "stock": [""],
    "edited": [_EDITED, _UPPER, 'U"ESC" : U"P1";\n'],
    "slow": ['UartBaud = "9600";\nAuthor = "somebody";\n', _UPPER],
    "many-layers": [_EDITED, *[_UPPER] * 11],
}


def proof_jobs(directory):
    """The jobs: {name: Job}. Their maps are written into a directory."""
    return {name: _job(directory / name, texts) for name, texts in _LAYOUTS.items()}


def job_of_layers(directory, count):
    """A layout of so many layers and nothing else."""
    return _job(directory / f"{count}-layers", [""] * count)


def _job(directory, texts):
    directory.mkdir(parents=True)
    stems = [f"Demo-Proof-{number}" for number in range(len(texts))]
    for stem, text in zip(stems, texts, strict=True):
        Path(directory, f"{stem}.kll").write_text(_HEADER + text, encoding="utf-8")
    environment = {"DefaultMapOverride": f"stdFuncMap {stems[0]}", "PartialMapsExpandedOverride": ";".join(stems[1:])}
    return Job(directory, environment)

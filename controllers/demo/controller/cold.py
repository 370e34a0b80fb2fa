"""The classical way: every source is compiled, one after the other, with debug information."""

from toolchain.units import CompilerFailed, run

from .firmware import BuildFailed, link, units


def build(directory):
    """Makes kiibohd.elf in a build directory that the keymap was generated into. @raises BuildFailed"""
    objects = []
    for unit in units():
        print(f"compile: {unit.name}", flush=True)
        objects.append(unit.name.replace(".c", ".o"))
        try:
            run([*unit.command, "-g", f"-ffile-prefix-map={directory}=.", "-c", "-o", objects[-1]], directory)
        except CompilerFailed as failure:
            raise BuildFailed(str(failure)) from failure
    link(objects, directory)

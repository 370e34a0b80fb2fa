"""The last word: how the server learns that all outputs are there, without waiting for the container to end."""


def say_done(name):
    """To be called when the outputs of the build with this input directory are published: nothing that is said later counts."""
    print(f"kiisrv: done {name}", flush=True)

"""What the controller images of every family share: taking a job, compiling only what a keymap reaches, packing firmware."""

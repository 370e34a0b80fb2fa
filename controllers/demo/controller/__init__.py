"""The demo's firmware: how it is built, cold and fast, and the proof that both give the same."""

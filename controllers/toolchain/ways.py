"""Two ways to a firmware: the fast one, which leaves out what is ready, and the cold one, which needs nothing but sources."""

import os
import sys
import traceback


def build(fast, cold, verdict):
    """
    Builds the fast way, or the cold way if KIISRV_COLD is 1 or the fast one fails without a verdict on the layout.
    `verdict`: the exception that is one; it goes through. Gives what the way gives that led to the firmware.
    """
    if os.environ.get("KIISRV_COLD") != "1":
        try:
            return fast()
        except verdict:
            raise
        except Exception:
            sys.stdout.flush()
            traceback.print_exc()
            print("warning: the fast way failed, which it should not; going the long way", file=sys.stderr, flush=True)
    return cold()

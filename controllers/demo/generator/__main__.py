"""
Only generates, for a look at what comes of a layout: `generate` of generate.py with the environment of the process.

    python3 -m generator BOARD MAPS INPUT OUTPUT
"""

import os
import sys

from .complaints import BadMaps
from .generate import generate

if __name__ == "__main__":
    try:
        generate(*sys.argv[1:], os.environ)
    except BadMaps as problem:
        sys.exit(str(problem))

"""Runs moto's server until whoever started it is gone.

The starter holds the other end of stdin. When it ends, however it ends, the pipe closes and the emulator leaves too, so
that no test leaves one behind.
"""

import os
import sys
import threading

from moto.server import main


def leave_with_the_starter() -> None:
    sys.stdin.read()
    os._exit(0)


threading.Thread(target=leave_with_the_starter, daemon=True).start()
main(sys.argv[1:])

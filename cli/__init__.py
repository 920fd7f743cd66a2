"""The command line: click and rich; talks HTTP, starts the embedded services and the processes."""

import signal
import sys
from pathlib import Path

if Path(sys.argv[0]).name == "cardforge":
    # Until the command is loaded (a third of a second) Ctrl-C just ends it, without a traceback; `main` takes over.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

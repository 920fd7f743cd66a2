"""``python -m tests.fuzz TARGET --seconds 600``: damage files, guided by which code they reach, until one breaks it.

Broken is: any error but CardError, over 5 seconds for one file, memory that grows over a gigabyte.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

MAX_SECONDS = 5
MAX_RSS_MB = 1024
MAX_LENGTH = 64 * 1024  # bytes of a file; the large ones are in tests/cards/test_hostile.py


def main() -> None:
    """Read the command line and fuzz; the file that breaks the target is kept in a temporary folder."""
    try:
        import atheris
    except ImportError:
        sys.exit("atheris is missing: install it with `pip install atheris` (Linux or macOS, Python 3.11 to 3.13)")
    with atheris.instrument_imports(include=["cards", "zipfile", "json"]):
        from cards.errors import CardError
        from tests.fuzz.seeds import SEEDS, TARGETS

    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    arguments.add_argument("target", choices=sorted(TARGETS))
    arguments.add_argument("--seconds", type=int, default=60)
    options = arguments.parse_args()
    read = TARGETS[options.target]

    def try_once(content: bytes) -> None:
        try:
            read(content)
        except CardError as error:
            if not str(error):
                raise AssertionError("an error without a message") from error

    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[options.target]):
        (corpus / f"seed-{number}").write_bytes(seed)
    sys.stderr.write(f"files that break it go to {folder}\n")
    limits = {
        "artifact_prefix": f"{folder}/",
        "max_total_time": options.seconds,
        "timeout": MAX_SECONDS,
        "rss_limit_mb": MAX_RSS_MB,
        "max_len": MAX_LENGTH,
        "print_final_stats": 1,
    }
    atheris.Setup([sys.argv[0], *(f"-{name}={value}" for name, value in limits.items()), str(corpus)], try_once)
    atheris.Fuzz()  # ends the process: 0 when the time is over, else the error is printed


main()

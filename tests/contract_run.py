"""`make contract`: Schemathesis against real processes with the offline writer; `python -m tests.contract_run --help`.

Two runs: all routes but those that would take away the key that it asks with, then those.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cli.embedded import start_postgres, start_redis
from tests.engine import processes

ROOT = Path(__file__).parent.parent
UNSET = ("OPENROUTER_API_KEY", "LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL", "CORS_ORIGINS", "WEBHOOK_SECRET")
ENDING = ("keys_revoke", "keys_rotate")  # operations that may end the key in use


def main() -> None:
    """Start everything, run, stop everything; the exit code is that of the run that went worse."""
    parser = argparse.ArgumentParser(prog="python -m tests.contract_run", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="how long (default: 300)")
    parser.add_argument("--seed", help="of the run to repeat")
    asked, more = parser.parse_known_args()
    options = [*(["--seed", asked.seed] if asked.seed else []), *more]
    all_but = [word for name in ENDING for word in ("--exclude-operation-id", name)]
    only = ["--include-path-regex", "^/api/v2/keys"]
    with (
        tempfile.TemporaryDirectory(prefix="cf-", dir="/tmp", ignore_cleanup_errors=True) as folder,
        stack(Path(folder)) as (url, key),
    ):
        worst = [
            run(url, key(), asked.seconds, [*all_but, *options]),
            run(url, key(), max(20, asked.seconds // 10), [*only, *options]),
        ]
    sys.exit(max(worst))


@contextmanager
def stack(folder: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Run services, workers, beat and web; yields the URL and a function that makes an admin key."""
    postgres, redis = start_postgres(folder), start_redis(folder)
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    env |= {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url, "CARDFORGE_HOME": str(folder)}
    env |= {f"RATE_LIMIT_{kind}": "off" for kind in ("CREATE", "EDIT", "READ", "GUESS")}
    env |= {"UPKEEP_SECONDS": "2"}

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "migrations", *words], env=env, cwd=ROOT, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    try:
        command()
        with (
            processes.worker("generation", processes.GENERATION, env, folder),
            processes.worker("export", processes.EXPORT, env, folder),
            processes.beat(env, folder),
            processes.web(env, folder) as url,
        ):
            yield url, lambda: command("new-key")
            if traces := (folder / "web.log").read_text().count("request_crashed"):
                print(f"{traces} requests crashed")  # noqa: T201 - a command
    finally:
        if keep := os.environ.get("CONTRACT_LOGS"):
            for log in folder.glob("*.log"):
                Path(keep, log.name).write_bytes(log.read_bytes())
        redis.stop()
        postgres.stop()


def run(url: str, key: str, seconds: int, options: list[str]) -> int:
    """Run Schemathesis, all its phases, for a time; returns its exit code."""
    config = ["--config-file", str(ROOT / "tests" / "schemathesis.toml")]
    st = os.environ.get("SCHEMATHESIS") or str(Path(sys.executable).parent / "st")
    words = [st, *config, "run", f"{url}/api/v2/openapi.json", "-H", f"Authorization: Bearer {key}"]
    return subprocess.run(
        [*words, "--max-time", str(seconds), "--continue-on-failure", *options], check=False
    ).returncode


if __name__ == "__main__":
    main()

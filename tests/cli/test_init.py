"""`cardforge init`, by options and as a person answers it; and the files that settings are read from."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from cli import config
from cli.connect import running_url
from cli.ends import Refused
from tests.cli.test_commands import Run, api, run
from tests.client.server import Script, say, scripted

__all__ = ["api", "run"]
ROOT = Path(__file__).parents[2]
SECRET = "sk-very-secret"


@pytest.fixture
def models() -> Iterator[Script]:
    """A model server with two models, that takes one key."""
    with scripted() as server:
        server["GET /v1/models"] = say({"data": [{"id": "big-writer"}, {"id": "small-writer"}]})
        server["POST /v1/chat/completions"] = say({"choices": [{"message": {"content": "OK."}}]})
        yield server


@pytest.fixture
def here(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, no key in the environment."""
    for name in config.NAMES - {"CARDFORGE_HOME"}:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n")
    return path


def test_every_setting_of_the_example_can_stand_in_a_file() -> None:
    example = re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert set(example) - config.NAMES == {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}  # those of docker compose
    assert set(example) >= config.NAMES


def test_every_answer_can_be_given_as_an_option(
    models: Script, run: Run, here: Path, key_file: Path, tmp_path: Path
) -> None:
    words = ("--writer", "other", "--base-url", models.url, "--model", "big-writer", "--port", "8123")
    result = run("init", *words, "--model-key-file", key_file, "--json")
    assert result.exit_code == 0, result.output
    path = tmp_path / "home" / "settings.env"
    assert json.loads(result.stdout)["file"] == str(path)
    assert SECRET not in result.output
    assert config.read(path) == {
        "PORT": "8123",
        "CARDFORGE_URL": "http://127.0.0.1:8123",
        "LLM_BASE_URL": f"{models.url}/v1",
        "LLM_API_KEY": SECRET,
        "LLM_MODEL": "big-writer",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    assert models.requests[-1].headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("status", "said"), [(401, "does not take the key"), (402, "wants to be paid"), (503, "in trouble")]
)
def test_what_does_not_work_is_told_and_not_kept(
    models: Script, run: Run, here: Path, tmp_path: Path, key_file: Path, status: int, said: str
) -> None:
    models["POST /v1/chat/completions"] = say({"error": {"message": "No."}}, status)
    words = ("--writer", "other", "--base-url", models.url, "--model", "big-writer", "--model-key-file", key_file)
    result = run("init", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
    assert not (tmp_path / "home" / "settings.env").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--writer", "openrouter"), "OPENROUTER_API_KEY"),
        (("--writer", "other"), "--base-url"),
        (("--base-url", "htp://x", "--model", "m"), "LLM_BASE_URL must be"),
        (("--server", "http://127.0.0.1:9"), "CARDFORGE_API_KEY"),
        (("--writer", "openai", "--model-key-file", "/nowhere"), "/nowhere"),
        (("--writer", "openai", "--model-key-file", "-"), "There is no key in standard input"),
    ],
)
def test_an_answer_that_is_missing_or_cannot_be_used_is_named(
    run: Run, here: Path, words: tuple[str, ...], said: str
) -> None:
    result = run("init", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_a_server_elsewhere_is_tried_with_its_key(api: Script, run: Run, here: Path, key_file: Path) -> None:
    api["GET /api/v2/user/usage/current-month"] = say({"usage": {}, "pricing": {}})
    api["GET /health/ready"] = say({"status": "ok", "failing": [], "parts": {}, "provider": "big-writer"})
    result = run("init", "--server", api.url, "--api-key-file", key_file, "--to", "env")
    assert result.exit_code == 0, result.output
    assert config.read(here / ".env") == {"CARDFORGE_URL": api.url, "CARDFORGE_API_KEY": SECRET}
    api["GET /api/v2/jobs"] = say({"jobs": [], "next_cursor": None})
    assert run("jobs", "list").exit_code == 0  # by what was kept
    assert api.requests[-1].headers["authorization"] == f"Bearer {SECRET}"
    assert "CARDFORGE_API_KEY" not in os.environ


def test_a_key_that_the_server_refuses_is_not_kept(api: Script, run: Run, here: Path, key_file: Path) -> None:
    api["GET /api/v2/user/usage/current-month"] = say({"error": "UNAUTHENTICATED", "message": "No such key."}, 401)
    result = run("init", "--server", api.url, "--api-key-file", key_file, "--to", "env")
    assert (result.exit_code, (here / ".env").exists()) == (4, False)


def test_who_comes_back_from_a_server_elsewhere_talks_to_none(run: Run, here: Path) -> None:
    (here / ".env").write_text("CARDFORGE_URL=https://x.example\nCARDFORGE_API_KEY=cf_x\n")
    assert run("init", "--server", "here", "--yes", "--to", "env").exit_code == 0
    assert config.read(here / ".env") == {}


def test_what_the_environment_overrules_is_told(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".env").write_text("LLM_MODEL=of-the-file\n")
    monkeypatch.setenv("OPENROUTER_API_KEY", SECRET)
    result = run("init", "--writer", "offline", "--to", "env", "--yes")
    assert "goes before this file: OPENROUTER_API_KEY\n" in result.stdout


def test_other_lines_of_the_file_stay(run: Run, here: Path) -> None:
    (here / ".env").write_text("# mine\nOTHER=1\nLLM_MODEL='old'\nLLM_BASE_URL=http://x/v1\nPORT=8001\n")
    assert run("init", "--writer", "offline", "--to", "env").exit_code == 0
    assert (here / ".env").read_text() == "# mine\nOTHER=1\nPORT=8001\n"


def test_a_person_is_led_through_and_no_key_is_shown(models: Script, here: Path, tmp_path: Path) -> None:
    answers = [
        ("Which [1]:", "1"),  # here
        ("Which", "6"),  # any other server
        ("Its address", models.url),
        ("Its key", SECRET),
        ("Model", "writer"),  # two have that in their names
        ("Model", "small"),
    ]
    told = converse(["init"], answers, here, tmp_path / "home")
    assert SECRET not in told
    assert "big-writer" in told
    assert "ok: small-writer at" in told
    assert "cardforge up" in told
    assert config.read(tmp_path / "home" / "settings.env")["LLM_MODEL"] == "small-writer"


def test_an_empty_key_is_told_how_to_get_one_and_is_asked_for_again(models: Script, here: Path, tmp_path: Path) -> None:
    answers = [
        ("Which [1]:", "1"),  # here
        ("Its key", ""),
        ("write for now?", "n"),
        ("Its key", SECRET),
        ("Model", "big-writer"),
    ]
    words = ["init", "--writer", "openrouter", "--base-url", models.url]
    told = converse(words, answers, here, tmp_path / "home")
    assert "made at https://openrouter.ai/keys (Ctrl-C leaves, and nothing is kept)" in told
    assert config.read(tmp_path / "home" / "settings.env")["LLM_API_KEY"] == SECRET


def test_who_has_no_key_yet_starts_with_the_offline_writer(here: Path, tmp_path: Path) -> None:
    answers = [("Which [1]:", "1"), ("Which", "OpenRouter"), ("Its key", ""), ("write for now?", "y")]
    told = converse(["init"], answers, here, tmp_path / "home")
    assert "the offline writer writes" in told
    assert config.read(tmp_path / "home" / "settings.env") == {}


def test_an_empty_key_for_a_server_elsewhere_is_asked_for_again(api: Script, here: Path, tmp_path: Path) -> None:
    api["GET /api/v2/user/usage/current-month"] = say({"usage": {}, "pricing": {}})
    api["GET /health/ready"] = say({"status": "ok", "failing": [], "parts": {}, "provider": "big-writer"})
    answers = [("Your API key", ""), ("Your API key", SECRET)]
    told = converse(["init", "--server", api.url], answers, here, tmp_path / "home")
    assert "cardforge keys create NAME" in told
    assert config.read(tmp_path / "home" / "settings.env")["CARDFORGE_API_KEY"] == SECRET


@pytest.mark.parametrize(
    ("answers", "model"),
    [
        ([("Model", "writer"), ("Model", "writer"), ("all the same?", "y")], "writer"),  # a part of two that are listed
        ([("Model", "tiny:2b"), ("all the same?", "y")], "tiny:2b"),
        ([("Model", "tiny-writer"), ("all the same?", "y")], "tiny-writer"),
        ([("Model", "BIG-Writer")], "big-writer"),
    ],
)
def test_a_model_is_taken_as_it_is_typed(
    models: Script, here: Path, tmp_path: Path, answers: list[tuple[str, str]], model: str
) -> None:
    begin = [("Which [1]:", "1"), ("Which", "other"), ("Its address", models.url), ("Its key", "")]
    told = converse(["init"], [*begin, *answers], here, tmp_path / "home")
    assert f"ok: {model} at" in told
    assert config.read(tmp_path / "home" / "settings.env")["LLM_MODEL"] == model


def test_a_model_that_the_server_does_not_take_is_told_with_those_like_it(models: Script, run: Run, here: Path) -> None:
    models["POST /v1/chat/completions"] = say({"error": {"message": "The model does not exist."}}, 404)
    result = run("init", "--base-url", models.url, "--model", "tiny-writer")
    assert result.exit_code == 2
    assert "has no model tiny-writer. Set LLM_MODEL to one that it has, such as" in result.stderr
    assert "big-writer" in result.stderr


def converse(
    words: list[str],
    answers: Sequence[tuple[str, str]],
    folder: Path,
    home: Path,
    more: Mapping[str, str] = MappingProxyType({}),
    code: int = 0,
) -> str:
    """Run a command on a terminal; give each answer when its question has come. Returns all that was shown."""
    ours, theirs = pty.openpty()
    env = {"PATH": os.environ["PATH"], "CARDFORGE_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "xterm", **more}
    command = [sys.executable, "-m", "cli.main", *words]
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    told, left, seen = "", list(answers), 0
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if left and (at := told.find(left[0][0], seen)) >= 0:
                seen = at + len(left[0][0])
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    told += os.read(ours, 4096).decode()
                except OSError:  # the other end is closed
                    break
        assert process.wait(10) == code, told
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return told


# --- files of settings --------------------------------------------------------------------------------------------


def test_the_environment_goes_before_the_folder_and_that_before_the_home(here: Path, tmp_path: Path) -> None:
    (here / ".env").write_text('PORT=8001\nLLM_MODEL="of the folder"\nPATH=/evil\nLD_PRELOAD=x\n')
    (tmp_path / "home" / "settings.env").write_text("PORT=8002\nLLM_MODEL=home\nFLOWER_PORT=5556\n")
    env = {"CARDFORGE_HOME": str(tmp_path / "home"), "PORT": "8000"}
    assert config.apply(env) == ["FLOWER_PORT", "LLM_MODEL"]
    assert (env["PORT"], env["LLM_MODEL"], env["FLOWER_PORT"]) == ("8000", "of the folder", "5556")


def test_the_folder_can_say_where_the_home_is(here: Path, tmp_path: Path) -> None:
    (here / ".env").write_text(f"CARDFORGE_HOME={tmp_path}/home\n")
    (tmp_path / "home" / "settings.env").write_text("PORT=8002\n")
    env: dict[str, str] = {}
    config.apply(env)
    assert env["PORT"] == "8002"


EVIL = "CARDFORGE_URL=https://evil.example\nLLM_BASE_URL=https://evil.example/v1\n"


@pytest.mark.parametrize("file", [".env", ".cardforge/settings.env"])
@pytest.mark.parametrize("decoy", ["", "CARDFORGE_API_KEY=x\nLLM_API_KEY=x\n"])
@pytest.mark.parametrize("key", ["CARDFORGE_API_KEY", "LLM_API_KEY"])
def test_a_folder_cannot_say_where_keys_of_the_environment_are_sent(
    here: Path, file: str, decoy: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".cardforge").mkdir()
    (here / file).write_text(EVIL + decoy)
    env = {key: "mine"}
    config.apply(env)
    address = {"CARDFORGE_API_KEY": "CARDFORGE_URL", "LLM_API_KEY": "LLM_BASE_URL"}[key]
    assert address not in env
    assert f"{Path(file).name}: {address} is left out" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "text"), [("api-key", "cf_mine"), ("settings.env", "CARDFORGE_API_KEY=cf_mine\n")])
def test_a_folder_cannot_say_where_keys_of_a_home_are_sent(here: Path, tmp_path: Path, name: str, text: str) -> None:
    (here / ".env").write_text(EVIL)
    (tmp_path / "home" / "api-key").unlink()
    (tmp_path / "home" / name).write_text(text)
    env = {"CARDFORGE_HOME": str(tmp_path / "home")}
    config.apply(env)
    assert "CARDFORGE_URL" not in env


@pytest.mark.parametrize(
    "text",
    ["CARDFORGE_URL=https://ours.example\nCARDFORGE_API_KEY=cf_ours\n", "CARDFORGE_URL=http://127.0.0.1:8123\n"],
)
def test_an_address_with_its_key_or_of_this_machine_is_taken(
    here: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".env").write_text(text)
    env = {"CARDFORGE_HOME": str(tmp_path / "home")}
    config.apply(env)
    assert (env["CARDFORGE_URL"] in text, capsys.readouterr().err) == (True, "")


def test_an_up_that_claims_to_run_elsewhere_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for url, believed in (("https://evil.example", False), ("http://127.0.0.1:8123", True)):
        (tmp_path / "run" / "up.json").write_text(json.dumps({"url": url}))
        assert (running_url(tmp_path) == url) is believed


def test_values_survive_being_written_and_read(tmp_path: Path) -> None:
    path, value = tmp_path / "s.env", 'the "so" # $HOME \\n `x`'
    config.write(path, {"LLM_MODEL": value, "PORT": None})
    assert config.read(path) == {"LLM_MODEL": value}
    words = ["sh", "-c", f'. {path}; printf %s "$LLM_MODEL"']
    assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == value
    with pytest.raises(Refused, match="LLM_MODEL"):
        config.write(path, {"LLM_MODEL": "it's"})


def test_the_address_of_the_up_that_runs_here_is_found(api: Script, run: Run, here: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "run").mkdir()
    (tmp_path / "home" / "run" / "up.json").write_text(json.dumps({"pid": 1, "command": "up", "url": api.url}))
    api["GET /api/v2/jobs"] = say({"jobs": [], "next_cursor": None})
    assert run("jobs", "list").exit_code == 0

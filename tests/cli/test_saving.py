"""Sources in, files out: what may be read, and under which names things are saved."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from cli import demo, saving, show
from cli.sources import SourceError, read_source


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not a text file"),
        ("Straße".encode("latin-1"), "is not UTF-8 text (byte 4)"),
        ("name".encode("utf-16"), "is not a text file"),
    ],
)
def test_an_unusable_source_is_named_with_the_reason(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(SourceError) as raised:
        read_source(path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)


def test_a_missing_source_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        read_source(tmp_path / "none.txt")
    with pytest.raises(SourceError, match="Is a directory"):
        read_source(tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes("\ufeffÄnne, 守り人".encode())
    assert read_source(path) == "Änne, 守り人"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    marks = ("item_7", "v2")
    for expected in ("a.json", "a_item_7.json", "a_item_7_v2.json", "a_item_7_v2_2.json", "a_item_7_v2_3.json"):
        path = saving.place(tmp_path, "a.json", marks, expected.encode(), ())
        assert path.name == expected
        path.write_text(expected)


def test_the_ending_that_says_the_format_stays_the_ending(tmp_path: Path) -> None:
    (tmp_path / "Dr. Who.v2.json").touch()
    assert saving.place(tmp_path, "Dr. Who.v2.json", ("item_7", "v2"), b"x", ()).name == "Dr. Who_item_7.v2.json"
    assert saving.kinds(["Dr. Who.v2.json", "Dr. Who.json", "Dr. Who.png"]) in {".v2.json .json .png", "3 files"}


def test_a_file_saved_before_is_not_saved_again(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("same")
    assert saving.place(tmp_path, "a.json", ("item_1", "v2"), b"same", ()).name == "a.json"
    taken = {tmp_path / "a.json"}
    assert saving.place(tmp_path, "a.json", ("item_1", "v2"), b"same", taken).name == "a_item_1.json"


def test_the_demo_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    for name in ("mine.json", "theirs.json"):
        (tmp_path / name).touch()
    demo.remember(tmp_path, [saving.Outcome("item_1", "a", "completed", files=[tmp_path / "mine.json"])])
    demo.forget_last(tmp_path)
    assert [path.name for path in tmp_path.glob("*.json") if not path.name.startswith(".")] == ["theirs.json"]


def test_the_demo_takes_every_sample_but_the_readme(tmp_path: Path) -> None:
    for name in ("a.md", "b.txt", "README.md", "c.png"):
        (tmp_path / name).touch()
    assert [path.name for path in demo.examples(tmp_path)] == ["a.md", "b.txt"]


def test_a_long_batch_shows_its_failures(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [saving.Outcome(f"item_{n}", f"{n}.md", "completed", f"Name {n}", 3) for n in range(1, 300)]
    outcomes.append(saving.Outcome("item_300", "300.md", "failed", error="BROKEN: why"))
    saving.print_outcomes(outcomes)
    out = capsys.readouterr().out
    assert "BROKEN: why" in out
    assert out.endswith("... and 200 more\n")


@pytest.mark.parametrize("width", [30, 50, 72, 120])
def test_no_id_is_cut_on_a_narrow_terminal(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, no_color=True, width=width)
    monkeypatch.setattr(show, "console", lambda: screen)
    job = f"job_{'0' * 32}"
    show.table(("job", "status", "age", "card or error"), [(job, "completed", "2 min", "Mara Voss " * 9)], cut=True)
    assert f"{job}  completed  2 min  Mara" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_what_cards_say_cannot_steer_the_terminal() -> None:
    assert show.clean("a\x1b[2Jb\n c\u202ed\x9b1m") == "a[2Jb cd1m"


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (59.9, "59 s"), (125, "2:05"), (3725, "1:02:05")])
def test_time_is_short_and_readable(seconds: float, said: str) -> None:
    assert show.duration(seconds) == said


@pytest.mark.parametrize(("dollars", "said"), [(0, "$0.00"), (0.00123, "$0.0012"), (1234.5, "$1,234.50")])
def test_money_shows_what_matters(dollars: float, said: str) -> None:
    assert show.money(dollars) == said


def test_the_rate_is_of_what_we_saw_happen() -> None:
    counts = show.Counts(began=show.time.monotonic() - 10)
    progress = {"total": 200, "failed": 0, "cancelled": 0, "processing": 0}
    counts.update({"progress": {**progress, "completed": 100}, "cost_usd": 0})
    assert "/s" not in counts.words()
    counts.update({"progress": {**progress, "completed": 150}, "cost_usd": 1.5})
    assert counts.words() == "150/200 done, 5.0/s, 10 s, 10 s left, $1.50"
    counts.update({"progress": {**progress, "completed": 101}, "cost_usd": 1.5})
    assert counts.words() == "101/200 done, 6/min, 10 s, 16:30 left, $1.50"
    counts.update({"progress": {**progress, "completed": 200}, "cost_usd": 1.5})
    assert counts.words() == "200/200 done, 10.0/s, 10 s, $1.50"


def test_an_age_is_told_in_one_unit() -> None:
    now = datetime(2026, 11, 25, 12, tzinfo=UTC)
    told = [show.age(text, now) for text in ("2026-11-25T11:59:20Z", "2026-11-25T11:00:01Z", "2026-11-24T11:00:00Z")]
    assert told == ["40 s", "59 min", "1 d"]
    assert show.age("2026-11-25T12:00:09Z", now) == "0 s"  # their clock may be ahead of ours


@pytest.mark.parametrize("width", [80, 100])
def test_an_id_is_never_broken(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console(file=sys.stdout, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(show, "console", lambda: screen)
    ids = [f"job_{n:032x}" for n in range(3)]
    rows = [(each, "completed", "5 min", "WORDS: " + "and so on " * 20) for each in ids]
    show.table(("job", "status", "age", "error"), rows, cut=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["job", *ids]
    assert max(map(len, lines)) <= width

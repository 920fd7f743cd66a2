"""Downloads: streamed, whole or not at all, under safe names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardforge_client import Cardforge, Unreachable
from cardforge_client.files import NAME_LIMIT, file_name, safe_name
from tests.client.server import Answer, Script

PNG = "GET /api/v2/jobs/job_1/download/tavernai"


def file(content: bytes, name: str = "Mara.png", cut: int = 0) -> Answer:
    return Answer(200, {"Content-Disposition": f'attachment; filename="{name}"'}, content, cut)


def test_a_file_is_saved_under_the_servers_name(forge: Cardforge, script: Script, tmp_path: Path) -> None:
    script[PNG] = file(b"PNG", "../../Mara.png")
    path = forge.jobs.download("job_1", "tavernai").save(tmp_path)
    assert (path, path.read_bytes()) == (tmp_path / "Mara.png", b"PNG")
    assert [each.name for each in tmp_path.iterdir()] == ["Mara.png"]


def test_a_file_is_saved_under_a_name_of_ones_own(forge: Cardforge, script: Script, tmp_path: Path) -> None:
    script[PNG] = file(b"PNG")
    assert forge.jobs.download("job_1", "tavernai").save(tmp_path / "mine.png").read_bytes() == b"PNG"


def test_a_file_that_breaks_off_is_fetched_again(forge: Cardforge, script: Script, tmp_path: Path) -> None:
    script[PNG] = [file(b"half", cut=9), file(b"whole")]
    assert forge.jobs.download("job_1", "tavernai").save(tmp_path).read_bytes() == b"whole"


def test_half_a_file_is_none(forge: Cardforge, script: Script, tmp_path: Path) -> None:
    (tmp_path / "Mara.png").write_bytes(b"old")
    script[PNG] = file(b"half", cut=9)
    with pytest.raises(Unreachable):
        forge.jobs.download("job_1", "tavernai").save(tmp_path)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"Mara.png": b"old"}


def test_nothing_is_overwritten_where_that_was_said(forge: Cardforge, script: Script, tmp_path: Path) -> None:
    (tmp_path / "Mara.png").write_bytes(b"old")
    script[PNG] = file(b"new")
    with pytest.raises(FileExistsError):
        forge.jobs.download("job_1", "tavernai").save(tmp_path, overwrite=False)
    assert (tmp_path / "Mara.png").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="Sir Galahad.png"', "Sir Galahad.png"),
        ("attachment; filename=plain.json", "plain.json"),
        (
            "attachment; filename=\"_.png\"; filename*=UTF-8''Capitana%20Lluvia%20%C3%B1.png",
            "Capitana Lluvia ñ.png",
        ),
        ("attachment; filename*=utf-8'en'%E5%AE%88.json", "守.json"),
        ('attachment; filename="a;b.json"', "a;b.json"),
        (r'attachment; filename="say \"hi\".json"', "say _hi_.json"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        (r'attachment; filename="C:\\windows\\x.png"', "x.png"),
        ("attachment; filename*=UTF-8''..%2F..%2F.bashrc", "bashrc"),
        ("attachment; filename*=UTF-8''a%00b%1B%5B31m.png", "ab[31m.png"),
        ('attachment; filename="CON.json"', "CON_.json"),
        ('attachment; filename=".."', "item_1.json"),
        ("attachment; filename*=klingon''%41.png", "item_1.json"),
        ("attachment", "item_1.json"),
        ("", "item_1.json"),
    ],
)
def test_the_servers_file_name_is_taken_but_made_safe(header: str, name: str) -> None:
    assert file_name(header, "item_1.json") == name


def test_a_long_name_keeps_its_extension() -> None:
    name = safe_name("守" * 200 + ".png")
    assert name.endswith("守.png")
    assert len(name.encode()) <= NAME_LIMIT

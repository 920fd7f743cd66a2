"""What the API says names commands and flags, where there are such."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli import spoken
from providers import base as faults
from schemas.characters import ELSEWHERE
from schemas.options import OptionsSchema
from tests.cli.test_commands import Run, api, run
from tests.client.server import Script, say

__all__ = ["api", "run"]
GENERATE, BATCHES = "POST /api/v2/generation/generate", "POST /api/v2/batch-generations"
CLONE = "/api/v2/profiles/profile_noir/clone"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (OptionsSchema.catalogue, "`cardforge options` lists them all."),
        ("GET /api/v2/models lists them.", "`cardforge models` lists them."),
        ("There is no profile 'x' here. GET /api/v2/profiles lists them.", "`cardforge profiles list` lists them."),
        ("GET /api/v2/profiles/profile_default shows them all.", "`cardforge profiles show profile_default` shows"),
        (f"stays as it is: POST {CLONE}, and edit", "`cardforge profiles clone profile_noir NAME`, and edit"),
        (CLONE, "`cardforge profiles clone profile_noir NAME`"),
        (
            "in any: GET /api/v2/characters/{character_id}/download/{format}.",
            "in any: `cardforge characters download CHARACTER_ID --format FORMAT`.",
        ),
        (ELSEWHERE["favorite"], "Use `cardforge characters favorite ID`."),
        (ELSEWHERE["archived"], "Use `cardforge characters archive ID`."),
        (faults.RateLimited.remedy, "or lower --max-concurrent."),
        (faults.Truncated.remedy, "Raise --max-tokens, or"),
        (faults.NoSuchModel.remedy, "or set --fallback-models."),
        (faults.NotServed.remedy, "(--provider-order, --data-collection)"),
        ("stop before the job's max_cost_usd of 0.1", "the job's --max-cost-usd of 0.1"),
        ("stop before the batch's max_cost_usd of 0.1", "the batch's --max-cost of 0.1"),
        ("least_score is 80: retry it with fresh, or lower least_score.", "--least-score is 80: retry it with --fresh"),
        ("An earlier item failed and continue_on_error is false.", "failed and --stop-on-error was given."),
    ],
)
def test_addresses_and_fields_are_told_as_commands_and_flags(said: str, told: str) -> None:
    assert told in spoken.text(said, spoken.of_work())


@pytest.mark.parametrize(
    "said",
    [
        "The card still breaks rule C3 in system_prompt (too long) after 2 repairs.",  # a field of the card
        "There is no profile 'max_tokens' here.",
        'It said: {"max_tokens": 5}, and ask http://example.com/api/v2/profiles/x/clone for more.',
        "The picture is set with PUT /characters/{id}/portrait.",  # there is no command for it
        "See /api/v2/profiles/profile_1/versions/3.",
    ],
)
def test_all_else_stays_as_it_was_said(said: str) -> None:
    assert spoken.text(said, spoken.of_work()) == said


def refused(details: dict[str, str]) -> Any:
    path, words = next(iter(details.items()))
    more = f" ({len(details) - 1} more in details)" if len(details) > 1 else ""
    lists = {path: [words] for path, words in details.items()}
    return say({"error": "VALIDATION_ERROR", "message": f"{path}: {words}{more}", "details": lists}, 422)


def test_fields_of_a_generation_are_told_as_its_flags(api: Script, run: Run) -> None:
    api[GENERATE] = refused(
        {
            "options.max_tokens": "Does not fit into context_tokens, 4: lower it.",
            "profile_id": "There is none.",
            "options.avoid.1": "Too long.",
            "options.unheard_of": "Unknown field.",
            "character_card": "No card.",
        }
    )
    result = run("generate", "--text", "A keeper of lamps.", "--no-wait")
    assert result.stderr.splitlines() == [
        "cardforge: VALIDATION_ERROR: --max-tokens: Does not fit into --context-tokens, 4: lower it.",
        "  --profile: There is none.",
        "  --avoid: Too long.",
        "  options.unheard_of: Unknown field.",
        "  --card: No card.",
    ]


def test_fields_of_a_batch_are_told_by_item_and_the_budgets_apart(api: Script, run: Run, tmp_path: Path) -> None:
    (tmp_path / "mara.md").write_text("Mara keeps the lamp.")
    details = {f"generations.{n}.options.max_cost_usd": "At least 0.000001." for n in range(3)}
    api[BATCHES] = refused({**details, "batch_options.max_cost_usd": "At most 1000000."})
    result = run("batch", "submit", "mara.md", "--no-wait")
    assert result.stderr.splitlines() == [
        "cardforge: VALIDATION_ERROR: generations.0 --max-cost-usd: At least 0.000001.",
        "  the same of 2 more, generations.2 --max-cost-usd the last",
        "  --max-cost: At most 1000000.",
    ]


def test_a_field_without_a_flag_of_this_command_keeps_its_name(api: Script, run: Run) -> None:
    api["GET /api/v2/profiles/profile_1"] = say({"id": "profile_1", "version": 1})
    api["PATCH /api/v2/profiles/profile_1"] = refused(
        {"config.max_tokens": "Does not fit into context_tokens.", "name": "There is a profile of this name."}
    )
    result = run("profiles", "edit", "profile_1", "--name", "Bog")
    assert "config.max_tokens: Does not fit into context_tokens." in result.stderr
    assert "  --name: There is a profile of this name." in result.stderr


def test_why_a_job_failed_is_told_with_flags_that_its_retry_takes(api: Script, run: Run) -> None:
    job = {"job_id": "job_1", "status": "failed", "created_at": "2026-01-01T00:00:00Z"}
    job |= {"error": {"code": "OUTPUT_TRUNCATED", "message": f"Cut off. {faults.Truncated.remedy}"}}  # type: ignore[dict-item]
    api["GET /api/v2/jobs"] = say({"jobs": [job], "next_cursor": None})
    assert "Raise --max-tokens" in run("jobs", "list").stdout
    api["GET /api/v2/options"] = say({"options": [{"name": "variants", "type": "integer"}]})
    api["POST /api/v2/jobs/job_1/retry"] = say({"job_id": "job_2"}, 202)
    result = run("jobs", "retry", "job_1", "--max-tokens", "4000", "-o", "variants=2")
    assert result.exit_code == 0, result.output
    assert api.requests[-1].json["options"] == {"max_tokens": 4000, "variants": 2}


def test_a_log_names_the_flags_that_its_error_names(api: Script, run: Run) -> None:
    line = {"at": "2026-01-01T00:00:00Z", "level": "error", "message": "max_calls is 1: raise it, or ask for less."}
    api["GET /api/v2/jobs/job_1/logs"] = say({"logs": [line], "next_after": 1})
    assert "--max-calls is 1: raise it" in run("jobs", "logs", "job_1").stdout

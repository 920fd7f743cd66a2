"""Every option of the catalogue does something: each is tried, and seen to change what is asked or made."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.services import profiles
from schemas.generations import CharacterCardSchema
from schemas.options import OPTIONS, OptionsSchema
from tests.model_server import CARD, Say
from tests.writing import novel
from tests.writing.conftest import Made, Studio, purpose_of

SOURCE = (
    "Ondine Marsh keeps the lighthouse on Gull Rock. She is patient and dry, and her left hand is burnt. Gull Rock is "
    "an island. Bram Tolliver brings the mail to Gull Rock, and Bram Tolliver drinks. The Tarred Ship is his tavern."
)
Probe = Callable[[Studio, Mapping[str, Any]], Any]


def told(studio: Studio, options: Mapping[str, Any]) -> str:
    """All that the server is told, of all questions."""
    studio.make(SOURCE, steps=2, **{"on_errors": "deliver", "repairs": 0, **options})
    return json.dumps([body["messages"] for body in studio.asked], ensure_ascii=False)


def bodies(studio: Studio, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    studio.make(SOURCE, **{"on_errors": "deliver", "repairs": 0, **options})
    return studio.asked


def made(studio: Studio, options: Mapping[str, Any], steps: int = 1) -> Made:
    return studio.make(SOURCE, steps=steps, **{"on_errors": "deliver", "repairs": 0, **options})


def in_prompts(*words: str) -> Probe:
    return lambda studio, options: all(word in told(studio, options) for word in words)


def in_body(name: str) -> Probe:
    """The values that the server gets under a name."""
    return lambda studio, options: [body.get(name) for body in bodies(studio, options)]


def in_card(name: str) -> Probe:
    return lambda studio, options: getattr(made(studio, options).card, name)


def in_book(name: str) -> Probe:
    def probe(studio: Studio, options: Mapping[str, Any]) -> Any:
        card = made(studio, options, steps=2).card
        return card and card.book and getattr(card.book, name)

    return probe


def asked_for(studio: Studio, options: Mapping[str, Any]) -> list[str]:
    """The properties that are asked for, of all questions."""
    shapes = [body["response_format"]["json_schema"]["schema"] for body in bodies(studio, options)]
    return [name for shape in shapes for name in shape["properties"]]


def purposes(studio: Studio, options: Mapping[str, Any], source: str = SOURCE, steps: int = 1) -> list[str]:
    studio.make(source, steps=steps, **{"on_errors": "deliver", "repairs": 0, **options})
    return [purpose_of(body) for body in studio.asked]


def files(studio: Studio, options: Mapping[str, Any]) -> dict[str, bytes]:
    job = studio.make(SOURCE, steps=3, **{"on_errors": "deliver", "repairs": 0, **options})
    assert job.status == "completed", job.error
    return studio.files(job.job_id)


def plain(studio: Studio, options: Mapping[str, Any]) -> Any:
    return json.loads(files(studio, options)["json"])


def picture(studio: Studio, options: Mapping[str, Any]) -> bytes:
    return Image.open(io.BytesIO(files(studio, options)["tavernai"])).convert("RGB").tobytes()


def ends(studio: Studio, options: Mapping[str, Any]) -> tuple[str, str | None]:
    """How a card with a fault ends."""
    studio.server.writers["write_greetings"] = lambda schema, body: {
        name: "{{user}} nods and agrees to stay." if name == "first_mes" else CARD[name]
        for name in schema["properties"]
    }
    job = studio.make(SOURCE, **{"repairs": 0, **options})
    return job.status, job.error and job.error["code"]


def repairs(studio: Studio, options: Mapping[str, Any]) -> int:
    ends(studio, options)
    return sum(purpose_of(body) == "repair_field" for body in studio.asked)


def after_garbage(studio: Studio, options: Mapping[str, Any]) -> str:
    studio.server.script = [Say(text="no card today")] * 2
    return studio.make(SOURCE, **{"on_errors": "deliver", "repairs": 0, **options}).status


def analysis(name: str) -> Probe:
    def probe(studio: Studio, options: Mapping[str, Any]) -> Any:
        studio.make(SOURCE, **{"facts": "always", "on_errors": "deliver", "repairs": 0, **options})
        return {body[name] for body in studio.asked if purpose_of(body) == "extract_facts"}

    return probe


def parts(studio: Studio, options: Mapping[str, Any]) -> int:
    """How many parts of a long source are read."""
    return purposes(studio, options, novel.novel(30_000)).count("extract_facts")


def longest_prompt(studio: Studio, options: Mapping[str, Any]) -> int:
    source = novel.novel(30_000)
    studio.make(source, **{"facts": "never", "on_errors": "deliver", "repairs": 0, "grounding": "free", **options})
    return max(len(novel.source_of(body)) for body in studio.asked)


def fact_count(studio: Studio, options: Mapping[str, Any]) -> int:
    studio.server.writers["extract_facts"] = novel.read_facts
    job = studio.make(novel.novel(30_000), **{"on_errors": "deliver", "repairs": 0, **options})
    return len(job.output["source"]["facts"])


def for_openrouter(studio: Studio, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request as OpenRouter would get it: no such host is played here."""
    from providers.ladder import RUNGS
    from providers.learned import Lessons
    from providers.request import body_of
    from tasks import preview, run

    config, prompts = (profiles.defaults()[part] for part in ("config", "prompts"))
    request = CharacterCardSchema().load({"source_material": SOURCE, "options": dict(options)})
    work = preview.rehearsed(request, config, prompts, run.provider(), datetime.now(UTC))
    prompt, sampling = next(preview.questions(work))
    return body_of(prompt, sampling, RUNGS[0], Lessons(), openrouter=True)


def loss_report(studio: Studio, options: Mapping[str, Any]) -> list[str]:
    from api.results import find_made, show_made
    from models import db
    from models.jobs import Job

    job = studio.make(SOURCE, steps=3, **{"on_errors": "deliver", "repairs": 0, **options})
    with db.transaction() as session:
        shown = show_made(find_made(session, session.get_one(Job, job.job_id)))
    return sorted(shown["artifacts"][0]["front_ends"])


def update(studio: Studio, options: Mapping[str, Any]) -> list[str]:
    """The fields that are asked for of a card that exists."""
    card = {"spec": "chara_card_v2", "spec_version": "2.0", "data": CARD}
    studio.make(SOURCE, request={"character_card": card}, **{"on_errors": "deliver", "repairs": 0, **options})
    shapes = [body["response_format"]["json_schema"]["schema"] for body in studio.asked]
    return [name for shape in shapes for name in shape["properties"]]


# What is tried for each option: the value, and what is looked at. It has to come out otherwise than by default.
TRIED: Mapping[str, tuple[Any, Probe]] = {
    "model": ("other/model", in_body("model")),
    "analysis_model": ("reader/model", analysis("model")),
    "structured_output": ("json_object", in_body("response_format")),
    "reasoning_effort": ("low", in_body("reasoning_effort")),
    "stream": (False, in_body("stream")),
    "provider_order": (["DeepInfra"], for_openrouter),
    "provider_ignore": (["Azure"], for_openrouter),
    "provider_sort": ("price", for_openrouter),
    "data_collection": ("deny", for_openrouter),
    "zero_data_retention": (True, for_openrouter),
    "top_a": (0.2, for_openrouter),
    "repetition_penalty": (1.1, for_openrouter),
    "temperature": (0.33, in_body("temperature")),
    "analysis_temperature": (0.07, analysis("temperature")),
    "top_p": (0.5, in_body("top_p")),
    "top_k": (40, in_body("top_k")),
    "min_p": (0.05, in_body("min_p")),
    "frequency_penalty": (0.4, in_body("frequency_penalty")),
    "presence_penalty": (0.3, in_body("presence_penalty")),
    "seed": (7, in_body("seed")),
    "stop": (["THE END"], in_body("stop")),
    "max_tokens": (777, in_body("max_tokens")),
    "name": ("Bosun", in_card("name")),
    "instructions": ("Let it rain.", in_prompts("The author asks: Let it rain.")),
    "language": ("German", in_prompts("Write everything in German")),
    "rating": ("mature", in_prompts("It is for adults")),
    "genre": ("noir", in_prompts("Genre: noir")),
    "tone": ("wry", in_prompts("Tone: wry")),
    "setting": ("the moon", in_prompts("It plays here: the moon")),
    "user_role": ("her brother", in_prompts("{{user}} is, to the character: her brother")),
    "avoid": (["spiders", "clowns"], in_prompts("Leave out altogether: spiders, clowns")),
    "point_of_view": ("first", in_prompts("told in the first person")),
    "tense": ("past", in_prompts("told in the past tense")),
    "length": ("short", in_prompts("120 to 190 words")),
    "description_words": (432, in_prompts("about 432 words")),
    "personality_words": (123, in_prompts("about 123 words")),
    "scenario_words": (77, in_prompts("about 77 words")),
    "description_format": ("list", in_prompts("one fact a line")),
    "example_blocks": (5, in_prompts("5 blocks")),
    "system_prompt": (True, asked_for),
    "post_history_instructions": (True, asked_for),
    "keep": (["description", "first_mes"], update),
    "tags": (["Added"], in_card("tags")),
    "tag_count": (2, in_card("tags")),
    "creator": ("Ada", in_card("creator")),
    "character_version": ("3.1", in_card("character_version")),
    "alternate_greetings": (4, in_prompts("exactly 4 of them")),
    "group_greetings": (2, asked_for),
    "greeting_words": (99, in_prompts("about 99 words")),
    "greeting_ideas": (["in the rain"], in_prompts("so: in the rain.")),
    "include_book": (False, in_book("name")),
    "lorebook_entries": (1, lambda studio, options: _lore(studio, options, "messages")),
    "lorebook_max_tokens": (888, lambda studio, options: _lore(studio, options, "max_tokens")),
    "entries_per_call": (1, lambda studio, options: purposes(studio, options, steps=2).count("write_entries")),
    "entry_words": (33, in_prompts("33 words")),
    "categories": (["person"], lambda studio, options: _lore(studio, options, "messages")),
    "constants": (0, lambda studio, options: _lore(studio, options, "messages")),
    "token_budget": (512, in_book("token_budget")),
    "scan_depth": (9, in_book("scan_depth")),
    "recursive_scanning": (True, in_book("recursive_scanning")),
    "context_tokens": (8_000, longest_prompt),
    "chunk_tokens": (2_000, parts),
    "facts": ("always", purposes),
    "most_facts": (7, fact_count),
    "grounding": ("free", in_prompts("You may add names")),
    "passes": ("one", purposes),
    "plan": (False, purposes),
    "repairs": (2, repairs),
    "reasks": (0, after_garbage),
    "on_errors": ("deliver", ends),
    "rules_off": (["G04"], ends),
    "least_score": (99, lambda studio, options: ends(studio, {"on_errors": "deliver", **options})),
    "variants": (2, purposes),
    "max_calls": (2, lambda studio, options: studio.make(SOURCE, **options).status),
    "format": (["v1", "yaml"], lambda studio, options: sorted(files(studio, options))),
    "portrait_style": ("poster", picture),
    "embed_book": (False, lambda studio, options: "character_book" in str(plain(studio, options))),
    "provenance": (False, lambda studio, options: "job_id" in str(plain(studio, options))),
    "front_ends": (["agnai"], loss_report),
}
# Tried elsewhere, where what they need is: other models, batches, files by name.
ELSEWHERE = {
    "fallback_models": "engine/test_remedies.py",
    "roster": "writing/test_roster.py",
    "shared_book": "tasks/test_lore_step.py",
    "max_cost_usd": "money/test_budget.py",
    "filename_pattern": "test_end_to_end.py",
}


def _lore(studio: Studio, options: Mapping[str, Any], name: str) -> list[Any]:
    studio.make(SOURCE, steps=2, **{"on_errors": "deliver", "repairs": 0, **options})
    return [body[name] for body in studio.asked if purpose_of(body) == "write_entries"]


def test_every_option_is_tried() -> None:
    names = {option.name for option in OPTIONS}
    assert len(names) == len(OPTIONS) >= 60
    assert names == {*TRIED, *ELSEWHERE}
    assert not TRIED.keys() & ELSEWHERE.keys()
    from tasks.writing.generate import UNHEARD

    assert names > UNHEARD
    tests = Path(__file__).parents[1]
    assert all(name in (tests / file).read_text("utf-8") for name, file in ELSEWHERE.items())


@pytest.mark.parametrize("name", TRIED)
def test_an_option_does_something(name: str, studio: Studio) -> None:
    value, probe = TRIED[name]
    OptionsSchema().load({name: value})
    usual = probe(studio, {})
    studio.server.ledger.requests.clear()
    studio.server.script.clear()
    assert probe(studio, {name: value}) != usual


def test_the_default_profile_sets_or_leaves_open_every_option_and_nothing_else() -> None:
    config = profiles.defaults()["config"]
    of_the_profile = {"words", "repair_rules", "lint"}
    assert set(config) == {option.name for option in OPTIONS} | of_the_profile
    chosen = {name: value for name, value in config.items() if value is not None and name not in of_the_profile}
    assert CharacterCardSchema().load({"source_material": "x", "options": chosen})["options"] == chosen

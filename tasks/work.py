"""What a step is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models import db
from models.characters import Character
from models.errors import NotFound
from models.services import characters
from models.services.claims import Claim
from providers.base import Completion, Prompt, Provider, Sampling
from tasks import question
from tasks.ask import Asker, question_key
from tasks.errors import StepFailed
from tasks.question import Answer
from tasks.shared import ask_shared
from tasks.writing.source import renamed

# Options that are handed to the model server as they are, under their own name.
SAMPLED = (
    *("top_p", "top_k", "min_p", "top_a", "frequency_penalty", "presence_penalty", "repetition_penalty", "seed"),
    *("reasoning_effort", "structured_output", "stream"),
)
# Options that OpenRouter chooses its providers by, and the fields of its `provider` object.
ROUTING = {
    "provider_order": "order",
    "provider_ignore": "ignore",
    "provider_sort": "sort",
    "data_collection": "data_collection",
    "zero_data_retention": "zdr",
}


@dataclass(frozen=True)
class Work:
    """One claimed step: the claim, how to ask, and its progress.

    ``progress_at`` turns a fraction of this step (0 to 1) into percent of the job.
    """

    claim: Claim
    asker: Asker
    progress_at: Callable[[float], int] = field(repr=False)

    @property
    def provider(self) -> Provider:
        """Who writes."""
        return self.asker.provider

    @property
    def outputs(self) -> Mapping[str, Mapping[str, Any]]:
        """The checkpoints of the steps before, by their names."""
        return self.claim.outputs

    @property
    def source(self) -> str:
        """The source material of the request.

        A writer that is no language model copies its sentences: who is to have another name is called so in them.
        """
        source, name = str(self.claim.request.get("source_material", "")), self.option("name")
        if self.provider.whole and name and not self.claim.request.get("character_card"):
            return renamed(source, str(name))
        return source

    def option(self, name: str) -> Any:
        """Return the value of an option: the request's, else the profile's; None where neither sets it."""
        value = self.claim.request.get("options", {}).get(name)
        return self.claim.config.get(name) if value is None else value

    def sampling(self, max_tokens: str = "max_tokens", *, analysis: bool = False) -> Sampling:
        """Return how to ask, from the options. ``max_tokens`` names the option that caps the answer.

        ``analysis``: for reading (facts, rosters, repairs), by its own model and temperature.
        """
        model = self.option("model") or self.provider.default_model
        routing = {field: self.option(option) for option, field in ROUTING.items() if self.option(option) is not None}
        return Sampling(
            model=(self.option("analysis_model") or model) if analysis else model,
            max_tokens=int(self.option(max_tokens)),
            temperature=self.option("analysis_temperature" if analysis else "temperature"),
            stop=tuple(self.option("stop") or ()),
            fallback_models=tuple(self.option("fallback_models") or ()),
            routing=routing,
            **{name: self.option(name) for name in SAMPLED},
        )

    def find_character(self, session: db.Session) -> Character:
        """Return the character of the job; raises `StepFailed` when it was deleted meanwhile."""
        try:
            return characters.find_character(session, self.claim.owner_id, job_id=self.claim.job_id)
        except NotFound as error:
            raise StepFailed("VALIDATION_ERROR", "The character was deleted while it was worked on.") from error

    def ask(self, prompt: Prompt, sampling: Sampling, index: int = 0, *, shared: bool = False) -> Completion:
        """Ask through the ledger; see `Asker.ask`.

        ``shared``: other jobs of the batch put the very same question, and one answer serves all; see `ask_shared`.
        """
        way = self._way(sampling, shared=shared)
        return ask_shared(self.asker, prompt, way, index) if shared else self.asker.ask(prompt, way, index)

    def key_of(self, prompt: Prompt, sampling: Sampling, index: int = 0, *, shared: bool = False) -> str:
        """Return the key that the ledger has the answer under; arguments as of `ask`."""
        return question_key(self.claim.step, prompt, self._way(sampling, shared=shared), index)

    def _way(self, sampling: Sampling, *, shared: bool) -> Sampling:
        """Return how to ask: what a batch shares is asked without a seed, of which each card may have its own."""
        return replace(sampling, seed=None) if shared and self.claim.batch_id else sampling

    def ask_for(self, prompt: Prompt, sampling: Sampling, index: int = 0, *, shared: bool = False) -> Answer:
        """Ask until the answer has the shape of the prompt's schema; see `question.put`."""
        return question.put(self, prompt, sampling, index, shared=shared)

    @property
    def context_tokens(self) -> int | None:
        """How many tokens the model can read, where its server has said so."""
        model = self.option("model") or self.provider.default_model
        with db.autocommit() as session:
            (facts,) = self.asker.facts_of(session, [model])
        return facts.context_tokens

    def show(self, fraction: float, detail: str) -> None:
        """Show that ``fraction`` (0 to 1) of this step is done, and what comes now."""
        self.asker.notes.show(self.progress_at(fraction), detail)

    def log(self, level: str, message: str, **details: Any) -> None:
        """Write a line to the job's log, for whoever asked for the card."""
        self.asker.notes.line(level, message, **details)

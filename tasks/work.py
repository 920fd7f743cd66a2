"""What a step is given to work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from models import db
from models.services import claims
from models.services.claims import Claim
from providers.base import Completion, Prompt, Provider, Sampling
from tasks.ask import Asker


@dataclass(frozen=True)
class Work:
    """One claimed step: the claim, how to ask, the checkpoints of the steps before, and its progress.

    ``progress_at`` turns a fraction of this step (0 to 1) into percent of the job.
    """

    claim: Claim
    asker: Asker
    outputs: Mapping[str, Mapping[str, Any]] = field(repr=False)
    progress_at: Callable[[float], int] = field(repr=False)

    @property
    def provider(self) -> Provider:
        """Who writes."""
        return self.asker.provider

    @property
    def source(self) -> str:
        """The source material of the request."""
        return str(self.claim.request.get("source_material", ""))

    def option(self, name: str) -> Any:
        """Return the value of an option: the request's, else the profile's, else None."""
        value = self.claim.request.get("options", {}).get(name)
        return self.claim.config.get(name) if value is None else value

    def sampling(self, max_tokens: str = "max_tokens") -> Sampling:
        """Return how to ask, from the options; ``max_tokens`` names the option that caps the answer."""
        return Sampling(
            model=self.option("model") or self.provider.default_model,
            max_tokens=int(self.option(max_tokens)),
            temperature=self.option("temperature"),
            top_p=self.option("top_p"),
            seed=self.option("seed"),
        )

    def ask(self, prompt: Prompt, sampling: Sampling, index: int = 0) -> Completion:
        """Ask through the ledger; see `Asker.ask`."""
        return self.asker.ask(prompt, sampling, index)

    def show(self, fraction: float, detail: str) -> None:
        """Show that ``fraction`` (0 to 1) of this step is done, and what comes now."""
        with db.transaction() as session:
            claims.note_progress(session, self.claim, self.progress_at(fraction), detail)

    def log(self, level: str, message: str, **details: Any) -> None:
        """Write a line to the job's log, for whoever asked for the card."""
        with db.transaction() as session:
            claims.write_log(session, self.claim, level, message, details)

"""Logging: one JSON line an event, for our own lines and those of the libraries. The one home of structlog."""

from __future__ import annotations

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, Processor

BEFORE_RENDERING: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]


def handler(service: str) -> logging.Handler:
    """Return a handler that writes to stderr: JSON, or for eyes with ``LOG_FORMAT=console``, marked ``service``."""

    def add_service(_logger: object, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    renderer: Processor = (
        structlog.dev.ConsoleRenderer()
        if os.environ.get("LOG_FORMAT") == "console"
        else structlog.processors.JSONRenderer()
    )
    made = logging.StreamHandler(sys.stderr)
    made.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=BEFORE_RENDERING,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, add_service, renderer],
        )
    )
    return made


def configure(service: str) -> None:
    """Send every log line of this process, ours and the libraries', through one `handler`."""
    structlog.configure(
        processors=[*BEFORE_RENDERING, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler(service)]
    root.setLevel(os.environ.get("LOG_LEVEL", "INFO").upper())
    # A line for each call is in the ledger; the client library's chatter says nothing more.
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger ``name``; bind context with `structlog.contextvars`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


bind = structlog.contextvars.bind_contextvars
clear = structlog.contextvars.clear_contextvars
bound = structlog.contextvars.bound_contextvars

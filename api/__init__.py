"""The HTTP edge: `create_app` is all of it on one screen. The one home of Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

import logs
import settings
from api import (
    auth,
    batches,
    bodies,
    books,
    catalogue,
    characters,
    docs,
    errors,
    etags,
    events,
    generation,
    health,
    jobs,
    keys,
    limits,
    metrics,
    models,
    profiles,
    requests,
    slots,
    streams,
    usage,
    validation,
    web,
    webhooks,
)
from api.json import JSONProvider

MAX_BODY_BYTES = 32 * 1024 * 1024


class App(Flask):
    """Flask for plain functions."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none of ours is a coroutine, and Flask would look at a dozen in every request."""
        return func


def create_app() -> Flask:
    """Return the application; raises `settings.SettingError` when the environment is not complete."""
    logs.configure("web")
    app = App("cardforge", static_folder=None)
    app.json = JSONProvider(app)
    app.config.update(docs.CONFIG, MAX_CONTENT_LENGTH=MAX_BODY_BYTES, CORS_ORIGINS=settings.load().cors_origins)
    requests.register(app)
    metrics.register(app)
    etags.register(app)
    # In this order: who asks, how often, whether they may; then the body, as long as it takes; then a slot to work in.
    auth.register(app)
    limits.register(app)
    app.before_request(auth.authorize)
    app.before_request(requests.check_address)
    bodies.register(app)
    slots.register(app)
    streams.register(app)
    events.register(app)
    api = docs.Api(app)
    errors.register(app)
    work = (batches, generation, jobs, events)
    kept = (profiles, characters, books, validation)
    for noun in (*work, *kept, keys, catalogue, usage, models, webhooks):
        api.register_blueprint(noun.blueprint)
    api.register_blueprint(webhooks.secrets)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    web.register(app)
    return app

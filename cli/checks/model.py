"""The model server: whether it answers, takes the key and has the model."""

from __future__ import annotations

import difflib

import requests

import settings
from cli.checks.patient import Finding, Patient
from cli.probe import masked

MODEL_SECONDS = 30.0


def check_model(patient: Patient) -> Finding:
    """The model server answers, takes the key and has the model. Asks the smallest question there is."""
    try:
        llm = settings.llm(patient.env)
    except settings.SettingError as error:
        return Finding("model", "fault", str(error), "Mend it in the environment.")
    if llm.base_url is None:
        return Finding("model", "ok", "none is set: the offline writer writes")
    where = masked(llm.base_url)
    try:
        return look(llm, where, call=patient.call)
    except requests.RequestException as error:
        told = f"The model server {where} does not answer ({type(error).__name__})."
        return Finding("model", "fault", told, "Start it, or mend LLM_BASE_URL; jobs wait some minutes, then fail.")


def look(llm: settings.Llm, where: str, *, call: bool) -> Finding:
    """Read the server's list of models, where it has one, and with ``call`` ask the model for a word.

    An answer counts for more than the list: servers also take names that they do not list (``llama3`` for
    ``llama3:latest``).
    """
    listed = requests.get(f"{llm.base_url}/models", headers=authorization(llm), timeout=MODEL_SECONDS)
    if (refused := refusal(listed.status_code, where, llm)) is not None:
        return refused
    unlisted = missing_model(listed, where, llm.model)
    if not call:
        return unlisted or Finding("model", "ok", f"{llm.model} at {where} is there; not asked")
    if (wrong := ask_model(llm, where)) is not None:
        return unlisted or wrong
    note = ", though the server does not list it" if unlisted else ""
    return Finding("model", "ok", f"{llm.model} at {where} answers{note}")


def ask_model(llm: settings.Llm, where: str) -> Finding | None:
    """Ask for a word; returns what is wrong. Some servers look at the key, and at the model, only then."""
    question = {"model": llm.model, "messages": [{"role": "user", "content": "Say OK."}], "max_tokens": 16}
    url = f"{llm.base_url}/chat/completions"
    asked = requests.post(url, headers=authorization(llm), json=question, timeout=MODEL_SECONDS)
    if (found := refusal(asked.status_code, where, llm)) is not None:
        return found
    if asked.status_code in {400, 404} and "model" in asked.text.lower():
        return unknown_model(where, llm.model, [])
    if asked.status_code >= 400:
        told = f"{where} refused the smallest of questions ({asked.status_code})."
        return Finding("model", "warning", told, "Try a job, and see its log.")
    return None


def authorization(llm: settings.Llm) -> dict[str, str]:
    """The header that carries the key."""
    return {"Authorization": f"Bearer {llm.api_key}"} if llm.api_key else {}


def refusal(status: int, where: str, llm: settings.Llm) -> Finding | None:
    """What a status says of the account or the server, if it does."""
    setting = "OPENROUTER_API_KEY" if llm.base_url == settings.OPENROUTER_URL else "LLM_API_KEY"
    if status in {401, 403}:
        told = f"{where} does not take the key ({status})." if llm.api_key else f"{where} wants a key ({status})."
        return Finding("model", "fault", told, f"Set {setting} to a good key, and restart web and workers.")
    if status == 402:
        return Finding("model", "fault", f"{where} wants to be paid (402).", "Add credit to the account.")
    if status == 429:
        return Finding("model", "warning", f"{where} is asked too often (429).", "Wait; workers do so by themselves.")
    if status >= 500:
        told = f"The model server {where} is in trouble ({status})."
        return Finding("model", "fault", told, "See its own status or log; jobs try again for some minutes.")
    return None


def missing_model(listed: requests.Response, where: str, model: str) -> Finding | None:
    """A finding when the server has a list of models, and ours is not in it."""
    try:
        names = [str(one["id"]) for one in listed.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return None
    if not names or model in names or model == settings.OPENROUTER_MODEL or ":" in model:
        return None
    return unknown_model(where, model, names)


def unknown_model(where: str, model: str, names: list[str]) -> Finding:
    """The model is not there; with the names that come closest."""
    close = difflib.get_close_matches(model, names, 3, 0.4) or names[:3]
    such = f", such as {', '.join(close)}" if close else ""
    return Finding("model", "fault", f"{where} has no model {model}.", f"Set LLM_MODEL to one that it has{such}.")

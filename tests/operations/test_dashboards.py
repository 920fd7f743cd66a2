"""The dashboard and the alert rules ask for metrics that there are, by labels that they have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.operations.conftest import Product

DOCS = Path(__file__).parents[2] / "docs"
RULES = DOCS / "prometheus" / "alerts.yml"
SELECTOR = re.compile(r"(cardforge_\w+)(?:\{([^}]*)\})?")
# What only shows when it has happened, or is set.
LABELS_OF_THE_RARE = {"cardforge_daily_limit_used_ratio": {"limit"}}


def panels() -> list[dict[str, Any]]:
    return list(json.loads((DOCS / "grafana" / "cardforge.json").read_text("utf-8"))["panels"])


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> list[str]:
    targets = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return targets + [rule["expr"] for rule in rules()]


@pytest.fixture(scope="module")
def labels(product: Product) -> dict[str, set[str]]:
    """The labels of every metric that the running product shows."""
    text = requests.get(f"{product.url}/metrics", timeout=10).text
    found: dict[str, set[str]] = dict(LABELS_OF_THE_RARE)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("expression", expressions())
def test_every_query_asks_for_what_there_is(expression: str, labels: dict[str, set[str]]) -> None:
    asked = SELECTOR.findall(expression)
    assert asked
    for name, matchers in asked:
        assert name in labels, name
        for label in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers):
            assert label in labels[name] | {"job", "instance"}, (name, label)
    grouped = {label.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(",")}
    assert grouped <= set().union(*(labels[name] for name, _ in asked)), expression


def test_every_metric_is_on_the_dashboard(labels: dict[str, set[str]]) -> None:
    shown = " ".join(target["expr"] for panel in panels() for target in panel.get("targets", []))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in labels if "_seconds_" in name} | {
        name for name in labels if "_seconds_" not in name
    }
    missing = {name for name in families if name.startswith("cardforge_") and name not in shown}
    assert not missing


def test_panels_are_told_apart_and_do_not_lie_on_each_other() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    taken: set[tuple[int, int]] = set()
    for panel in found:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert len(rule["annotations"]["summary"]) > 20
    assert len(rule["annotations"]["remedy"]) > 20
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool, of Debian's prometheus, is not installed")
@pytest.mark.parametrize(
    "words", [("check", "rules", RULES), ("test", "rules", Path(__file__).parent / "alerts_test.yml")]
)
def test_promtool_takes_the_rules_and_they_fire_when_they_should(words: tuple[str, str, Path]) -> None:
    done = subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

"""Procfile, compose file and the Kubernetes example: the same processes, with limits, probes and no secret in them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

import settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "kubernetes"
OURS = {"web", "generation", "export", "beat", "flower"}
# Set by something else in containers: the addresses of services, or what only `make up` and the command line read.
NOT_FOR_CONTAINERS = {"CARDFORGE_HOME", "BIND", "CARDFORGE_URL", "CARDFORGE_API_KEY", "EXPORT_CONCURRENCY"} | {
    "GENERATION_CONCURRENCY",
    "PORT",
    "FLOWER_PORT",
    "FLOWER_BASIC_AUTH",
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
}

Object = dict[str, Any]


def procfile() -> dict[str, str]:
    lines = (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines() if line.strip())
    return {name: command for name, _, command in lines}


def queues(words: list[str]) -> str:
    return words[words.index("-Q") + 1]


def compose() -> Object:
    return dict(yaml.safe_load((ROOT / "docker-compose.yml").read_text()))


def manifests(kind: str) -> dict[str, Object]:
    found = [part for path in sorted(FOLDER.glob("*.yaml")) for part in yaml.safe_load_all(path.read_text()) if part]
    return {part["metadata"]["name"]: part for part in found if part["kind"] == kind}


def container(workload: Object) -> Object:
    (found,) = workload["spec"]["template"]["spec"]["containers"]
    return dict(found)


# --- compose ------------------------------------------------------------------------------------------------------


def test_compose_runs_the_processes_of_the_procfile() -> None:
    services = compose()["services"]
    assert OURS | {"postgres", "redis", "migrate"} == set(services)
    for name in ("generation", "export"):
        wanted = procfile()[name].replace("${", "").split()
        assert queues(shlex.split(services[name]["command"])) == queues(wanted), name


@pytest.mark.parametrize("name", sorted(OURS | {"postgres", "redis", "migrate"}))
def test_every_service_is_bounded_and_looked_after(name: str) -> None:
    service = compose()["services"][name]
    limits = service["deploy"]["resources"]["limits"]
    assert re.fullmatch(r"\d+[mg]", limits["memory"])
    assert float(limits["cpus"]) > 0
    assert name == "web" or "healthcheck" in service  # the image's own is that of the web process
    assert "container_name" not in service, "it could not be scaled"
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:"), port


def test_compose_hands_every_setting_on() -> None:
    known = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M))
    handed = set(compose()["services"]["web"]["environment"])
    assert known - NOT_FOR_CONTAINERS <= handed
    assert handed <= known


def test_containers_are_stopped_later_than_they_stop_by_themselves() -> None:
    assert (
        int(compose()["services"]["generation"]["stop_grace_period"].removesuffix("s")) > settings.Engine().drain + 10
    )


# --- Kubernetes ---------------------------------------------------------------------------------------------------


def test_every_process_has_a_deployment_and_the_kustomization_has_every_file() -> None:
    assert set(manifests("Deployment")) == OURS
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secret.example.yaml"}
    assert set(listed) == files
    assert len(listed) == len(files)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_deployment_is_whole(name: str) -> None:
    workload = manifests("Deployment")[name]
    pod = workload["spec"]["template"]
    assert (
        workload["spec"]["selector"]["matchLabels"]
        == pod["metadata"]["labels"]
        == {"app": "cardforge", "process": name}
    )
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["spec"]["automountServiceAccountToken"] is False
    runs = container(workload)
    assert set(runs["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in runs["resources"]["limits"]
    assert runs["securityContext"]["allowPrivilegeEscalation"] is False
    assert {"configMapRef": {"name": "cardforge"}} in runs["envFrom"]
    assert {"secretRef": {"name": "cardforge"}} in runs["envFrom"]
    assert [mount["mountPath"] for mount in runs["volumeMounts"]] == ["/data"]


def test_the_pods_run_the_commands_of_the_procfile() -> None:
    lines = procfile()
    for name in ("generation", "export"):
        command = container(manifests("Deployment")[name])["command"]
        plain = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", lines[name])
        assert command == shlex.split(plain)
    assert container(manifests("Deployment")["web"])["command"] == shlex.split(lines["web"])
    assert container(manifests("Job")["migrate"])["command"] == shlex.split(lines["release"])
    assert container(manifests("Deployment")["beat"])["command"][:4] == shlex.split(lines["beat"])[:4]
    assert container(manifests("Deployment")["flower"])["command"][:4] == ["celery", "-A", "tasks.celery", "flower"]


def test_a_pod_has_the_time_to_end_what_it_has_begun() -> None:
    drain = float(manifests("ConfigMap")["cardforge"]["data"]["DRAIN_SECONDS"])
    grace = {
        name: one["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        for name, one in manifests("Deployment").items()
    }
    assert grace["generation"] >= drain + 30
    assert grace["export"] >= 30
    assert grace["web"] >= 5 + 10 + 10  # preStop, graceful_timeout, and some


def test_what_names_something_names_something_that_there_is() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in manifests("Deployment").values()]
    for budget in manifests("PodDisruptionBudget").values():
        assert budget["spec"]["selector"]["matchLabels"] in labels
    for service in manifests("Service").values():
        assert service["spec"]["selector"] in labels
    scaled = {**manifests("HorizontalPodAutoscaler"), **manifests("ScaledObject")}
    assert set(scaled) == {"web", "export", "generation"}
    assert all(one["spec"]["scaleTargetRef"]["name"] in OURS for one in scaled.values())
    assert set(manifests("PodDisruptionBudget")) == {"web", "generation", "export"}


def test_workers_are_scaled_by_the_queues_they_serve() -> None:
    (trigger,) = manifests("ScaledObject")["generation"]["spec"]["triggers"]
    query = trigger["metadata"]["query"]
    assert "cardforge_queue_messages" in query
    served = queues(container(manifests("Deployment")["generation"])["command"]).split(",")
    assert set(re.search(r'queue=~"([^"]+)"', query)[1].split("|")) == set(served)  # type: ignore[index]
    assert int(trigger["metadata"]["threshold"]) > 0


def test_flower_does_not_start_open() -> None:
    (named,) = container(manifests("Deployment")["flower"])["env"]
    assert named["name"] == "FLOWER_BASIC_AUTH"
    assert "optional" not in named["valueFrom"]["secretKeyRef"]


def test_there_is_no_secret_in_the_files() -> None:
    for name, value in manifests("Secret")["cardforge"]["stringData"].items():
        assert "CHANGE-ME" in value, name
    plain = manifests("ConfigMap")["cardforge"]["data"]
    assert not [name for name in plain if re.search("KEY|SECRET|TOKEN|PASSWORD|AUTH|URL", name)]

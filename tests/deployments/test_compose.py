"""What compose.yaml promises, held against the file itself and against those who read it."""

import shutil
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from deployments.docker import compose
from deployments.docker.cluster import names
from deployments.docker.compose import services
from deployments.prefect_server import SERVER

SERVERS = ("api-1", "api-2", "services")


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(compose.FILE.read_text(encoding="utf-8"))
    return document


def test_each_service_comes_after_those_that_it_needs():
    seen: set[str] = set()
    for service in services({}).values():
        assert service.needs.keys() <= seen
        seen.add(service.name)


def test_services_that_need_each_other_are_named_as_a_fault(tmp_path: Path):
    needs = {name: {"image": "x", "restart": "no", "depends_on": {other: {"condition": "service_started"}}}
             for name, other in (("one", "two"), ("two", "one"))}  # fmt: skip
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump({"services": needs}))
    with pytest.raises(ValueError, match="in a circle"):
        services({}, tmp_path / "compose.yaml")


def test_the_environment_says_how_many_workers():
    assert names(services({})["worker"]) == ["worker-1", "worker-2", "worker-3"]
    assert names(services({"WORKERS": "1"})["worker"]) == ["worker"]


def test_everything_runs_without_rights_and_writes_only_where_it_must(said: dict[str, Any]):
    assert len(said["services"]) == 11
    for service in said["services"].values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    images = {name: service["user"] for name, service in said["services"].items() if "user" in service}
    assert images == {"postgres": "postgres", "redis": "redis"}, "both images start as root unless told otherwise"


def test_who_deploys_has_the_settings_and_tokens_of_those_who_work(said: dict[str, Any]):
    deploy, worker = said["services"]["deploy"], said["services"]["worker"]
    assert worker["env_file"] == [{"path": "settings.env", "required": False}]
    for what in ("env_file", "environment", "secrets"):
        assert deploy[what] == worker[what]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash missing: apt-get install bash")
@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_balancer_is_well_when_a_server_behind_it_is(status: int, code: int):
    asked: list[str] = []

    class Balancer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Balancer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        check = [part.replace("8080", str(server.server_port)) for part in services({})["balancer"].health]
        done = subprocess.run(check, capture_output=True, check=False)
        server.shutdown()
    assert done.returncode == code
    assert asked == ["/api/health"]
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0, "and nobody listens any more"


def test_no_secret_stands_in_the_file_and_workers_do_not_reach_the_data(said: dict[str, Any]):
    for name, service in services({}).items():
        for variable in service.environment:
            assert variable.endswith("_FILE") or not any(
                word in variable for word in ("PASSWORD", "TOKEN", "AUTH", "KEY")
            )
        if name in ("worker", "hub", "balancer", "deploy"):
            assert "data" not in said["services"][name]["networks"]
    assert said["networks"]["data"]["internal"]
    assert said["services"]["balancer"]["ports"][0].startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVERS)
def test_servers_ask_for_the_password_and_are_set_as_that_of_make_up(name: str):
    environment = services({})[name].environment
    assert environment["PREFECT_SERVER_API_AUTH_STRING_FILE"] == "/run/secrets/api_auth"
    shared = {setting: value for setting, value in SERVER.items() if "LEASE_STORAGE" not in setting}
    assert shared.items() <= environment.items()
    assert environment["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"] == "prefect_redis.lease_storage"


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy missing: apt-get install haproxy")
def test_haproxy_takes_its_configuration():
    file = compose.FILE.with_name("haproxy.cfg")
    done = subprocess.run(["haproxy", "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_service_is_started_again_or_ends_by_itself(said: dict[str, Any]):
    for name, service in said["services"].items():
        ends = name in ("migrate", "deploy", "rehearsal")
        assert service["restart"] == ("on-failure" if ends else "unless-stopped")
        assert service.get("healthcheck"), f"{name}: neither a health check nor none on purpose"

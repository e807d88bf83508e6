"""The job of a run, as the pool's template makes it."""

import json
from itertools import pairwise
from typing import Any

import kubernetes_validate
import pytest

from deployments.kubernetes.manifest import TEMPLATE, manifest

VERSION = "1.37"


def pod(**variables: object) -> dict[str, Any]:
    made: dict[str, Any] = manifest(**variables)["spec"]["template"]["spec"]
    return made


def test_kubernetes_takes_the_job():
    kubernetes_validate.validate(manifest(), VERSION, strict=True)


def test_a_job_that_kubernetes_would_not_take_is_noticed():
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest(finished_job_ttl="an hour"), VERSION, strict=True)


def test_the_pod_has_no_rights_and_writes_only_to_its_home_and_to_temporary_files():
    made = pod()
    (container,) = made["containers"]
    assert made["securityContext"]["runAsNonRoot"]
    assert made["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not made["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/srv/autocoder", "/tmp"}
    assert all("emptyDir" in volume for volume in made["volumes"])
    assert set(container["resources"]) == {"requests", "limits"}


def test_secrets_are_named_and_never_spelled_out():
    (container,) = pod(secret="tokens", settings="ours")["containers"]
    secrets = {entry["name"]: entry["valueFrom"] for entry in container["env"] if "valueFrom" in entry}
    assert {name: where["secretKeyRef"]["name"] for name, where in secrets.items()} == {
        "HF_TOKEN": "tokens",
        "OPENAI_API_KEY": "tokens",
    }
    assert container["envFrom"] == [{"configMapRef": {"name": "ours", "optional": True}}]


def test_every_variable_of_the_template_is_used_and_every_placeholder_is_a_variable():
    template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    used = json.dumps(template["job_configuration"])
    variables = template["variables"]["properties"]
    assert [name for name in variables if f"{{{{ {name} }}}}" not in used] == []
    assert used.count("{{") == sum(used.count(f"{{{{ {name} }}}}") for name in variables)


def test_the_command_that_deploys_gets_the_settings_that_it_makes_things_of():
    readme = (TEMPLATE.parents[1] / "README.md").read_text(encoding="utf-8")
    (command,) = [
        line for line in readme.splitlines() if line.startswith("docker run") and "deployments.deploy" in line
    ]
    handed_on = {name for before, name in pairwise(command.split()) if before == "-e"}
    assert handed_on == {
        "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "AUTOCODER_CALLS_PER_MINUTE", "AUTOCODER_NOTIFY",
    }  # fmt: skip

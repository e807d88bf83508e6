"""`python -m deployments.kubernetes.manifest`: the job of a run as the template makes it, for those who validate it."""

import json
from pathlib import Path
from typing import Any

from prefect.utilities.templating import apply_values

TEMPLATE = Path(__file__).with_name("base-job-template.json")


def manifest(**variables: object) -> dict[str, Any]:
    """The job's manifest, with the template's defaults where no variable is given, filled in as Prefect does it.

    Prefect wants `parallelism` and `completions` where Kubernetes knows none, and ignores them: they are left out. The
    name is complete, as the cluster makes it.
    """
    template = json.loads(TEMPLATE.read_text(encoding="utf-8"))
    properties = template["variables"]["properties"]
    values = {name: said["default"] for name, said in properties.items()} | variables
    made: dict[str, Any] = apply_values(template["job_configuration"]["job_manifest"], values)
    pod = made["spec"]["template"]["spec"]
    del pod["parallelism"], pod["completions"]
    pod["containers"][0]["args"] = pod["containers"][0]["args"].split()  # as the worker does
    made["metadata"]["name"] = made["metadata"].pop("generateName") + "0"
    return made


def main() -> None:
    print(json.dumps(manifest(), indent=2))


if __name__ == "__main__":
    main()

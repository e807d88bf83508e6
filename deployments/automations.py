"""Automations of `automations.yaml` in place, known by their names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from stages.errors import Misconfigured

FILE = Path(__file__).with_name("automations.yaml")
NOTHING = {"type": "do-nothing"}


def wanted(deployments: Mapping[str, UUID], notify: UUID | None = None) -> list[AutomationCore]:
    """The automations as the file has them, with the ids of these deployments.

    notify: id of a notification block; without one nobody is notified, and the events remain.
    """

    def filled(action: dict[str, Any]) -> list[dict[str, Any]]:
        if action["type"] == "send-notification":
            return [{**action, "block_document_id": notify}] if notify else []
        name = action.pop("deployment", None)
        return [{**action, "source": "selected", "deployment_id": deployments[name]} if name else action]

    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for entry in entries:
        entry["actions"] = [each for action in entry["actions"] for each in filled(action)] or [NOTHING]
    return [AutomationCore.model_validate(entry) for entry in entries]


def put_in_place(prefect: SyncPrefectClient, notify: str = "") -> list[str]:
    """Names of the automations, each made or brought up to date; one that its owner has paused stays paused.

    The deployments must be there. notify: `block-type/name` of a notification block, or nothing.
    Raises Misconfigured for a block that is not there, ObjectNotFound for a deployment.
    """
    automations = wanted(_deployments(prefect), _block(prefect, notify) if notify else None)
    for automation in automations:
        known = prefect.read_automations_by_name(automation.name)
        if known:
            prefect.update_automation(known[0].id, automation.model_copy(update={"enabled": known[0].enabled}))
        else:
            prefect.create_automation(automation)
        for double in known[1:]:
            prefect.delete_automation(double.id)
    return [automation.name for automation in automations]


def _deployments(prefect: SyncPrefectClient) -> dict[str, UUID]:
    entries = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    named = {action["deployment"] for entry in entries for action in entry["actions"] if "deployment" in action}
    return {name: prefect.read_deployment_by_name(name).id for name in sorted(named)}


def _block(prefect: SyncPrefectClient, notify: str) -> UUID:
    kind, _, name = notify.partition("/")
    try:
        return prefect.read_block_document_by_name(name, kind, include_secrets=False).id
    except ObjectNotFound as error:
        raise Misconfigured(
            f"AUTOCODER_NOTIFY names the block {notify}, which the Prefect server does not have: make it in the UI "
            "(Blocks), or unset AUTOCODER_NOTIFY."
        ) from error

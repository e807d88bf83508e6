"""Automations of `automations.yaml` in place, known by their names."""

from pathlib import Path

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.schemas.automations import AutomationCore

FILE = Path(__file__).with_name("automations.yaml")


def wanted() -> list[AutomationCore]:
    """The automations as the file has them."""
    return [AutomationCore.model_validate(each) for each in yaml.safe_load(FILE.read_text(encoding="utf-8"))]


def put_in_place(prefect: SyncPrefectClient) -> list[str]:
    """Names of the automations, each made or brought up to date; one that its owner has paused stays paused."""
    automations = wanted()
    for automation in automations:
        known = prefect.read_automations_by_name(automation.name)
        if known:
            prefect.update_automation(known[0].id, automation.model_copy(update={"enabled": known[0].enabled}))
        else:
            prefect.create_automation(automation)
        for double in known[1:]:
            prefect.delete_automation(double.id)
    return [automation.name for automation in automations]

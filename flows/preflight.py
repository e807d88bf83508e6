"""Said before anything is written: which account, what is read and written, and by which model."""

import time

import httpx2

from flows.adapters.hub import Hub, Missing
from flows.adapters.rights import writer
from flows.addresses import without_login
from flows.settings import Settings
from stages.errors import Misconfigured, Transient
from stages.templates import Templates

PAUSES_S = (1.0, 3.0, 9.0)
"""Between tries to reach the Hub at the start; a person waits for the answer."""


def preflight(settings: Settings, hub: Hub, dry_run: bool = False) -> list[str]:
    """Lines that tell what this worker is about to use, without any secret.

    Raises Misconfigured when the token may not write where the settings say, a replay would be published to the real
    Hub, or a template is wrong; Permanent as `hub` does, and Transient as it does four times.
    """
    if not dry_run:
        settings.check_publishing()
    Templates(settings.templates)
    for pause in PAUSES_S:
        try:
            return _lines(settings, hub)
        except Transient as error:
            if (error.retry_after or 0) > PAUSES_S[-1]:
                raise
            time.sleep(error.retry_after or pause)
    return _lines(settings, hub)


def _lines(settings: Settings, hub: Hub) -> list[str]:
    reads, plans, results = settings.datasets
    return [
        f"account   {_account(settings, hub)}",
        f"reads     {reads} ({_visibility(hub, reads)})",
        f"reads     {plans} ({_visibility(hub, plans)})",
        f"writes    {results} ({_visibility(hub, results, settings.private)})",
        f"model     {_model(settings)}",
    ]


def answers(address: str) -> bool:
    """Whether a server answers there with success."""
    try:
        return httpx2.get(address, timeout=2).is_success
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


def check_prefect(address: str) -> None:
    """Raises Misconfigured when no Prefect server answers: its client would try for minutes without a word."""
    if not answers(f"{address.rstrip('/')}/health"):
        raise Misconfigured(
            f"No Prefect server answers at PREFECT_API_URL={without_login(address)}. Start it, or unset the variable."
        )


def check_local_hub(settings: Settings) -> None:
    """Raises Misconfigured when everything is to stay here and no local Hub answers."""
    if not settings.on_real_hub and not answers(f"{settings.local_hub}/api/whoami-v2"):
        raise Misconfigured(
            f"No local Hub answers at {settings.local_hub}: `make up` starts one and keeps it running; set HF_TOKEN "
            "for the real Hub, or AUTOCODER_LOCAL_HUB where yours is elsewhere."
        )


def _account(settings: Settings, hub: Hub) -> str:
    if not settings.on_real_hub:
        why = "AUTOCODER_LOCAL is set" if settings.hf_token else "HF_TOKEN is unset"
        return f"none: everything stays on this machine ({why})"
    account = writer(settings, hub)
    return f"{account.name}, writing as {settings.datasets[2].split('/')[0]} at {settings.hub_address}"


def _visibility(hub: Hub, dataset: str, will_be_private: bool | None = None) -> str:
    try:
        info = hub.info(dataset)
    except Missing:
        if will_be_private is None:
            return "not there yet: waited for"
        return "not there yet: will be made " + ("private" if will_be_private else "public")
    return "private" if info.private else "public"


def _model(settings: Settings) -> str:
    if settings.model_address:
        return f"{settings.model_name or 'the only model'} at {without_login(settings.model_address)}"
    return f"{settings.model_name} (recorded conversations: no model is called)"

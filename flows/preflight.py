"""Said before anything is written: which account, what is read and written, and by which model."""

import httpx2

from flows.adapters.endpoint import without_login
from flows.adapters.hub import Account, Hub, Missing
from flows.settings import Settings
from stages.errors import Misconfigured
from stages.templates import Templates


def preflight(settings: Settings, hub: Hub, dry_run: bool = False) -> list[str]:
    """Lines that tell what this worker is about to use, without any secret.

    Raises Misconfigured when the token may not write where the settings say, a replay would be published to the real
    Hub, or a template is wrong; Permanent and Transient as `hub` does.
    """
    if not dry_run:
        settings.check_publishing()
    Templates(settings.templates)
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
    except httpx2.HTTPError:
        return False


def check_prefect(address: str) -> None:
    """Raises Misconfigured when no Prefect server answers: its client would try for minutes without a word."""
    if not answers(f"{address.rstrip('/')}/health"):
        raise Misconfigured(
            f"No Prefect server answers at PREFECT_API_URL={without_login(address)}. Start it, or unset the variable."
        )


def _account(settings: Settings, hub: Hub) -> str:
    if not settings.on_real_hub:
        why = "AUTOCODER_LOCAL is set" if settings.hf_token else "HF_TOKEN is unset"
        return f"none: everything stays on this machine ({why})"
    account = hub.account()
    results = settings.datasets[2]
    if not account.may_write(results):
        raise Misconfigured(f"The token of {account.name} may not write to {results}. {_way_out(settings, account)}")
    return f"{account.name}, writing as {results.split('/')[0]} at {settings.hub_address}"


def _way_out(settings: Settings, account: Account) -> str:
    """What the token may do, and which setting would make use of it."""
    owner = "AUTOCODER_RESULTS_DATASET to a dataset of" if settings.results_dataset else "HF_USERNAME to"
    names = ", ".join(name for name in account.writable if "/" not in name)
    datasets = ", ".join(name for name in account.writable if "/" in name)
    said = f"It may write as: {names}. Set {owner} one of these. " if names else ""
    if datasets:
        said += f"It may write to: {datasets}. Set AUTOCODER_RESULTS_DATASET to one of these. "
    return f"{said or 'It may write nowhere (it is read-only). '}Or set HF_TOKEN to a token with write access there."


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

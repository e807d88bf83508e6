"""Whether the token may write where the settings say: asked before anything is paid for."""

import hashlib
import time
from pathlib import Path

from flows.adapters.hub import Account, Hub
from flows.adapters.lately import lately
from flows.settings import Settings
from stages.errors import Misconfigured

BELIEVED_S = 24 * 3600.0
"""The real Hub allows few of these requests, and each run is a process of its own."""


def writer(settings: Settings, hub: Hub) -> Account:
    """The account that the token writes as. Raises Misconfigured, with the accounts it may write as."""
    account, results = hub.account(), settings.datasets[2]
    if not account.may_write(results):
        raise Misconfigured(f"The token of {account.name} may not write to {results}. {_way_out(settings, account)}")
    return account


def check_writer(settings: Settings, hub: Hub) -> None:
    """The same, once a day for each token and dataset."""
    token = settings.hf_token.get_secret_value() if settings.hf_token else ""
    who = hashlib.sha256(f"{token} {settings.hub_address} {settings.datasets[2]}".encode()).hexdigest()[:16]
    known = Path(settings.home / "rights" / who)
    if not known.exists() or not lately(known.stat().st_mtime, time.time(), BELIEVED_S):
        writer(settings, hub)
        known.parent.mkdir(parents=True, exist_ok=True)
        known.touch()


def _way_out(settings: Settings, account: Account) -> str:
    """What the token may do, and which setting would make use of it."""
    owner = "AUTOCODER_RESULTS_DATASET to a dataset of" if settings.results_dataset else "HF_USERNAME to"
    names = ", ".join(name for name in account.writable if "/" not in name)
    datasets = ", ".join(name for name in account.writable if "/" in name)
    said = f"It may write as: {names}. Set {owner} one of these. " if names else ""
    if datasets:
        said += f"It may write to: {datasets}. Set AUTOCODER_RESULTS_DATASET to one of these. "
    return f"{said or 'It may write nowhere (it is read-only). '}Or set HF_TOKEN to a token with write access there."

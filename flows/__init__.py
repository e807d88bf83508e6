"""Acts on the world: Prefect, network, processes, clock.

Prefect and huggingface_hub read their environment at import, so importing this package first fills in what the
environment leaves open. What is set stays, but for the place of stored results: that is for AUTOCODER_HOME and
AUTOCODER_RESULTS to say.
Where a worker starts Prefect's engine, Prefect was there first, and reads its environment again.
"""

import os
import sys
from pathlib import Path

from flows import storage_names

_home = Path(os.environ.get("AUTOCODER_HOME") or ".autocoder").expanduser().absolute()


def _defaults() -> dict[str, str]:
    defaults = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "9",  # the server may be away for eight minutes; 5 retries give up after 30 s
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 are too few on a busy machine
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "flows",  # what the doors warn of is seen in the UI
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",  # outside of a run there is no place for them
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # a pool of its own takes 10 MB more for our few rows
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    chosen = {"PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE"} & set(os.environ)
    if not chosen and not (Path.home() / ".prefect" / "profiles.toml").exists():
        (_home / "prefect").mkdir(parents=True, exist_ok=True)  # Prefect makes the folder but not its parents
        defaults["PREFECT_HOME"] = str(_home / "prefect")
    return defaults


_results = os.environ.get("AUTOCODER_RESULTS", "")
if _folder := storage_names.folder(_results, _home):
    os.environ["PREFECT_RESULTS_LOCAL_STORAGE_PATH"] = str(_folder)
else:
    os.environ["PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK"] = _results
for _name, _value in _defaults().items():
    os.environ.setdefault(_name, _value)
if "prefect.context" in sys.modules:  # else a worker's runs would store their thoughts elsewhere than all others
    sys.modules["prefect.context"].refresh_global_settings_context()

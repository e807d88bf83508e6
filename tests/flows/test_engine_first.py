import os
import subprocess
import sys
from pathlib import Path

ASK = """
import prefect.engine
import prefect.settings as s
import flows
print(s.PREFECT_RESULTS_LOCAL_STORAGE_PATH.value(), s.PREFECT_CLIENT_MAX_RETRIES.value())
"""


def test_a_run_that_a_worker_starts_stores_its_thoughts_in_the_home(tmp_path: Path) -> None:
    """Prefect's engine is imported before the flow is, and with it the settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"AUTOCODER_HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path / "prefect")}
    done = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path / "results"), "9"]

import os
import subprocess
import sys
from pathlib import Path

import pytest

ASK = """
import prefect.engine
import prefect.settings as s
import flows
print(s.PREFECT_RESULTS_LOCAL_STORAGE_PATH.value(), s.PREFECT_CLIENT_MAX_RETRIES.value())
print(s.PREFECT_RESULTS_DEFAULT_STORAGE_BLOCK.value())
"""


@pytest.mark.parametrize(
    ("results", "folder", "block"),
    [("./shared/x", "shared/x", "None"), pytest.param("s3-bucket/ours", "", "s3-bucket/ours", marks=pytest.mark.slow)],
)
def test_a_run_that_a_worker_starts_stores_its_thoughts_where_the_settings_say(
    tmp_path: Path, results: str, folder: str, block: str
) -> None:
    """Prefect's engine is imported before the flow is, and with it the settings."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env |= {"PYTHONPATH": str(Path(__file__).parents[2]), "PREFECT_HOME": str(tmp_path / "prefect")}
    env |= {
        "AUTOCODER_HOME": str(tmp_path / "home"),
        "AUTOCODER_RESULTS": results,
        "PREFECT_HOME": str(tmp_path / "prefect"),
    }
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    stored, tries, named = done.stdout.split()
    assert (tries, named) == ("9", block)
    assert not folder or stored == str(tmp_path / folder)

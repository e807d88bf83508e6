"""A disk that is really full: a sentence, nothing lost, and once there is room the row goes out."""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL

from tests.flows.conftest import World, record

ROOM_KB = (0, 80, 160, 300, 6000)
"""Free on the disk of AUTOCODER_HOME, run after run."""
FILL = """
import json, os, pathlib, shutil, subprocess, sys
home = os.environ["AUTOCODER_HOME"]
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "none", home], check=True)
ballast = pathlib.Path(home, "ballast")
for room in map(int, sys.argv[1:]):
    ballast.unlink(missing_ok=True)
    free = shutil.disk_usage(home).free
    ballast.write_bytes(bytes(max(0, free - room * 1000)))
    argv = [sys.executable, "-m", "flows.implement", "--once"]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(json.dumps([room, done.returncode, done.stdout]), flush=True)
"""


def own_mounts() -> bool:
    """Whether a process may have mounts of its own here."""
    unshare = shutil.which("unshare")
    return bool(unshare) and not subprocess.run([str(unshare), "--mount", "true"], capture_output=True).returncode


@pytest.mark.slow
@pytest.mark.skipif(not own_mounts(), reason="a small disk of one's own wants `unshare --mount`, as root")
def test_a_full_disk_is_a_sentence_and_loses_nothing(world: World, tmp_path: Path):
    world.publish(record("a"))
    world.home.mkdir()
    env = {**os.environ, "AUTOCODER_FREE_MEGABYTES": "0", "AUTOCODER_RETRY_MINUTES": "0", "AUTOCODER_TRIES": "99"}
    env["PREFECT_API_URL"] = PREFECT_API_URL.value() or ""
    argv = ["unshare", "--mount", sys.executable, "-c", FILL, *map(str, ROOM_KB)]
    done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=900)
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(runs), runs[-1][1]] == [len(ROOM_KB), 0], runs[-1]
    for room, code, said in runs:
        assert code in (0, 1), (room, code, said)
        assert code == 0 or "make room" in said, (room, said)
    assert runs[0][1] == 1, runs[0]
    (row,) = world.rows()
    assert (row["iteration"], row["attempt"]) == (1, 1)
    asked = Counter(world.asked())
    assert max(asked.values()) < len(ROOM_KB), f"what could be stored was not asked again: {asked}"

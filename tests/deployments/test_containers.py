"""Containers made of namespaces: they reach each other by name, die whole, and leave nothing on the machine."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.docker.containers import inside
from deployments.docker.debian import missing

pytestmark = pytest.mark.skipif("root" in missing() or "iproute2" in missing(), reason=missing())

INSIDE = """
import json, sys, time
from pathlib import Path
import psutil
from deployments.docker.containers import RUN_ID, Host

folder = Path(sys.argv[1])
(folder / "secrets").mkdir()
(folder / "secrets" / "password").write_text("sesame")
host = Host(folder, ["one", "two"])
host.set_up(folder / "secrets")
server = "[sys.executable, '-m', 'http.server', '8000', '-d', '/srv/own']"
serve = f"import subprocess, sys; subprocess.run({server}, start_new_session=True)"
one = host.container("one", [sys.executable, "-c", serve], {RUN_ID: "a-run"}, ["/srv/own", "/tmp"], True)
keep = "cat /run/secrets/password > /srv/own/seen; sleep 60"
two = host.container("two", ["sh", "-c", keep], {}, ["/srv/own"], False)
ask = [sys.executable, "-c", "from urllib.request import urlopen; urlopen('http://one:8000', timeout=5)"]
one.child.wait_until(lambda: host.succeeds("two", ask, {}), 30)
family = psutil.Process(one.child.process.pid).children(recursive=True)
told = {"runs": [sorted(one.runs()), sorted(two.runs())], "family": len(family)}
told["shared"] = [path.name for path in Path("/srv").iterdir()]
one.kill()
_, alive = psutil.wait_procs(family, timeout=10)
told["alive"], told["answers"] = len(alive), host.succeeds("two", ask, {})
print(json.dumps(told))
"""


def test_a_container_is_reached_by_name_and_killed_whole(tmp_path: Path):
    done = subprocess.run(
        inside([sys.executable, "-c", INSIDE, str(tmp_path)]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["runs"] == [["a-run"], []]
    assert told["family"] >= 2
    assert told["alive"] == 0
    assert not told["answers"]
    assert told["shared"] == ["own"], "a folder of its own is nobody else's: the mount point is all that is shared"
    assert list((tmp_path / "srv" / "own").iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()

import signal
import subprocess
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from threading import Timer

import httpx2
import pytest

from flows.adapters.hub import Hub, Missing
from flows.adapters.local_hub import LocalHub
from stages.errors import Permanent, Transient

DATASET = "autocoder/results"


class Served:
    """`python -m flows.adapters.local_hub` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.adapters.local_hub", str(folder), "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.said = self.process.stdout.readline()
        self.address = self.said.split()[5]

    def stop(self, by: signal.Signals) -> int:
        self.process.send_signal(by)
        assert self.process.stdout
        self.process.stdout.close()
        return self.process.wait()


def test_a_server_killed_in_the_middle_leaves_whole_commits(tmp_path: Path) -> None:
    files = [f"data/{name}" for name in "abcdefgh"]
    main = tmp_path / "datasets" / DATASET / "main"
    last = 0
    for moment in range(6):
        served = Served(tmp_path)
        hub = Hub(served.address)
        hub.create(DATASET, private=False)
        killer = Timer(0.03 + 0.02 * moment, served.process.kill)
        killer.start()
        acknowledged = _write_until_it_breaks(hub, files, last)
        killer.join()
        served.stop(signal.SIGKILL)
        found = {(main / name).read_text() if (main / name).exists() else "0" for name in files}
        assert len(found) == 1
        last = int(found.pop())
        assert last in (acknowledged, acknowledged + 1)
    assert last  # the first moments may be too early for even one commit


def _write_until_it_breaks(hub: Hub, files: list[str], last: int) -> int:
    """The last commit that was answered."""
    with suppress(Transient):
        while True:
            number = b"%d" % (last + 1)
            hub.commit(DATASET, dict.fromkeys(files, number), hub.head(DATASET), "message")
            last += 1
    return last


def test_the_server_says_its_address_and_stops_when_asked(tmp_path: Path) -> None:
    for by in (signal.SIGINT, signal.SIGTERM):
        served = Served(tmp_path)
        assert served.said == f"The local Hub is at {served.address} over {tmp_path}\n"
        with pytest.raises(Missing):
            Hub(served.address).head(DATASET)
        served.stop(by)
        with pytest.raises(Transient):
            Hub(served.address).head(DATASET)


def test_only_this_machine_is_heard_unless_another_host_is_given(tmp_path: Path) -> None:
    for host, heard in (("127.0.0.1", False), ("0.0.0.0", True)):
        with LocalHub(tmp_path, host=host) as server:
            elsewhere = server.address.replace(host, "127.0.0.2")  # another address of ours, as a neighbour's would be
            with nullcontext() if heard else pytest.raises(httpx2.ConnectError):
                assert httpx2.get(f"{elsewhere}/api/whoami-v2", trust_env=False).is_success


def test_a_taken_port_is_a_sentence(hub_server: LocalHub, tmp_path: Path) -> None:
    port = int(hub_server.address.rpartition(":")[2])
    with pytest.raises(Permanent, match=f"{port} .*choose another port"):
        LocalHub(tmp_path, port=port)
    command = [sys.executable, "-m", "flows.adapters.local_hub", str(tmp_path), "--port", str(port)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" not in done.stderr


def test_neither_end_loads_more_than_it_needs() -> None:
    heavy = "{'fastapi', 'prefect', 'datasets', 'pyarrow', 'openai', 'huggingface_hub', 'httpx2'}"
    for module in ("flows.adapters.local_hub", "flows.adapters.hub"):
        code = f"import sys, {module}; sys.exit({heavy} & sys.modules.keys() or 0)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

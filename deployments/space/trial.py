"""Run inside of the Space's image: without a secret it starts, says what is missing, and lets no stranger in."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx2

from deployments.docker.rehearsal import free_port, look_around, tell
from deployments.space.status import MISSING


def main() -> int:
    """0 when it does; else 1, with a sentence for each thing that is wrong."""
    return tell([*look_around(), *started()])


def started() -> Iterator[str]:
    """What is wrong with a Space that the image's own command has started."""
    ports = {"PORT": str(free_port()), "PREFECT_SERVER_API_PORT": str(free_port())}
    command = [sys.executable, "-m", "deployments.space.start"]
    with subprocess.Popen(command, env={**os.environ, **ports}, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            if line.startswith("password"):  # one that was made for this start
                continue
            print(line, end="", flush=True)
            if MISSING in line:
                break
        try:
            yield from wrong(f"http://127.0.0.1:{ports['PORT']}")
        finally:
            running.terminate()


def wrong(address: str) -> Iterator[str]:
    """What a stranger at the public port sees that should be otherwise."""
    with httpx2.Client(base_url=address, timeout=60, trust_env=False) as stranger:
        try:
            if "Not running" not in (page := stranger.get("/status").text) or MISSING not in page:
                yield f"/status does not say what is missing: {page}"
            if (answer := stranger.post("/api/flow_runs/filter", json={})).status_code != 401:
                yield f"a stranger's call of the API is answered {answer.status_code}"
        except httpx2.TransportError as error:
            yield f"nothing answers at the public port: {error}"


if __name__ == "__main__":
    sys.exit(main())

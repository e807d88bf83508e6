"""Run inside of the image: who we are here, whether the sandbox holds, and the rehearsal from start to end."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from flows.adapters.sandbox import choose

GRADES = {"proven": 5, "self-tested": 2, "failed": 1}
"""What the rehearsal comes to wherever code can be confined."""
BUILD_TOOLS = ("cc", "gcc", "g++", "make", "ld")
LAST_LINE = "Ctrl-C stops everything"


def main() -> int:
    """0 when the rehearsal came to its verdicts; else 1, with a sentence for each thing that is wrong."""
    faults = look_around()
    if not faults and (grades := Counter(up())) != GRADES:
        faults = [f"the rehearsal came to {dict(grades)} instead of {GRADES}"]
    return tell(faults)


def look_around() -> list[str]:
    """What is wrong with this place; who we are here and what confines code is said."""
    print(f"inside    uid {os.getuid()}, capabilities {_capabilities()}, Python {sys.version.split()[0]}", flush=True)
    faults = [f"{tool} is in the image" for tool in BUILD_TOOLS if shutil.which(tool)]
    if os.getuid() == 0:
        faults.append("this is root")
    sandbox = choose()
    if isinstance(sandbox, str):
        return [*faults, f"nothing confines code: {sandbox}"]
    print(f"sandbox   {sandbox.mechanism}: the self-test held", flush=True)
    return faults


def tell(faults: Iterable[str]) -> int:
    """The exit code, with a line for each fault."""
    found = list(faults)
    for fault in found:
        print(f"wrong     {fault}", flush=True)
    return 1 if found else 0


def up() -> list[str]:
    """Grades of the rehearsal's items, by the very command that a person starts."""
    ports = {"AUTOCODER_LOCAL_HUB": f"http://127.0.0.1:{free_port()}", "PREFECT_SERVER_API_PORT": str(free_port())}
    command = [sys.executable, "-m", "deployments.local"]
    grades = []
    with subprocess.Popen(command, env={**os.environ, **ports}, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            if item := re.match(r"[0-9a-f]{16}-1  (\S+) +[\d,]+ tokens", line):
                grades.append(item[1])
            if LAST_LINE in line:
                break
        running.terminate()
    return grades


def _capabilities() -> str:
    """Of this process: effective ones, in hexadecimal."""
    (line,) = re.findall(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return str(line)


def free_port() -> int:
    """Containers may share this machine's ports."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())

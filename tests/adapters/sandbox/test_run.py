"""One confined command: what goes in, what comes out, and what is left."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from flows.adapters.sandbox import ExecResult, Limits
from flows.adapters.sandbox.base import Sandbox
from flows.adapters.sandbox.bubblewrap import Bubblewrap
from flows.adapters.sandbox.landlock import Landlock
from stages.errors import SandboxBroken


@pytest.fixture(scope="module", params=["landlock", pytest.param("bubblewrap", marks=pytest.mark.slow)])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made: Sandbox = Landlock() if request.param == "landlock" else Bubblewrap()
    if reason := made.self_test():
        pytest.skip(reason)
    return made


@pytest.fixture
def work(place: Path) -> Path:
    made = place / "work"
    made.mkdir()
    return made


def python(sandbox: Sandbox, work: Path, code: str, limits: Limits = Limits(wall_s=20), **more: object) -> ExecResult:  # noqa: B008
    return sandbox.run([sys.executable, "-I", "-S", "-c", code], work, limits=limits, **more)  # type: ignore[arg-type]


def test_output_and_exit_code_come_back(sandbox: Sandbox, work: Path) -> None:
    ran = sandbox.run(["sh", "-c", "echo out; echo err >&2; exit 3"], work)
    assert (ran.exit_code, ran.stopped) == (3, "")
    assert sorted(ran.output.split()) == ["err", "out"]


def test_standard_input_goes_in_and_a_result_comes_out_apart(sandbox: Sandbox, work: Path) -> None:
    code = "import os, sys; os.write(3, sys.stdin.read().upper().encode()); print('seen')"
    ran = python(sandbox, work, code, stdin="given" * 50_000, result_fd=True)
    assert ran.result == b"GIVEN" * 50_000
    assert ran.output == "seen\n"


def test_without_a_result_there_is_no_descriptor(sandbox: Sandbox, work: Path) -> None:
    code = "import os\nfor fd in range(3, 99):\n  try: os.fstat(fd); print(fd)\n  except OSError: pass"
    assert python(sandbox, work, code).output == ""


def test_what_is_written_stays_in_the_work_folder(sandbox: Sandbox, work: Path) -> None:
    ran = python(sandbox, work, "open('new', 'w').write('text')")
    assert (ran.exit_code, (work / "new").read_text()) == (0, "text")


def test_what_was_named_can_be_read_and_not_written(sandbox: Sandbox, work: Path, place: Path) -> None:
    folder = place / "given"
    folder.mkdir()
    (folder / "file").write_text("text")
    code = f"print(open('{folder}/file').read(), flush=True); open('{folder}/file', 'w')"
    ran = python(sandbox, work, code, readable=[folder])
    assert ran.output.startswith("text\n")
    assert ran.exit_code == 1
    assert (folder / "file").read_text() == "text"


def test_the_environment_is_a_clean_one_and_what_was_given(
    sandbox: Sandbox, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    ran = python(sandbox, work, "import os; print(sorted(os.environ))", env={"GIVEN": "1"})
    known = [
        "COLUMNS",
        "GIT_CONFIG_GLOBAL",
        "GIT_CONFIG_NOSYSTEM",
        "GIVEN",
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "PYTHONDONTWRITEBYTECODE",
        "TMPDIR",
        "USER",
    ]
    assert set(eval(ran.output)) - set(known) <= {"PWD", "LC_CTYPE"}
    assert "GIVEN" in ran.output


def test_a_signal_that_ended_it_is_told(sandbox: Sandbox, work: Path) -> None:
    ran = sandbox.run(["sh", "-c", "kill -SEGV $$"], work)
    assert ran.exit_code in (-signal.SIGSEGV, 128 + signal.SIGSEGV)


def test_a_program_that_is_not_there_is_no_fault_of_the_sandbox(work: Path) -> None:
    ran = Landlock().run(["no-such-program"], work)
    assert ran.exit_code == 127
    assert "no-such-program" in ran.output


def test_only_the_end_of_much_output_is_kept(sandbox: Sandbox, work: Path) -> None:
    ran = python(sandbox, work, "print('x' * 300_000); print('the end')", Limits(output_kb=2))
    assert len(ran.output) == 2048
    assert ran.output.endswith("the end\n")


def test_bytes_that_are_no_text_are_replaced(sandbox: Sandbox, work: Path) -> None:
    assert python(sandbox, work, "import os; os.write(1, b'a\\xff')").output == "a\ufffd"


def test_what_was_used_is_measured(sandbox: Sandbox, work: Path) -> None:
    code = "import time; x = b'x' * 60_000_000; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    ran = python(sandbox, work, code)
    assert 0.1 < ran.cpu_s < ran.seconds + 0.1
    assert 55 < ran.memory_mb < 200


def test_runs_side_by_side_do_not_meet(sandbox: Sandbox, place: Path, work: Path) -> None:
    folders = [place / f"work{n}" for n in range(4)]
    for folder in folders:
        folder.mkdir()
    code = "import os, time; open('mine', 'w').close(); time.sleep(0.3); print(os.listdir('.'))"
    with ThreadPoolExecutor() as pool:
        outputs = list(pool.map(lambda folder: python(sandbox, folder, code).output, folders))
    assert outputs == ["['mine']\n"] * 4


def test_nothing_survives_the_death_of_the_worker(work: Path) -> None:
    mark = str(10**9 + os.getpid())
    daemon = (
        f"import os, time\nif os.fork() == 0:\n  os.setsid(); os.execvp('sleep', ['sleep', '{mark}'])\ntime.sleep(3600)"
    )
    code = (
        "import sys, pathlib; from flows.adapters.sandbox.landlock import Landlock\n"
        f"Landlock().run([sys.executable, '-I', '-S', '-c', {daemon!r}], pathlib.Path({str(work)!r}))"
    )
    tmp = work.parent / "tmp"
    tmp.mkdir()
    worker = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(tmp)})
    wait_until(lambda: bool(processes(mark)))
    worker.kill()
    worker.wait()
    wait_until(lambda: not processes(mark) and not list(tmp.iterdir()))


def processes(mark: str) -> list[int]:
    return [p.pid for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [])[-1:] == [mark]]


def wait_until(happened: "object", seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_supervisor_that_dies_is_the_sandboxs_fault(work: Path, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setattr("flows.adapters.sandbox.session.START", place / "nothing.py")
    with pytest.raises(SandboxBroken, match="without a reply"):
        Landlock().run(["true"], work)


@pytest.mark.parametrize("value", [0, -1, float("nan"), True, "5", None])
def test_a_limit_is_a_positive_number(value: object) -> None:
    with pytest.raises(ValueError, match="wall_s"):
        Limits(wall_s=value)  # type: ignore[arg-type]

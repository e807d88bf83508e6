"""Folders for temporary files, and what killed processes leave of them."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from flows.adapters.sandbox import scratch as module
from flows.adapters.sandbox.scratch import scratch, sweep

HOLDS = """
import sys
from flows.adapters.sandbox.scratch import scratch
with scratch("autocoder-x-") as folder:
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/file").write_text("")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def holder(temporary: Path) -> "subprocess.Popen[str]":
    """A process that uses a folder, which it has named."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert Path(process.stdout.readline().strip()).is_dir()
    return process


def test_a_folder_in_use_is_left_alone_and_one_of_a_killed_process_is_not(temporary: Path) -> None:
    process = holder(temporary)
    with scratch("autocoder-x-") as ours:
        sweep("autocoder-x-")
        assert len(list(temporary.iterdir())) == 2
        process.send_signal(signal.SIGKILL)
        process.communicate()
        sweep("autocoder-y-")
        assert len(list(temporary.iterdir())) == 2
        sweep("autocoder-y-", "autocoder-x-")
        assert list(temporary.iterdir()) == [ours]
    assert list(temporary.iterdir()) == []


def test_nothing_that_others_plant_is_swept_or_followed(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir(mode=0o755)
    (tmp_path / "precious/file").write_text("")
    (temporary / "autocoder-x-locked-link").symlink_to(tmp_path / "precious")
    (temporary / "autocoder-x-locked-file").write_text("")
    os.mkfifo(temporary / "autocoder-x-locked-pipe")
    (temporary / "autocoder-x-older").mkdir()
    (temporary / "autocoder-x-locked-inner").mkdir()
    (temporary / "autocoder-x-locked-inner/link").symlink_to(tmp_path / "precious")
    sweep("autocoder-x-")
    assert (tmp_path / "precious/file").exists()
    assert (tmp_path / "precious").stat().st_mode & 0o777 == 0o755
    left = sorted(path.name for path in temporary.iterdir())
    assert left == [
        "autocoder-x-locked-file",
        "autocoder-x-locked-link",
        "autocoder-x-locked-pipe",
        "autocoder-x-older",
    ]


def test_what_takes_the_name_of_a_folder_that_goes_is_left_alone(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "precious").mkdir(mode=0o755)
    folder = temporary / "autocoder-x-locked-gone"
    folder.mkdir()

    def opened_too_late(path: str) -> int:
        lock = os.open(path, os.O_RDONLY)
        folder.rmdir()
        folder.symlink_to(tmp_path / "precious")
        return lock

    monkeypatch.setattr(module, "_open", opened_too_late)
    sweep("autocoder-x-")
    assert (tmp_path / "precious").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders of others")
def test_another_users_folder_is_not_swept(temporary: Path) -> None:
    (temporary / "autocoder-x-locked-theirs").mkdir()
    os.chown(temporary / "autocoder-x-locked-theirs", 12345, 12345)
    sweep("autocoder-x-")
    assert len(list(temporary.iterdir())) == 1


def test_a_folder_that_was_just_made_is_safe(temporary: Path) -> None:
    done = threading.Event()

    def sweeping() -> None:
        while not done.is_set():
            sweep("autocoder-x-")

    sweepers = [threading.Thread(target=sweeping) for _ in range(3)]
    for sweeper in sweepers:
        sweeper.start()
    try:
        for _ in range(300):
            with scratch("autocoder-x-") as folder:
                (folder / "file").write_text("kept")
                assert (folder / "file").read_text() == "kept"
    finally:
        done.set()
        for sweeper in sweepers:
            sweeper.join()
    assert list(temporary.iterdir()) == []

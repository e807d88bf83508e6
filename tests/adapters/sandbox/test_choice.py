"""Which mechanism is chosen, by trying; and that the self-test sees what a leak is."""

import subprocess
from collections.abc import Iterator
from shutil import which
from typing import Any

import pytest

from flows.adapters import sandbox
from flows.adapters.sandbox.base import Job, Sandbox, common_order
from flows.adapters.sandbox.bubblewrap import Bubblewrap
from flows.adapters.sandbox.landlock import Landlock
from flows.adapters.sandbox.policy import REFUSED, rules
from flows.adapters.sandbox.self_test import probe


@pytest.fixture(autouse=True)
def undecided() -> Iterator[None]:
    sandbox._choose.cache_clear()
    yield
    sandbox._choose.cache_clear()


class Leaky(Landlock):
    """Landlock with a part of it left out."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self.changes = changes

    def order(self, job: Job) -> dict[str, Any]:
        order = super().order(job)
        more = self.changes.get("readable", [])
        return order | self.changes | {"readable": [*order["readable"], *more]}


def works() -> bool:
    return Landlock().self_test() is None


needs_landlock = pytest.mark.skipif(not works(), reason="no Landlock here")


@needs_landlock
def test_landlock_is_chosen_where_it_holds_and_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = sandbox.choose()
    assert isinstance(chosen, Landlock)
    assert chosen.mechanism.startswith("landlock, ")
    monkeypatch.setattr(Landlock, "self_test", lambda self: "no longer")
    assert sandbox.choose() is chosen


@pytest.mark.skipif(Bubblewrap().self_test() is not None, reason="no bubblewrap here")
def test_bubblewrap_is_chosen_where_the_kernel_lacks_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Landlock, "_abi", lambda self: 0)
    assert isinstance(sandbox.choose(), Bubblewrap)


def bare_bwrap_works() -> bool:
    """By itself, without anything of ours."""
    words = ["bwrap", "--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "--unshare-net", "true"]
    return which("bwrap") is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not bare_bwrap_works(), reason="bwrap is not installed, or may not make namespaces")
def test_bubblewrap_holds_wherever_it_can_make_namespaces() -> None:
    assert Bubblewrap().self_test() is None


@needs_landlock
def test_landlock_of_an_early_kernel_is_chosen_where_there_is_no_bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Landlock, "_abi", lambda self: 3)
    monkeypatch.setattr(Bubblewrap, "self_test", lambda self: "bwrap is not installed")
    assert isinstance(sandbox.choose(), Landlock)


def test_nothing_is_executed_where_nothing_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Landlock, "_abi", lambda self: 0)
    monkeypatch.setenv("PATH", "/nowhere")
    told = sandbox.choose()
    assert isinstance(told, str)
    assert "the kernel has no Landlock" in told
    assert "bwrap is not installed" in told
    assert "apt-get install bubblewrap" in told


@needs_landlock
@pytest.mark.parametrize(
    ("leak", "told"),
    [
        ({"confined_by": "nothing"}, "could read a file outside"),
        ({"confined_by": "nothing"}, "could connect to this machine"),
        ({"filter": "", "filter_of_own_mounts": ""}, "could not run anything"),
        ({"mounts": ["/"]}, "could change mode or times of a file outside"),
        ({"readable": ["/tmp", "/var/tmp"]}, "could read a file outside"),
        ({"readable": ["/proc"]}, "could read /proc"),
    ],
)
def test_the_self_test_sees_a_leak(leak: dict[str, Any], told: str) -> None:
    assert told in (probe(Leaky(**leak)) or "")


def test_the_supervisor_says_what_it_could_not_do() -> None:
    class Broken(Landlock):
        def order(self, job: Job) -> dict[str, Any]:
            return super().order(job) | {"filter": "", "filter_of_own_mounts": "", "abi": 1}

    assert "seccomp" in (Broken().self_test() or "")


def test_every_call_that_is_refused_is_known_to_libseccomp() -> None:
    pyseccomp = pytest.importorskip("pyseccomp")
    unknown = [call for call in REFUSED if pyseccomp.resolve_syscall(pyseccomp.Arch.X86_64, call) == -1]
    assert set(unknown) <= {"setxattrat", "removexattrat", "open_tree_attr", "file_setattr"}


@pytest.mark.parametrize(
    ("owns_others", "own_mounts", "pretended"),
    [(True, False, {"chmod", "utimensat"}), (False, False, {"utimensat"}), (True, True, set()), (False, True, set())],
)
def test_modes_and_times_are_only_pretended_where_they_could_be_those_of_other_files(
    owns_others: bool, own_mounts: bool, pretended: set[str]
) -> None:
    made = {call for number, call, _ in rules(owns_others, own_mounts, abi=7) if number == 0}
    assert made & {"chmod", "utimensat"} == pretended


def test_a_sandbox_is_complete() -> None:
    assert all(isinstance(made, Sandbox) for made in (Landlock(), Bubblewrap()))
    assert common_order.__doc__

"""Caches stay within their bounds, and what is in use stays."""

import os
import shutil
import time
from pathlib import Path

import pytest

from flows.adapters.caches import Caches
from stages.errors import Misconfigured

HOUR = 3600.0
DAY = 24 * HOUR


def put(home: Path, path: str, age: float, size: int = 10) -> Path:
    """A file, and the entry that it belongs to, last used so long ago."""
    file = home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    entry = home / "/".join(path.split("/")[:2])
    os.utime(entry, (time.time() - age, time.time() - age))
    return entry


def test_what_was_not_used_for_days_goes_and_nothing_else(tmp_path: Path) -> None:
    old = [put(tmp_path, path, 8 * DAY) for path in ("results/a-1/draft-0", "mirrors/x-1.git/HEAD", "suites/s.json")]
    kept = [put(tmp_path, "results/b-1/draft-0", 6 * DAY), put(tmp_path, "environments/e/ready", 1 * DAY)]
    kept += [put(tmp_path, "at/1/outbox/c-1.json", 90 * DAY), put(tmp_path, "spending.db", 90 * DAY)]
    assert Caches(tmp_path, gigabytes=1, days=7, results=tmp_path / "results").tidy() == 3
    assert not any(entry.exists() for entry in old)
    assert all(entry.exists() for entry in kept), "an outbox is no cache"


def test_of_a_shared_folder_thoughts_and_forgotten_hand_outs_go_and_no_other_home(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    old = put(tmp_path, "shared/0a-1/draft-0", 8 * DAY)
    forgotten, young = (put(shared, f"handed-out/{n}/a-1.json", 0) / "a-1.json" for n in (1, 2))
    for path in (forgotten, shared / "handed-out"):
        os.utime(path, (time.time() - 8 * DAY,) * 2)
    home = tmp_path / "home"
    home.mkdir()
    assert Caches(home, gigabytes=1, days=7, results=shared).tidy() == 2
    assert [path.exists() for path in (old, forgotten, young)] == [False, False, True]


def test_over_the_bound_the_longest_unused_go_first(tmp_path: Path) -> None:
    entries = [put(tmp_path, f"mirrors/{n}.git/pack", age=(9 - n) * DAY, size=1000) for n in range(4)]
    assert Caches(tmp_path, gigabytes=2500 / 1e9, days=30).tidy() == 2
    assert [entry.exists() for entry in entries] == [False, False, True, True]


def test_thoughts_of_an_attempt_without_outcome_stay_at_any_age_and_size(tmp_path: Path) -> None:
    begun = put(tmp_path, "results/a-2/draft-0", 90 * DAY, size=1000)
    handed = put(tmp_path / "results", "handed-out/1/a-2.1.json", 90 * DAY) / "a-2.1.json"
    os.utime(handed, (time.time() - 90 * DAY,) * 2)
    others = [put(tmp_path, f"results/{key}/draft-0", 90 * DAY) for key in ("a-1", "b-1")]
    caches = Caches(tmp_path, gigabytes=1e-9, days=7, results=tmp_path / "results")
    assert caches.tidy(lambda keys: keys & {"a-2"}) == 2
    assert begun.exists()
    assert handed.exists()
    assert not any(entry.exists() for entry in others)


def test_thoughts_that_are_read_are_young_again(tmp_path: Path) -> None:
    entry = put(tmp_path, "results/a-1/draft-0", 8 * DAY)
    caches = Caches(tmp_path, gigabytes=1, days=7)
    for key in ("a-1", "never-stored-1"):
        caches.used(key)
    assert caches.tidy() == 0
    assert entry.exists()


def test_what_killed_processes_left_goes(tmp_path: Path) -> None:
    paths = ("mirrors/x.git.gone-1/HEAD", "checked/b.9.tmp", "suites/s.json.gone-2", "at/1/outbox/k.9.tmp")
    for path in paths:
        put(tmp_path, path, 0)
    long_ago = (time.time() - 8 * DAY,) * 2
    for path in paths:
        os.utime(tmp_path / path, long_ago)
        os.utime((tmp_path / path).parent, long_ago)
    young = put(tmp_path, "checked/c.9.tmp", HOUR)
    Caches(tmp_path, gigabytes=1, days=7).tidy()
    assert [path for path in paths if (tmp_path / path).exists()] == []
    assert young.exists()


def test_what_was_used_of_late_stays_whatever_the_bound(tmp_path: Path) -> None:
    entry = put(tmp_path, "mirrors/x.git/pack", age=HOUR, size=1000)
    assert Caches(tmp_path, gigabytes=0, days=0).tidy() == 0
    assert entry.exists()


def test_it_looks_once_an_hour(tmp_path: Path) -> None:
    now = [time.time()]
    caches = Caches(tmp_path, gigabytes=1, days=7, clock=lambda: now[0], results=tmp_path / "results")
    caches.tidy()
    put(tmp_path, "results/a-1/draft-0", 8 * DAY)
    assert caches.tidy() == 0
    now[0] += 2 * HOUR
    assert caches.tidy() == 1


def test_a_disk_that_is_nearly_full_is_told_before_anything_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches = Caches(tmp_path, gigabytes=1, days=7)
    caches.check_room(megabytes=1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 5 * 10**6, 5 * 10**6))
    with pytest.raises(Misconfigured, match=r"Only 5 MB are free .* AUTOCODER_FREE_MEGABYTES \(200\): make room"):
        caches.check_room(megabytes=200)

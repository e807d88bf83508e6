import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from threading import Event, Thread

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from flows.adapters.hub import Conflict, Hub, Missing
from flows.adapters.local_hub import LocalHub
from flows.adapters.local_hub_blobs import YOUNG_S, git_sha1
from flows.adapters.local_hub_store import SNAPSHOTS, Dataset
from tests.adapters.faults import Faults

DATASET = "autocoder/results"
CARD = (
    b"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/*.jsonl\n---\n# Results\n"
)


def python(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_datasets_loads_by_id_and_by_folder(hub_server: LocalHub, tmp_path: Path) -> None:
    hub_server.put(DATASET, {"README.md": CARD, "latest.json": b"{}", "_state/worker.json": b"[]"})
    for n in (1, 2):
        hub_server.put(DATASET, {f"data/{n:012d}.jsonl": b'{"iteration": %d}\n' % n})
    code = "import sys, datasets; [print(datasets.load_dataset(name)['train'][-1]) for name in sys.argv[1:]]"
    found = python(
        code.replace("sys.argv[1:]", repr([DATASET, str(hub_server.path(DATASET))])),
        HF_ENDPOINT=hub_server.address,
        HF_HOME=str(tmp_path / "home"),
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    assert found.split("\n")[:2] == ["{'iteration': 2}"] * 2


def test_the_hubs_own_client_works_unchanged(hub_server: LocalHub, tmp_path: Path) -> None:
    api = HfApi(endpoint=hub_server.address, token=False)
    api.create_repo(DATASET, repo_type="dataset")
    assert api.create_repo(DATASET, repo_type="dataset", exist_ok=True).repo_id == DATASET
    (tmp_path / "1.parquet").write_bytes(b"PAR1")
    api.upload_file(
        path_or_fileobj=tmp_path / "1.parquet", path_in_repo="data/1.parquet", repo_id=DATASET, repo_type="dataset"
    )
    assert api.list_repo_files(DATASET, repo_type="dataset") == [".gitattributes", "data/1.parquet"]
    assert [c.title for c in api.list_repo_commits(DATASET, repo_type="dataset")][-1] == "initial commit"
    folder = api.snapshot_download(DATASET, repo_type="dataset", cache_dir=tmp_path / "cache")
    assert (Path(folder) / "data/1.parquet").read_bytes() == b"PAR1"
    api.delete_file("data/1.parquet", DATASET, repo_type="dataset")
    assert hub_server.files(DATASET).keys() == {".gitattributes"}


def test_the_same_bytes_again_make_no_commit(hub: Hub, hub_server: LocalHub) -> None:
    first = hub_server.put(DATASET, {"a": b"one", "b": b"two"})
    assert hub.commit(DATASET, {"a": b"one"}, first, "message") == first
    assert hub_server.put(DATASET, {"b": b"two"}) == first


def test_every_commit_stays_readable_though_old_folders_go(hub: Hub, hub_server: LocalHub) -> None:
    made = [hub_server.put(DATASET, {"a": b"%d" % n}) for n in range(SNAPSHOTS + 3)]
    assert [hub.read(DATASET, commit, "a") for commit in made] == [b"%d" % n for n in range(SNAPSHOTS + 3)]
    folders = hub_server.path(DATASET).parent / "snapshots"
    assert {folder.name for folder in folders.iterdir()} == set(made[-SNAPSHOTS:])


def test_a_long_listing_comes_in_pages(hub: Hub, hub_server: LocalHub, faults: Faults) -> None:
    names = {f"iteration_{n}.json" for n in range(2500)}
    commit = hub_server.put(DATASET, dict.fromkeys(names, b"{}"))
    assert {entry.path for entry in hub.tree(DATASET, commit)} == names | {".gitattributes"}
    assert len(faults.seen) == 3


def test_a_listing_that_is_not_recursive_shows_folders(hub_server: LocalHub) -> None:
    hub_server.put(DATASET, {"data/deep/a": b"1", "data/b": b"2"})
    api = HfApi(endpoint=hub_server.address, token=False)
    flat = [item.path for item in api.list_repo_tree(DATASET, repo_type="dataset")]
    below = [item.path for item in api.list_repo_tree(DATASET, "data", repo_type="dataset")]
    assert (flat, below) == ([".gitattributes", "data"], ["data/b", "data/deep"])


@pytest.mark.parametrize("path", ["../a", "/a", "a//b", "a/../b", ".git/config", "a\0", "", "folder", "file/b"])
def test_a_path_that_cannot_be_is_refused(hub_server: LocalHub, path: str) -> None:
    hub_server.put(DATASET, {"folder/a": b"1", "file": b"2"})
    line = {"key": "file", "value": {"path": path, "content": "", "encoding": "base64"}}
    request = urllib.request.Request(
        f"{hub_server.address}/api/datasets/{DATASET}/commit/main", json.dumps(line).encode(), method="POST"
    )
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)
    assert hub_server.files(DATASET).keys() == {".gitattributes", "folder/a", "file"}


def test_only_what_was_uploaded_can_be_committed_by_lfs(lfs_hub_server: LocalHub) -> None:
    lfs_hub_server.put(DATASET, {})
    base = f"{lfs_hub_server.address}/datasets/{DATASET}.git/lfs/{'0' * 64}"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(base, b"other bytes", method="PUT"))
    line = {"key": "lfsFile", "value": {"path": "a", "algo": "sha256", "oid": "0" * 64, "size": 1}}
    url = f"{lfs_hub_server.address}/api/datasets/{DATASET}/commit/main"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(url, json.dumps(line).encode(), method="POST"))


def test_a_deletion_of_nothing_is_missing(hub: Hub, hub_server: LocalHub) -> None:
    head = hub_server.put(DATASET, {})
    with pytest.raises(Missing, match="doesn't exist: nothing"):
        hub.commit(DATASET, {"nothing": None}, head, "message")


def test_only_datasets_and_spaces_are_kept(hub_server: LocalHub) -> None:
    with pytest.raises(HfHubHTTPError, match="datasets and Spaces only"):
        HfApi(endpoint=hub_server.address, token=False).create_repo("autocoder/model")


def test_a_browser_sees_datasets_files_and_card(hub: Hub, hub_server: LocalHub) -> None:
    commit = hub_server.put(DATASET, {"README.md": CARD})
    with urllib.request.urlopen(hub_server.address) as page:
        assert page.read().decode() == f"{hub.url(DATASET)}\n"
    with urllib.request.urlopen(hub.url(DATASET, commit)) as page:
        assert b"README.md" in (shown := page.read())
        assert b"# Results" in shown


def test_writers_that_compete_lose_nothing(hub_server: LocalHub, hub: Hub) -> None:
    hub_server.put(DATASET, {"rows": b""})

    def write(writer: int) -> None:
        left = [b"%d-%d\n" % (writer, n) for n in range(5)]
        while left:
            head = hub.head(DATASET)
            rows = hub.read(DATASET, head, "rows")
            try:
                hub.commit(DATASET, {"rows": rows + left[0]}, head, "a row")
            except Conflict:
                continue
            left.pop(0)

    threads = [Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = hub.read(DATASET, "main", "rows").splitlines()
    assert sorted(rows) == sorted(b"%d-%d" % (writer, n) for writer in range(4) for n in range(5))


def test_bytes_that_are_there_are_not_replaced_by_a_writer_who_looked_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.create(tmp_path / "owner" / "name")
    there = dataset.blobs.file(dataset.blobs.keep(b"one")).stat().st_ino
    monkeypatch.setattr(Path, "exists", lambda _: False)
    assert dataset.blobs.file(dataset.blobs.keep(b"one")).stat().st_ino == there


def test_a_reader_of_the_folder_never_sees_half_a_commit(hub_server: LocalHub) -> None:
    hub_server.put(DATASET, {"a": b"0", "b": b"0"})
    main, done, torn = hub_server.path(DATASET), Event(), []

    def read() -> None:
        while not done.is_set():
            folder = main.resolve()
            seen = {(folder / name).read_bytes() for name in "ab"}
            torn.extend(seen if len(seen) > 1 else [])

    reader = Thread(target=read)
    reader.start()
    for n in range(SNAPSHOTS - 1):
        hub_server.put(DATASET, {"a": b"%d" % n, "b": b"%d" % n})
    done.set()
    reader.join()
    assert torn == []


def test_a_squash_by_the_hubs_own_client_leaves_one_commit_with_the_same_files(hub_server: LocalHub) -> None:
    first = hub_server.put(DATASET, {"a.txt": b"1", "old.txt": b"gone"})
    hub_server.put(DATASET, {"a.txt": b"2", "old.txt": None})
    before = hub_server.files(DATASET)
    api = HfApi(endpoint=hub_server.address, token=False)
    api.super_squash_history(DATASET, repo_type="dataset", commit_message="all in one")
    assert [c.title for c in api.list_repo_commits(DATASET, repo_type="dataset")] == ["all in one"]
    assert hub_server.files(DATASET) == before
    with pytest.raises(Missing, match="squashed"):
        Hub(hub_server.address).read(DATASET, first, "a.txt")


def test_a_squash_frees_bytes_that_no_commit_names_unless_they_may_be_on_their_way_into_one(
    hub_server: LocalHub,
) -> None:
    hub_server.put(DATASET, {"a.txt": b"old"})
    hub_server.put(DATASET, {"a.txt": b"young"})
    hub_server.put(DATASET, {"a.txt": b"today's"})
    blobs = hub_server.path(DATASET).parent / "blobs"
    for content in (b"old", b"today's"):
        long_ago = time.time() - 2 * YOUNG_S
        os.utime(blobs / git_sha1(content), (long_ago, long_ago))
    hub_server.squash(DATASET)
    kept = [content for content in (b"old", b"young", b"today's") if (blobs / git_sha1(content)).exists()]
    assert kept == [b"young", b"today's"]
    assert Hub(hub_server.address).storage(DATASET) == sum(blob.stat().st_size for blob in blobs.iterdir())

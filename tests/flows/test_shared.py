"""Items and their ends travel through whatever storage Prefect can write to."""

from pathlib import Path

import pytest
from prefect.filesystems import LocalFileSystem, RemoteFileSystem, WritableFileSystem
from pydantic import Field

from flows.handed import Ended, HandedOut
from flows.shared import Shared
from stages.errors import Defect, Transient
from tests.outcomes import full

ITEM = full().item
END = Ended.as_told(ITEM, Defect("a fault"), [], {})


class Plain(WritableFileSystem):
    """A storage that can do no more than it must, as those of Prefect's integrations."""

    files: dict[str, bytes] = Field(default_factory=dict)

    async def read_path(self, path: str) -> bytes:
        return self.files[path]

    async def write_path(self, path: str, content: bytes) -> None:
        self.files[path] = content


@pytest.fixture(params=["folder", "fsspec", "plain"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> WritableFileSystem:
    if request.param == "folder":
        return LocalFileSystem(basepath=str(tmp_path))
    if request.param == "fsspec":
        return RemoteFileSystem(basepath=f"memory://{tmp_path.name}")
    return Plain()


async def test_an_item_stays_as_it_was_first_handed_out_until_it_is_forgotten(files: WritableFileSystem):
    store = Shared(files, "here")
    first = HandedOut(item=ITEM)
    assert await store.handed_out(ITEM.key) is None
    assert await store.hand_out(first) == first
    assert await store.hand_out(HandedOut(item=ITEM.model_copy(update={"revision": "f" * 40}))) == first
    assert await Shared(files, "of another Hub").handed_out(ITEM.key) is None
    await store.forget(ITEM.key)
    assert await store.handed_out(ITEM.key) is None


async def test_an_end_belongs_to_one_hand_out(files: WritableFileSystem):
    store = Shared(files, "here")
    await store.end(ITEM.key, 2, END)
    assert [await store.ended(ITEM.key, number) for number in (1, 2)] == [None, END]
    await store.forget_end(ITEM.key, 1)
    await store.forget_end(ITEM.key, 2)
    assert await store.ended(ITEM.key, 2) is None


async def test_what_was_spent_is_what_was_told_last(files: WritableFileSystem):
    store = Shared(files, "here")
    assert await store.spent() == {}
    await store.tell({"2030-05-17": {"abc": 1}})
    await store.tell({"2030-05-17": {"abc": 2}})
    assert await store.spent() == {"2030-05-17": {"abc": 2}}


async def test_half_an_end_is_none(tmp_path: Path):
    store = Shared(LocalFileSystem(basepath=str(tmp_path)), "here")
    await store.end(ITEM.key, 1, END)
    (file,) = tmp_path.glob("handed-out/here/*.json")
    file.write_bytes(file.read_bytes()[:-10])
    assert await store.ended(ITEM.key, 1) is None


async def test_a_storage_that_takes_nothing_is_told(tmp_path: Path):
    (tmp_path / "handed-out").write_text("in the way")
    with pytest.raises(Transient, match=r"cannot be written to the result storage .* AUTOCODER_RESULTS"):
        await Shared(LocalFileSystem(basepath=str(tmp_path)), "here").end(ITEM.key, 1, END)

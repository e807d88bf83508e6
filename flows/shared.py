"""What runs hand each other through the result storage: a folder that all machines share, or a block of Prefect's."""

import asyncio
import inspect
from contextlib import suppress
from typing import Any, TypeVar

from prefect.filesystems import LocalFileSystem, RemoteFileSystem, WritableFileSystem
from prefect.results import aget_default_result_storage
from pydantic import ValidationError

from flows.handed import Ended, HandedOut, Spent, Told
from stages.errors import Transient
from stages.models import Frozen

M = TypeVar("M", bound=Frozen)
FOLDER = "handed-out"


class Shared:
    """Items handed out by all who work for the same Hub and datasets, and how each hand-out ended.

    files: the storage. place: names the Hub and the datasets.
    """

    def __init__(self, files: WritableFileSystem, place: str) -> None:
        self._files = files
        self._folder = f"{FOLDER}/{place}"

    async def hand_out(self, handed: HandedOut) -> HandedOut:
        """The item as it was first handed out, now if it was not before. Raises Transient when it cannot be kept."""
        path = f"{self._folder}/{handed.item.key}.json"
        if known := await self._read(path, HandedOut):
            return known
        await self._write(path, handed)
        return handed

    async def handed_out(self, key: str) -> HandedOut | None:
        """The item; None where it was not handed out, or cannot be read."""
        return await self._read(f"{self._folder}/{key}.json", HandedOut)

    async def tell(self, spent: Spent) -> None:
        """Let the runs of items know what was spent. Raises Transient when it cannot be kept."""
        await self._write(f"{self._folder}/spent.json", Told(spent=spent))

    async def spent(self) -> Spent:
        """What was told last."""
        told = await self._read(f"{self._folder}/spent.json", Told)
        return told.spent if told else {}

    async def end(self, key: str, number: int, ended: Ended) -> None:
        """Keep how the hand-out ended. Raises Transient when it cannot be kept."""
        await self._write(self._end_of(key, number), ended)

    async def ended(self, key: str, number: int) -> Ended | None:
        """How the hand-out ended; None where nothing is told, or no more than a part."""
        return await self._read(self._end_of(key, number), Ended)

    async def forget_end(self, key: str, number: int) -> None:
        """Remove how a hand-out ended."""
        await self._remove(self._end_of(key, number))

    async def forget(self, key: str) -> None:
        """Remove the item."""
        await self._remove(f"{self._folder}/{key}.json")

    def _end_of(self, key: str, number: int) -> str:
        return f"{self._folder}/{key}.{number}.json"

    async def _read(self, path: str, kind: type[M]) -> M | None:
        try:
            content = await _done(self._files.read_path(path))
            return kind.model_validate_json(content)
        except ValidationError:  # half written, emptied, or of another version
            return None
        except Exception:  # each storage has errors of its own for what is not there
            return None

    async def _write(self, path: str, record: Frozen) -> None:
        try:
            await _done(self._files.write_path(path, record.model_dump_json().encode()))
        except Exception as error:
            raise Transient(
                f"{path} cannot be written to the result storage ({error!r}): see AUTOCODER_RESULTS."
            ) from error

    async def _remove(self, path: str) -> None:
        """Gone; emptied, where a storage can do no more. What stays for a fault has no meaning any more."""
        with suppress(Exception):
            if isinstance(self._files, LocalFileSystem):
                await asyncio.to_thread(self._files._resolve_path(path).unlink, missing_ok=True)
            elif isinstance(self._files, RemoteFileSystem):
                await asyncio.to_thread(self._files.filesystem.rm, self._files._resolve_path(path))
            elif await self._exists(path):
                await _done(self._files.write_path(path, b""))

    async def _exists(self, path: str) -> bool:
        try:
            return bool(await _done(self._files.read_path(path)))
        except Exception:
            return False


async def _done(found: Any) -> Any:
    """A block's methods may be coroutines or not."""
    return await found if inspect.isawaitable(found) else found


async def shared(place: str) -> Shared:
    """The storage that the settings of this environment name. Raises Transient where its block cannot be had."""
    try:
        return Shared(await aget_default_result_storage(), place)
    except Exception as error:
        raise Transient(f"The result storage cannot be had ({error!r}): see AUTOCODER_RESULTS.") from error

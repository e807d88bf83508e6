"""JSON beside the thoughts that are stored: in a folder, or in a block of Prefect's."""

import asyncio
import inspect
from contextlib import suppress
from typing import Any, TypeVar

from prefect.filesystems import LocalFileSystem, RemoteFileSystem, WritableFileSystem
from prefect.results import aget_default_result_storage
from pydantic import ValidationError

from stages.errors import Transient
from stages.models import Frozen

M = TypeVar("M", bound=Frozen)


class Records:
    """Records by path in a storage."""

    def __init__(self, files: WritableFileSystem) -> None:
        self._files = files

    async def read(self, path: str, kind: type[M]) -> M | None:
        """The record; None where there is none, or no more than a part of one."""
        try:
            content = await _done(self._files.read_path(path))
            return kind.model_validate_json(content)
        except ValidationError:  # half written, emptied, or of another version
            return None
        except Exception:  # each storage has errors of its own for what is not there
            return None

    async def write(self, path: str, record: Frozen) -> None:
        """Keep it. Raises Transient when it cannot be kept."""
        try:
            await _done(self._files.write_path(path, record.model_dump_json().encode()))
        except Exception as error:
            raise Transient(
                f"{path} cannot be written to the result storage ({error!r}): see AUTOCODER_RESULTS."
            ) from error

    async def remove(self, path: str) -> None:
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


async def storage() -> WritableFileSystem:
    """What the settings of this environment name. Raises Transient where its block cannot be had."""
    try:
        return await aget_default_result_storage()
    except Exception as error:
        raise Transient(f"The result storage cannot be had ({error!r}): see AUTOCODER_RESULTS.") from error

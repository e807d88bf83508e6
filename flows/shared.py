"""What runs hand each other through the result storage: a folder that all machines share, or a block of Prefect's."""

from prefect.filesystems import WritableFileSystem

from flows.handed import Ended, HandedOut, Spent, Told
from flows.records import Records, storage

FOLDER = "handed-out"


class Shared(Records):
    """Items handed out by all who work for the same Hub and datasets, and how each hand-out ended.

    files: the storage. place: names the Hub and the datasets.
    """

    def __init__(self, files: WritableFileSystem, place: str) -> None:
        super().__init__(files)
        self._folder = f"{FOLDER}/{place}"

    async def hand_out(self, handed: HandedOut) -> HandedOut:
        """The item as it was first handed out, now if it was not before. Raises Transient when it cannot be kept."""
        path = f"{self._folder}/{handed.item.key}.json"
        if known := await self.read(path, HandedOut):
            return known
        await self.write(path, handed)
        return handed

    async def handed_out(self, key: str) -> HandedOut | None:
        """The item; None where it was not handed out, or cannot be read."""
        return await self.read(f"{self._folder}/{key}.json", HandedOut)

    async def tell(self, spent: Spent) -> None:
        """Let the runs of items know what was spent. Raises Transient when it cannot be kept."""
        await self.write(f"{self._folder}/spent.json", Told(spent=spent))

    async def spent(self) -> Spent:
        """What was told last."""
        told = await self.read(f"{self._folder}/spent.json", Told)
        return told.spent if told else {}

    async def end(self, key: str, number: int, ended: Ended) -> None:
        """Keep how the hand-out ended. Raises Transient when it cannot be kept."""
        await self.write(self._end_of(key, number), ended)

    async def ended(self, key: str, number: int) -> Ended | None:
        """How the hand-out ended; None where nothing is told, or no more than a part."""
        return await self.read(self._end_of(key, number), Ended)

    async def forget_end(self, key: str, number: int) -> None:
        """Remove how a hand-out ended."""
        await self.remove(self._end_of(key, number))

    async def forget(self, key: str) -> None:
        """Remove the item."""
        await self.remove(f"{self._folder}/{key}.json")

    def _end_of(self, key: str, number: int) -> str:
        return f"{self._folder}/{key}.{number}.json"


async def shared(place: str) -> Shared:
    """What is handed out in the storage of this environment. Raises Transient where its block cannot be had."""
    return Shared(await storage(), place)

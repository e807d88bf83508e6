"""Finished outcomes on disk until the results dataset has them."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from stages.outcome import Outcome


class Outbox(Collection[str]):
    """A folder with one JSON file per finished outcome, named by the id of its row.

    As a collection it holds the ids of the rows that wait, at the moment of asking.
    A file appears whole or not at all, and goes only once its row is committed: what a dead run finished is
    published by the next one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, outcome: Outcome) -> None:
        """Keep the outcome. Raises OSError when the disk is full; nothing half-written stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / f"{outcome.item.key}.json"
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(outcome.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def __contains__(self, key: object) -> bool:
        return (self.folder / f"{key}.json").exists()

    def __iter__(self) -> Iterator[str]:
        return (path.stem for path in self.folder.glob("*.json"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def waiting(self) -> list[Outcome]:
        """The outcomes that wait, oldest first. What cannot be published is put aside as `.unreadable`.

        That is what an incompatible version wrote, and a file that has the name of another outcome, which no commit
        would take away.
        """
        outcomes = []
        for path in self.folder.glob("*.json"):
            try:
                outcome = Outcome.model_validate_json(path.read_bytes())
                if outcome.item.key != path.stem:
                    raise ValueError(outcome.item.key)
                outcomes.append(outcome)
            except FileNotFoundError:
                continue  # another run published it this moment
            except ValueError:  # pydantic's are such
                with suppress(FileNotFoundError):
                    path.replace(path.with_suffix(".unreadable"))
        return sorted(outcomes, key=lambda outcome: outcome.finished)

    def unreadable(self) -> tuple[str, ...]:
        """A sentence for each outcome that was put aside."""
        return tuple(
            f"The finished outcome {path} cannot be published: an incompatible version of the worker wrote it, or "
            "somebody renamed it. Its item is worked on again, what was thought is not paid for again. Delete the "
            "file, or have that version publish it (as .json, with the name that it had)."
            for path in sorted(self.folder.glob("*.unreadable"))
        )

    def drop(self, keys: set[str]) -> None:
        """Forget outcomes that are committed."""
        for key in keys:
            (self.folder / f"{key}.json").unlink(missing_ok=True)

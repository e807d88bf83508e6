"""A reply that must be shown back is kept: whatever becomes of the second turn, the first is paid for once."""

from flows.records import Records, storage
from stages.models import Ask, Question, Reply


def remembering(path: str, ask: Ask) -> Ask:
    """The same `ask` for one conversation, whose first reply is kept at this path of the result storage meanwhile."""
    records: Records | None = None
    first: Reply | None = None

    async def remembered(question: Question) -> Reply:
        nonlocal records, first
        records = records or Records(await storage())
        if question.turn > 1:
            if first:
                await records.write(path, first)
            return await ask(question)
        first = await records.read(path, Reply) or await ask(question)
        return first

    return remembered

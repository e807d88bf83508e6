"""A list of replies in the place of a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stages.models import Question, Reply, Usage

COST = Usage(prompt_tokens=100, completion_tokens=10, requests=1)


@dataclass
class Replies:
    """Answers in order, each a text or a Reply; keeps the questions."""

    answers: Sequence[str | Reply]
    questions: list[Question] = field(default_factory=list)

    async def ask(self, question: Question) -> Reply:
        answer = self.answers[len(self.questions)]
        self.questions.append(question)
        return Reply(text=answer, model="listed", usage=COST) if isinstance(answer, str) else answer


def texts(known: Mapping[str, str]):
    """Old texts as an adapter gives them."""

    async def old(paths: Sequence[str]) -> Mapping[str, str]:
        return {path: known[path] for path in paths if path in known}

    return old


def edit(search: str, replace: str) -> str:
    """One part of an EDIT, from texts that end with a line break."""
    return f"<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"

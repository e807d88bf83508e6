"""The base of the six answer types: the answer type is the stage."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

from stages.models import Brief, Frozen, Usage


class Level(StrEnum):
    """How likely, how bad, how hard."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Answer(Frozen):
    """What one stage of thought returns. Subclasses name the stage and add its rules."""

    number: ClassVar[int]
    title: ClassVar[str]
    """"Deep Understanding": as the dataset and the UI call the stage."""
    step: ClassVar[str]
    """"deep_understanding": the template's stem, the column, the step of the recording."""

    def faults(self, brief: Brief, earlier: "Earlier") -> Iterator[str]:
        """Each broken rule as a sentence that tells the model what to mend; nothing when all hold."""
        yield from ()


Earlier = Sequence[Answer]
"""The answers a stage may see, in the order they were given."""

A = TypeVar("A", bound=Answer)


class Thought(Frozen, Generic[A]):
    """An answer and what it cost."""

    answer: A
    usage: Usage = Usage()
    model: str = ""
    note: str = ""


def find(earlier: Earlier, kind: type[A]) -> A | None:
    """The earlier answer of that kind, None when it was not given."""
    return next((a for a in earlier if isinstance(a, kind)), None)

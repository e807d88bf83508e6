"""The base of the six answer types: the answer type is the stage."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import BeforeValidator, ConfigDict

from stages.models import Brief, Frozen, Usage


class Word(StrEnum):
    """One of a few words; read however a model writes it: "low", "Over engineered", "HIGH - two callers"."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        said = str(value).upper()
        start = re.split(r"[:;,.(]|\s[-–—]", said, maxsplit=1)[0]
        words = {_letters(member): member for member in cls}
        return words.get(_letters(said)) or words.get(_letters(start))


def _letters(text: str) -> str:
    return re.sub(r"[^A-Z]", "", text)


class Level(Word):
    """How likely, how bad, how hard."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


def as_list(value: Any) -> Any:
    """A single text as a list of one, null as an empty one; blank texts are none."""
    if value is None:
        return ()
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, list | tuple):
        return values
    return tuple(each for each in values if not (isinstance(each, str) and not each.strip()))


def _labels(value: Any) -> Any:
    if isinstance(value, str):
        value = re.split(r"[,;]|\band\b", value)
    if not isinstance(value, list | tuple):
        return as_list(value)
    return [found[1].upper() if (found := re.match(r"\s*([rt]\d+)\b", str(v), re.IGNORECASE)) else v for v in value]


Texts = Annotated[tuple[str, ...], BeforeValidator(as_list)]
"""Several texts; a single one counts as a list of one, null as none, and so does a blank one."""
Labels = Annotated[tuple[str, ...], BeforeValidator(_labels)]
"""R1, T2, …; also of "r1", "T2: empty input" and "R1, R3"."""


class Part(Frozen):
    """A value within an answer. A field too many is passed over: not worth another turn of the model."""

    model_config = ConfigDict(extra="ignore")


class Answer(Part):
    """What one stage of thought returns. Subclasses name the stage and add its rules."""

    number: ClassVar[int]
    title: ClassVar[str]
    """"Deep Understanding": as the dataset and the UI call the stage."""
    step: ClassVar[str]
    """"deep_understanding": the template's stem, the column, the step of the recording."""
    sees: ClassVar[int]
    """How many earlier answers it is shown."""

    def faults(self, brief: Brief, earlier: "Earlier") -> Iterator[str]:
        """Each broken rule as a sentence that tells the model what to mend; nothing when all hold."""
        yield from ()

    def told(self) -> dict[str, Any]:
        """The answer as later stages are shown it: plain JSON values."""
        return self.model_dump(mode="json")


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

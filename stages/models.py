"""What travels: from a finding to a draft and its verdict. All frozen; a step returns something new."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from stages.text import cut

ATTACHED, ALL_ATTACHED = 24_000, 60_000
"""Characters shown of one file that came with a finding, and of all of them."""


class Frozen(BaseModel):
    """A value: immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(Frozen):
    """Where an input came from, exactly enough to fetch the same bytes again."""

    dataset: str
    revision: str
    """Full commit sha of the dataset that was read."""
    path: str
    blob_id: str
    row: int | None = None
    """Row within the file, for JSON Lines and Parquet; None where the file is one record."""


class Finding(Frozen):
    """Something an analysis found about code."""

    title: str
    description: str = ""
    recommendations: tuple[str, ...] = ()
    severity: str = ""
    """critical, high, medium, low, or empty; case-folded."""
    file: str = ""
    line: int | None = None
    perspective: str = ""
    id: str = ""
    """The upstream's own id, if it gave one; ours is WorkItem.id."""
    analysis_id: str = ""
    """Id of the record that held it, if it gave one."""
    files: dict[str, str] = {}
    """Path → text that the upstream attached."""
    check: str = ""
    """A command that fails now and passes once the finding is mended."""
    extra: str = "{}"
    """JSON object of fields that we do not know: shown to the model as data."""


class TestPlan(Frozen):
    """What an upstream planned to test, with the reason it belongs to an item."""

    __test__ = False  # the name is the field's word, not a pytest class

    perspective: str = ""
    body: str = "{}"
    """JSON object: the plan as its author nested it."""
    cases: tuple[str, ...] = ()
    """Test cases that the plan names; the testing strategy must take each up."""
    tests: dict[str, str] = {}
    """Path → text of executable acceptance tests: trusted, never edited by a model."""
    why: str
    """Why it belongs to this item: "names the finding", "same file", …"""
    source: Source


class WorkItem(Frozen):
    """One actionable finding with the test plans that belong to it, pinned when first taken up."""

    id: str
    """16 hex digits: a hash of repository, finding text and file (see stages.matching)."""
    attempt: int = 1
    repository: str = ""
    """git URL or local path; empty: the item is written as new files."""
    revision: str = ""
    """Full commit sha, empty without a repository."""
    finding: Finding
    plans: tuple[TestPlan, ...] = ()
    source: Source

    @property
    def key(self) -> str:
        """Item and attempt: the id of the row that will come of it."""
        return f"{self.id}-{self.attempt}"


class CodeView(Frozen):
    """What the model is shown of a repository at one revision, within a budget of tokens."""

    paths: tuple[str, ...] = ()
    """Every file of the tree, sorted; rules check planned paths against it."""
    links: tuple[str, ...] = ()
    """Those of `paths` that are symbolic links: never written to."""
    files: dict[str, str] = {}
    """Path → text of the files shown whole: the finding's file first, then its neighbours by import."""
    outline: str = ""
    """The rest: one line per file, with the names it defines."""
    left_out: str = ""
    """What did not fit, said plainly; empty when all was shown."""


class Brief(Frozen):
    """All that a model is told about one item before it starts to think."""

    item: WorkItem
    code: CodeView = CodeView()

    @property
    def cases(self) -> tuple[str, ...]:
        """Upstream's test cases without repetition, in plan order; the model knows them as T1, T2, …"""
        return tuple(dict.fromkeys(case for plan in self.item.plans for case in plan.cases))

    @property
    def attached(self) -> dict[str, str]:
        """Path → what is shown of each file that came with the finding: a long one is cut."""
        files = self.item.finding.files
        room = min(ATTACHED, ALL_ATTACHED // max(1, len(files)))
        return {path: cut(text, room) for path, text in files.items()}

    @property
    def acceptance_tests(self) -> dict[str, str]:
        """Path → text of upstream's executable tests."""
        return {path: text for plan in self.item.plans for path, text in plan.tests.items()}


class Usage(Frozen):
    """What one or more model calls cost."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    requests: int = 0
    seconds: float = 0.0
    cost: float | None = None
    """US dollars, None where prices are not known."""
    estimated: bool = False
    """True when an endpoint did not report usage and we counted characters."""

    def __add__(self, other: "Usage") -> "Usage":
        costs = [c for c in (self.cost, other.cost) if c is not None]
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            requests=self.requests + other.requests,
            seconds=self.seconds + other.seconds,
            cost=sum(costs) if costs else None,
            estimated=self.estimated or other.estimated,
        )


class Message(Frozen):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Question(Frozen):
    """One question to a model, complete, and the key under which it is recorded."""

    item: str
    """WorkItem.id."""
    step: str
    """"deep_understanding", …, "draft", "repair-1", …"""
    turn: int = 1
    """2 when a bad reply is shown back."""
    messages: tuple[Message, ...]
    schema_: dict[str, Any] | None = None
    """JSON Schema of the wanted answer; None for prose with fenced files."""


class Reply(Frozen):
    """What came back, as text: reasoning tags already removed, valid UTF-8 without NUL."""

    text: str
    finish: str = "stop"
    """"stop", "length" (cut at the token limit), "content_filter" or "refusal"."""
    model: str = ""
    """As the endpoint names itself; `replay:…` where it is one."""
    usage: Usage = Usage()
    note: str = ""
    """Something the reader of the row should know: the prompt was cut silently, say."""


Ask = Callable[[Question], Awaitable[Reply]]
"""How `stages` reaches a model: the adapter hands one in, a test hands in a list of replies."""


class File(Frozen):
    """One text file by its path in the tree."""

    path: str
    content: str


class Draft(Frozen):
    """Whole new texts of the files that change."""

    summary: str = ""
    files: tuple[File, ...] = ()
    """The implementation."""
    tests: tuple[File, ...] = ()
    """The draft's own tests."""
    deleted: tuple[str, ...] = ()
    patch: str = ""
    """Unified diff by git, empty without a repository."""


class Grade(StrEnum):
    """What a verdict proves, strongest first."""

    PROVEN = "proven"
    """Upstream acceptance tests pass, and at least one failed before the change."""
    SELF_TESTED = "self-tested"
    """The draft's own tests pass, and failed before; or upstream's do, of which no more is known than an exit code, or
    which come with a caveat."""
    APPLIES = "applies"
    """The patch applies, and what is Python in it compiles; the tests decide nothing."""
    FAILED = "failed"
    UNVERIFIED = "unverified"
    """Nothing can be said; the reason says why."""


class TestResult(Frozen):
    """One test before and after the change."""

    __test__ = False

    id: str
    before: str = ""
    after: str = ""


class Verdict(Frozen):
    """What the tests prove about a draft."""

    grade: Grade
    by: str = ""
    """What decided: "acceptance tests", "regression", "own tests", or empty."""
    reason: str = ""
    tests: tuple[TestResult, ...] = ()
    broke: tuple[str, ...] = ()
    """Existing tests of the repository that passed before and fail now."""
    fixed: tuple[str, ...] = ()
    canaries: str = ""
    mechanism: str = ""
    """How the code was confined: "landlock", "bubblewrap", or empty when nothing was executed."""
    seconds: float = 0.0
    output: str = ""
    """The last lines of output."""

    @property
    def calls_for_repair(self) -> bool:
        """A draft that failed may be mended; nothing else may."""
        return self.grade is Grade.FAILED


class Attempt(Frozen):
    """One draft or repair of an item, and what came of it."""

    step: str
    """"draft", "repair-1", …, as in the recording."""
    summary: str
    changed: tuple[str, ...]
    """Paths written or deleted."""
    verdict: Verdict
    usage: Usage

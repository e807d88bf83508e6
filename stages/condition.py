"""The condition of the results dataset, and what is said of it."""

from collections.abc import Iterator, Sequence

from stages.markdown import blocks, bullets, inline
from stages.models import Frozen

GB = 10**9


class Quota(Frozen):
    """What the dataset may come to."""

    size: int
    """Bytes."""
    files: int
    warning: float
    """The share of either from which on we warn."""


class Condition(Frozen):
    """One head of the dataset, as it was found."""

    dataset: str
    head: str = ""
    """Empty where there is no dataset."""
    files: int = 0
    size: int = 0
    """Bytes of the files."""
    storage: int | None = None
    """Bytes with the whole history; None where the Hub does not tell."""
    rows: int = 0
    oldest: int = 0
    newest: int = 0
    """Iterations."""
    faults: tuple[str, ...] = ()
    """What is not sound: which shard or rows, and what to do."""
    notes: tuple[str, ...] = ()

    def near(self, quota: Quota) -> tuple[str, ...]:
        """A sentence for each quota that the dataset comes near to."""
        taken = max(self.size, self.storage or 0)
        told = []
        if taken > quota.size * quota.warning:
            told.append(
                f"{self.dataset} takes {taken / quota.size:.0%} of its quota of {quota.size / GB:,g} GB. "
                "AUTOCODER_KEEP_ROWS or AUTOCODER_KEEP_DAYS removes old rows, a squash the history "
                f"({max(0, taken - self.size) / GB:,.3g} GB of it)."
            )
        if self.files > quota.files * quota.warning:
            told.append(
                f"{self.dataset} has {self.files:,} files, {self.files / quota.files:.0%} of the {quota.files:,} that "
                "a dataset may have. The worker itself needs some 150: move away what else is there."
            )
        return tuple(told)

    def headline(self) -> str:
        """One sentence."""
        if not self.head:
            return f"{self.dataset} is not there yet: nothing was published."
        if self.faults:
            return f"{self.dataset} is not sound."
        return f"{self.dataset} is sound: {self.rows:,} rows in {self.files:,} files."


def text_report(found: Condition, quota: Quota, done: Sequence[str] = ()) -> str:
    """The whole report for a terminal. `done`: what was changed."""
    parts = ["\n".join([f"{title}:", *(f"- {s}" for s in said)]) for title, said in _parts(found, quota, done)]
    return blocks(found.headline(), *parts)


def markdown_report(found: Condition, quota: Quota, done: Sequence[str] = ()) -> str:
    """The same as a page."""
    parts = [f"## {title}\n\n{bullets(said)}" for title, said in _parts(found, quota, done)]
    return blocks(f"# {inline(found.headline())}", *parts)


def _parts(found: Condition, quota: Quota, done: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    told = {
        "Not sound": found.faults,
        "Near a quota": found.near(quota),
        "Done": done,
        "To know": found.notes,
        "Figures": tuple(_figures(found, quota)) if found.head else (),
    }
    return ((title, said) for title, said in told.items() if said)


def _figures(found: Condition, quota: Quota) -> Iterator[str]:
    yield f"commit {found.head}"
    yield f"{found.rows:,} rows" + (f", iterations {found.oldest:,} to {found.newest:,}" if found.rows else "")
    yield f"{found.files:,} of {quota.files:,} files"
    history = "" if found.storage is None else f"; {found.storage / 1e6:,.1f} MB with the history"
    yield f"{found.size / 1e6:,.1f} MB of {quota.size / GB:,g} GB{history}"

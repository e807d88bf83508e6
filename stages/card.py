"""The results dataset's card: what its columns are, how to load it, what it says so far."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stages.columns import Feature, Progress, Row, features
from stages.models import Grade

MEANINGS: Mapping[Grade, str] = {
    Grade.PROVEN: "Upstream's acceptance tests pass, and at least one of them failed before the change.",
    Grade.SELF_TESTED: "The draft's own tests pass, and failed before the change.",
    Grade.APPLIES: "The patch applies, and what is Python in it compiles; the tests decide nothing.",
    Grade.FAILED: "The tests say no: read the reason, and every attempt in `attempts`.",
    Grade.UNVERIFIED: "Nothing can be said, for the reason given. Nothing was executed, or nobody could decide.",
}

CARD = """\
---
pretty_name: Implementations
tags:
- code
- program-repair
configs:
- config_name: default
  data_files:
  - split: train
    path: data/*.parquet
dataset_info:
  features:
{features}
---

# Implementations

Findings about code, each turned into a change: understood, planned, written and tested by a worker around the clock.
One row is one decided attempt at one work item.

## Loading

```python
from datasets import load_dataset

rows = load_dataset("{dataset}")["train"]
rows[-1]  # the newest row
```

`latest.json` is the newest row alone: one small file instead of the whole dataset.

## Rows so far

{rows}

Up to the newest row: {implementations} implementations were written (rows with a draft), with {tests} test functions,
about {items} distinct work items. The same counts stand in each row's `cumulative_progress`:
`implementations_generated`, `tests_written`, `issues_discovered`, in that order.

A row whose `model` starts with `replay:` is a rehearsal: the answers come from a recording, no model was asked.

## Verdicts

{verdicts}

## Columns

{columns}

`_state/` belongs to the worker: which rows were decided and what was seen. Nothing there is needed to read the rows.
Files named `…iteration_N.json` at the root, where there are any, are an earlier worker's: they are not loaded, and
numbering and counts go on from them.
"""


def card(dataset: str, verdicts: Mapping[str, int], progress: Progress) -> str:
    """README.md of the dataset. `verdicts`: grade → rows."""
    counts = [(f"`{grade}`", f"{verdicts.get(grade, 0):,}") for grade in Grade if verdicts.get(grade)]
    return CARD.format(
        features="\n".join(yaml_lines(features(), "  ")),
        dataset=dataset,
        rows="\n".join(_table(("verdict", "rows"), [*counts, ("all", f"{sum(verdicts.values()):,}")])),
        implementations=f"{progress.implementations_generated:,}",
        tests=f"{progress.tests_written:,}",
        items=f"{progress.issues_discovered:,}",
        verdicts="\n".join(_table(("verdict", "meaning"), [(f"`{grade}`", MEANINGS[grade]) for grade in Grade])),
        columns="\n".join(_table(("column", "type", ""), list(_columns()))),
    )


def yaml_lines(columns: Sequence[Feature], indent: str) -> Iterator[str]:
    """The columns as a block of YAML, as `datasets` writes it. Names are identifiers, so nothing needs quotes."""
    for column in columns:
        yield f"{indent}- name: {column['name']}"
        for key, value in column.items():
            if isinstance(value, list):
                yield f"{indent}  {key}:"
                yield from yaml_lines(value, indent + "  ")
            elif key != "name":
                yield f"{indent}  {key}: {value}"


def _columns() -> Iterator[tuple[str, str, str]]:
    for column in features():
        name = column["name"]
        yield f"`{name}`", _kind(column), Row.model_fields[name].description or ""


def _kind(column: Mapping[str, Any]) -> str:
    if "struct" in column:
        return "struct of " + ", ".join(f"`{part['name']}`" for part in column["struct"])
    if "list" in column:
        inner = column["list"]
        return f"list of {inner}" if isinstance(inner, str) else f"list of {_kind({'struct': inner})}"
    return str(column["dtype"])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"

"""How rows are spread over files, and that nothing is lost on the way."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.adapters.shards import FAN, ROWS_CAP, STATE_CAP, Plan, Span, plan, span

BESIDE = (".gitattributes", "README.md", "latest.json", "_state/worker.json")
CAP = 64
commits = st.lists(st.integers(1, 150), max_size=60)
"""Rows of each commit; the cap of these tests is 64."""


def grow(sizes: Sequence[int], fan: int = 4) -> list[tuple[tuple[Span, ...], Plan]]:
    """The shards before each commit, and what the commit does to them."""
    shards: tuple[Span, ...] = ()
    story = []
    for size in sizes:
        first = shards[-1].last + 1 if shards else 1
        planned = plan(shards, Span(first, first + size - 1), CAP, fan)
        story.append((shards, planned))
        shards = planned.after(shards)
    return [*story, (shards, Plan((), ()))]


@settings(deadline=None)
@given(commits)
def test_rows_keep_their_order_and_none_is_missing(sizes: list[int]) -> None:
    shards, _ = grow(sizes)[-1]
    held = [n for shard in shards for n in range(shard.first, shard.last + 1)]
    assert held == list(range(1, sum(sizes) + 1))


@settings(deadline=None)
@given(commits)
def test_no_shard_exceeds_the_cap_and_a_full_one_is_never_written_again(sizes: list[int]) -> None:
    for shards, planned in grow(sizes):
        assert all(shard.size <= CAP for shard in (*shards, *planned.write))
        assert all(shard.size < CAP for shard in planned.replaced)


@settings(deadline=None)
@given(commits)
def test_only_the_last_shards_are_replaced_and_exactly_their_rows_are_written(sizes: list[int]) -> None:
    for shards, planned in grow(sizes):
        if planned.write:
            assert shards[len(shards) - len(planned.replaced) :] == planned.replaced
            first = planned.replaced[0].first if planned.replaced else (shards[-1].last + 1 if shards else 1)
            assert planned.write[0].first == first
            assert all(a.last + 1 == b.first for a, b in pairwise(planned.write))


@settings(deadline=None)
@given(commits)
def test_files_grow_with_the_full_shards_and_the_logarithm_of_the_cap_only(sizes: list[int]) -> None:
    for shards, _ in grow(sizes, fan=4):
        assert len(shards) <= sum(sizes) // CAP + 3 * 3  # three sizes below the cap, at most three of each


@settings(deadline=None)
@given(commits, st.sets(st.integers(0, 20)))
def test_nothing_is_merged_across_a_gap(sizes: list[int], lost: set[int]) -> None:
    whole, _ = grow(sizes)[-1]
    shards = tuple(shard for number, shard in enumerate(whole) if number not in lost)
    planned = plan(shards, Span(10_000, 10_000), CAP, 4)
    joined = [*planned.replaced, Span(10_000, 10_000)]
    assert all(a.last + 1 == b.first for a, b in pairwise(joined))


@pytest.mark.parametrize("year", [21_900, pytest.param(262_800, marks=pytest.mark.slow)])
def test_after_a_month_and_a_year_of_single_rows_there_are_at_most_150_files(year: int) -> None:
    rows, state, most = [], [], 0
    for n in range(1, year + 1):
        for shards, cap in ((rows, ROWS_CAP), (state, STATE_CAP)):
            planned = plan(shards, Span(n, n), cap)
            del shards[len(shards) - len(planned.replaced) :]
            shards.extend(planned.write)
        if n > year - 5_000:
            most = max(most, len(rows) + len(state) + len(BESIDE))
    assert most <= 150
    assert max(shard.size for shard in rows) == ROWS_CAP == 4096


def test_seven_of_eight_commits_of_one_row_merge_nothing() -> None:
    story = grow([1] * 64, fan=FAN)
    assert sum(bool(planned.replaced) for _, planned in story) == 8


def test_a_shard_is_named_by_the_first_and_last_iteration_in_it() -> None:
    name = Span(7, 14).name("data/{}.parquet")
    assert name == "data/000000000007-000000000014.parquet"
    assert span(name) == Span(7, 14)


def test_other_names_are_no_shards() -> None:
    names = [
        "data/train-00000-of-00001.parquet",
        "data/000000000014-000000000007.parquet",
        "data/1-2.parquet",
        "a.json",
    ]
    assert [span(name) for name in names] == [None] * 4

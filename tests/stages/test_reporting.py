"""Pages for people, out of text that nobody vouches for."""

import re

import yaml

from stages.card import card
from stages.columns import Progress, features
from stages.markdown import code, fence, flowchart, inline, quote
from stages.models import Draft, File, Finding, Verdict
from stages.outcome import Outcome
from stages.reporting import item_report, run_report
from tests.outcomes import full, small

HOSTILE = (
    'a | b\n| x | y |\n\n# head <script>alert(1)</script> ![p](http://x/y.png) `c` **d** [e](javascript:f) &lt; "g"'
)


def titled(title: str) -> Outcome:
    outcome = full()
    return outcome.model_copy(update={"item": outcome.item.model_copy(update={"finding": Finding(title=title)})})


def cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line)) - 1


def test_a_hostile_title_leaves_a_table_row_a_table_row() -> None:
    page = run_report([titled(HOSTILE), titled("plain")])
    lines = page.splitlines()
    assert lines[0] == "# Items of this run"
    assert [cells(line) for line in lines[2:6]] == [5, 5, 5, 5]
    assert not any(line.startswith(("# head", "| x")) for line in lines)


def test_markdown_and_html_in_a_text_are_shown_and_not_acted_on() -> None:
    shown = inline(HOSTILE)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)[<>`*\[\]|#&!]", shown)
    assert "\n" in quote(HOSTILE)
    assert all(line.startswith(">") for line in quote(HOSTILE).splitlines())


def test_nothing_in_a_block_can_close_its_fence() -> None:
    text = "before\n```\n````python\n# out?\n````\n"
    opening, *body, closing = fence(text, "diff").splitlines()
    assert (opening, closing) == ("`````diff", "`````")
    assert "\n".join(body) + "\n" == text


def test_code_in_a_line_holds_backticks_and_bars() -> None:
    assert code("a`b|c\nd") == "``a`b\\|c d``"
    assert code("`x`") == "`` `x` ``"
    assert code("") == ""


def test_a_huge_text_is_cut_and_says_so() -> None:
    assert len(fence("x" * 1_000_000)) < 21_000
    assert "left out" in fence("x" * 1_000_000)


def test_labels_of_the_picture_are_quoted_and_cannot_break_out() -> None:
    picture = flowchart('a"] --> evil["#quot; `b`', [("<b>\nEND", True), ("end", False)])
    assert picture.splitlines() == [
        "```mermaid",
        "flowchart LR",
        '  start["a#34;#93; --#62; evil#91;#34;#35;quot#59; #96;b#96;"]',
        '  start ==> way1["#60;b#62;<br/>END"]:::selected',
        '  start -.-> way2["end"]',
        "  classDef selected stroke-width:4px",
        "```",
    ]


def test_the_items_page_shows_all_that_is_known_of_it() -> None:
    page = item_report(full())
    titles = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert titles == [
        "Finding",
        "Test plans used",
        "1. Deep Understanding",
        "2. Architectural Analysis",
        "3. Approach Evaluation",
        "4. Risk Analysis",
        "5. Testing Strategy",
        "6. Implementation Plan",
        "Change",
        "Tests",
        "Verdict: self-tested",
        "Attempts",
        "Notes",
    ]
    for said in (
        "| Edge Cases | same file | 2 | 1 |",
        '==> way1["Floor<br/>1 import + 1 line<br/>RECOMMENDED"]:::selected',
        "| 1 | negative | LOW | HIGH | test it |",
        "```diff\ndiff --git a/durations/parse.py",
        "| `test_minutes` | passed | passed |",
        "10,200 tokens in 8 requests, 12.5 s, 0.0123 US dollars",
        "replay:rehearsal/model-30b",
    ):
        assert said in page


def test_a_page_can_be_made_of_an_item_that_came_to_nothing() -> None:
    page = item_report(small())
    assert "## Verdict: failed\n\nthe tests say no\n\nNothing was executed." in page
    assert "## Change" not in page


def test_without_a_patch_the_new_files_are_shown() -> None:
    outcome = small().model_copy(update={"draft": Draft(files=(File(path="a.md", content="```\nx\n```\n"),))})
    assert "`a.md`\n\n````\n```\nx\n```\n````" in item_report(outcome)


def test_the_runs_page_tells_what_was_done_and_what_was_not_and_why() -> None:
    page = run_report(
        [full()],
        broken_off=[("0123-2", "Durations | units", "the endpoint | is away")],
        quarantined=[("autocoder/a/iteration_9.json", "b" * 40, "not JSON")],
        quarantined_total=1,
        passed_over=[("Recommendation 1", "autocoder/a/x.jsonl, row 7", "nothing to act on")],
        passed_over_total=1_235,
        unused=[("plan (x)", "autocoder/b/test_plan_iteration_3.json", "no finding read so far fits finding_id F9")],
        unused_total=3,
        notes=["autocoder/autocoder-test-planning-results does not exist yet."],
    )
    for row in (
        "| `0123456789abcdef-1` | Fractions of a minute are not rounded | self-tested | 10,200 | 12.9 |",
        "| `0123-2` | Durations \\| units | the endpoint \\| is away |",
        "| `0123456789abcdef-1` | Edge Cases | same file |",
        f"| `autocoder/a/iteration_9.json` | `{'b' * 40}` | not JSON |",
        "| Recommendation 1 | `autocoder/a/x.jsonl, row 7` | nothing to act on |\n\n… and 1,234 more.",
        "| plan (x) | `autocoder/b/test_plan_iteration_3.json` | no finding read so far fits finding\\_id F9 |",
        "- autocoder/autocoder-test-planning-results does not exist yet.",
    ):
        assert row in page
    assert page.count("… and") == 2


def test_the_runs_page_tells_of_the_first_few_hundred_plans_and_counts_the_rest() -> None:
    outcome = full()
    plans = tuple(outcome.item.plans[0].model_copy(update={"perspective": f"p{n}"}) for n in range(40))
    many = outcome.model_copy(update={"item": outcome.item.model_copy(update={"plans": plans})})
    page = run_report([many] * 6)
    assert page.count("| same file |") == 200
    assert "… and 40 more." in page


def test_an_empty_run_says_so_without_empty_tables() -> None:
    assert run_report([]) == "# Items of this run\n\nNone has an outcome.\n"


def test_the_last_lines_of_a_hostile_output_stay_in_their_block() -> None:
    verdict = Verdict(grade=full().verdict.grade, output="```\n# forged\n```")
    page = item_report(full().model_copy(update={"verdict": verdict}))
    assert "````\n```\n# forged\n```\n````" in page


def test_the_cards_header_names_the_rows_files_and_their_columns() -> None:
    text = card("a/b", {}, Progress())
    header = yaml.safe_load(text.split("---\n")[1])
    assert header["configs"] == [
        {"config_name": "default", "data_files": [{"split": "train", "path": "data/*.parquet"}]}
    ]
    assert header["dataset_info"]["features"] == features()


def test_the_card_counts_rows_by_verdict_and_says_how_to_load_them() -> None:
    text = card("a/b", {"failed": 2, "proven": 1000}, Progress(implementations_generated=990, tests_written=3))
    assert 'load_dataset("a/b")["train"]\nrows[-1]' in text
    assert "| `proven` | 1,000 |\n| `failed` | 2 |\n| all | 1,002 |" in text
    assert "990 implementations were written (rows with a draft), with 3 test functions" in text
    assert "`replay:`" in text
    assert all(f"| `{column['name']}` |" in text for column in features())

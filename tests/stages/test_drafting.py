from collections.abc import Mapping, Sequence

import pytest

from stages import drafting
from stages.drafting import WHOLE, Drafted, Old, draft_question, repair, repair_question, shown
from stages.errors import Unusable
from stages.implementation_plan import ImplementationPlan, PlannedFile, Step
from stages.models import Ask, Brief, CodeView, Draft, File
from stages.outcome import Dossier
from stages.patching import Guards
from stages.templates import Templates
from tests.stages.golden import BARE, BRIEF, CODE, DOSSIER, DRAFT, FIXED, OURS, OWN_TEST, TESTS, VERDICT
from tests.stages.replies import COST, Replies, edit, texts

GUARDS = Guards(protected=("*.lock",))
OLD = {"stats.py": CODE, "tests/test_stats.py": TESTS, "report.py": "import stats\n\nREPORT = 1\n"}
STATS = f"FILE: stats.py\n```python\n{FIXED}```\n"
TEST = f"FILE: tests/test_empty.py\n```python\n{OWN_TEST}```\n"
MISS = edit("import statz\n", "import stats as s\n")
GOOD = f"Raises ValueError for no values.\n\n{STATS}\n{TEST}"


async def write(brief: Brief, dossier: Dossier, ask: Ask, templates: Templates, guards: Guards, old: Old) -> Drafted:
    """A first draft by its usual question."""
    question = draft_question(brief, dossier, templates, guards)
    return await drafting.write(question, brief, dossier, ask, templates, guards, old)


async def written(*replies: str, brief: Brief = BRIEF, guards: Guards = GUARDS, old: Mapping[str, str] = OLD) -> Draft:
    return (await write(brief, DOSSIER, Replies(replies).ask, OURS, guards, texts(old))).draft


async def repaired(*replies: str, former: Draft = DRAFT, old: Mapping[str, str] = OLD) -> Draft:
    question = await repair_question(BRIEF, DOSSIER, former, VERDICT, 1, OURS, GUARDS, texts(old))
    return (await repair(question, BRIEF, DOSSIER, former, Replies(replies).ask, OURS, GUARDS, texts(old))).draft


async def refusal(reply: str, brief: Brief = BRIEF, guards: Guards = GUARDS) -> str:
    """What is told of a reply when it is shown back."""
    replies = Replies([reply, GOOD])
    await write(brief, DOSSIER, replies.ask, OURS, guards, texts(OLD))
    assert len(replies.questions) == 2
    return replies.questions[1].messages[-1].content


async def test_a_draft_is_whole_texts_of_code_and_tests():
    replies = Replies([GOOD])
    found = await write(BRIEF, DOSSIER, replies.ask, OURS, GUARDS, texts(OLD))
    assert found.draft == Draft(
        summary="Raises ValueError for no values.",
        files=(File(path="stats.py", content=FIXED),),
        tests=(File(path="tests/test_empty.py", content=OWN_TEST),),
    )
    assert (found.usage, found.model, found.note) == (COST, "listed", "")
    assert replies.questions == [draft_question(BRIEF, DOSSIER, OURS, GUARDS)]
    assert replies.questions[0].schema_ is None


async def test_an_edit_becomes_a_whole_text():
    part = edit("import stats\n", "import stats as s\n")
    draft = await written(f"{GOOD}\nEDIT: report.py\n```\n{part}```\n")
    assert draft.files[1] == File(path="report.py", content="import stats as s\n\nREPORT = 1\n")


async def test_a_file_given_as_it_was_is_no_change():
    draft = await written(f"{GOOD}\nFILE: tests/test_stats.py\n```python\n{TESTS}```\n")
    assert [file.path for file in draft.tests] == ["tests/test_empty.py"]


async def test_a_deleted_file_is_named():
    assert (await written(f"{GOOD}\nDELETE: report.py\n")).deleted == ("report.py",)


async def test_a_bad_draft_is_shown_back_once():
    replies = Replies(["I would do it so.", GOOD])
    found = await write(BRIEF, DOSSIER, replies.ask, OURS, GUARDS, texts(OLD))
    assert (replies.questions[1].step, replies.questions[1].turn) == ("draft", 2)
    assert "holds no file" in replies.questions[1].messages[-1].content
    assert found.usage == COST + COST
    assert found.note.startswith("draft: the first answer was shown back")


async def test_two_bad_drafts_are_unusable():
    with pytest.raises(Unusable, match=r"draft of 0123456789abcdef: .* First: .*holds no file.* Then: .*holds no test"):
        await written("I would do it so.", STATS)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (TEST, "changes no file of the implementation"),
        (STATS, "holds no test"),
        (f"{TEST}FILE: stats.py\n```python\n{CODE}```\n", "changes no file of the implementation"),
        (f"{GOOD}FILE: uv.lock\n```\nx\n```\n", "uv.lock is protected (*.lock)"),
        (f"{GOOD}FILE: ../a.py\n```\nx\n```\n", "The path '../a.py'"),
        (f"{GOOD}FILE: tests/test_acceptance.py\n```\nx = 1\n```\n", "is an acceptance test"),
        (f"{GOOD}FILE: report.py\n```\nx = 1\n```\n", "report.py exists, and you have not seen all of it"),
        (f"{GOOD}FILE: new.py\n```\ndef f(:\n```\n", "new.py does not compile: line 1"),
        (f"{GOOD}FILE: new.py\n```\nx = 1\n", "is never closed"),
        (f"{GOOD}EDIT: report.py\n```\nimport stats as s\n```\n", "is malformed"),
        (f"{GOOD}EDIT: report.py\n```\n{MISS}```\n", "    1| import stats"),
    ],
)
async def test_what_is_wrong_with_a_draft_is_told(reply: str, told: str):
    assert told in await refusal(reply)


async def test_the_guards_hold_for_the_whole_draft():
    assert "touches 3 files, more than the 2" in await refusal(
        f"{GOOD}FILE: c.py\n```\nC = 1\n```\n", guards=Guards(patch_files=2)
    )


async def test_other_languages_and_deletions_need_no_python_test():
    assert (await written("FILE: main.rs\n```rust\nfn main() {}\n```\n")).tests == ()
    assert (await written("DELETE: report.py\n")).deleted == ("report.py",)


async def test_a_plan_of_tests_alone_needs_no_implementation():
    plan = ImplementationPlan(
        files=(PlannedFile(path="tests/test_empty.py", action="create", purpose="the missing test"),),
        steps=(Step(description="Write it"),),
        phases=("Phase 1: write",),
        location="tests/test_empty.py",
    )
    dossier = DOSSIER.model_copy(update={"implementation_plan": plan})
    found = await write(BRIEF, dossier, Replies([TEST]).ask, OURS, GUARDS, texts(OLD))
    assert (len(found.draft.tests), found.draft.files) == (1, ())


async def test_a_helper_of_tests_is_no_test():
    assert "holds no test" in await refusal(f"{STATS}FILE: tests/conftest.py\n```\nX = 1\n```\n")


async def test_a_draft_without_prose_is_summed_up_by_its_files():
    assert (await written(f"{STATS}{TEST}")).summary == "File stats.py; File tests/test_empty.py"


async def test_old_texts_are_asked_for_once_with_all_paths():
    asked = []

    async def old(paths: Sequence[str]) -> Mapping[str, str]:
        asked.append(list(paths))
        return OLD

    await write(BRIEF, DOSSIER, Replies([GOOD]).ask, OURS, GUARDS, old)
    assert asked == [["stats.py", "tests/test_empty.py"]]


async def test_an_old_text_that_cannot_be_read_is_told_to_the_model():
    async def old(paths: Sequence[str]) -> Mapping[str, str]:
        if "logo.svg" in paths:
            raise Unusable("logo.svg: not UTF-8 text.")
        return OLD

    replies = Replies([f"{GOOD}DELETE: logo.svg\n", GOOD])
    await write(BRIEF, DOSSIER, replies.ask, OURS, GUARDS, old)
    assert "logo.svg: not UTF-8 text." in replies.questions[1].messages[-1].content


async def test_a_file_shown_in_part_is_changed_by_edit_alone():
    brief = Brief(item=BRIEF.item, code=CodeView(paths=("stats.py",), files={"stats.py": CODE[30:]}))
    part = edit("    return sum(values) / len(values)\n", "    return sum(values) / len(values) if values else 0\n")
    replies = Replies([GOOD, f"EDIT: stats.py\n```\n{part}```\n{TEST}"])
    found = await write(brief, DOSSIER, replies.ask, OURS, GUARDS, texts(OLD))
    assert "have not seen all of it" in replies.questions[1].messages[-1].content
    assert found.draft.files[0].content == CODE.replace("(values)\n", "(values) if values else 0\n")


async def test_without_a_repository_attached_files_are_the_old_texts():
    finding = BARE.item.finding.model_copy(update={"files": {"stats.py": CODE, "b.py": "B = 1\n"}})
    brief = Brief(item=BARE.item.model_copy(update={"finding": finding}))
    part = edit("B = 1\n", "B = 2\n")
    draft = await written(f"{STATS}{TEST}EDIT: b.py\n```\n{part}```\n", brief=brief, old={"b.py": "never read"})
    assert [(file.path, file.content) for file in draft.files] == [("stats.py", FIXED), ("b.py", "B = 2\n")]


async def test_an_attached_file_that_was_cut_is_changed_by_edit_alone():
    long = CODE + "# more\n" * 5_000
    finding = BARE.item.finding.model_copy(update={"files": {"stats.py": long}})
    brief = Brief(item=BARE.item.model_copy(update={"finding": finding}))
    assert long not in draft_question(brief, DOSSIER, OURS, GUARDS).messages[1].content
    replies = Replies([GOOD, GOOD])
    with pytest.raises(Unusable, match=r"First: stats\.py exists, and you have not seen all of it"):
        await write(brief, DOSSIER, replies.ask, OURS, GUARDS, texts({}))


async def test_without_a_repository_files_are_new():
    draft = await written(GOOD, brief=BARE)
    assert [file.path for file in (*draft.files, *draft.tests)] == ["stats.py", "tests/test_empty.py"]


async def test_a_draft_carries_its_patch():
    async def patch(draft: Draft) -> str:
        return f"diff of {draft.files[0].path}"

    question = draft_question(BRIEF, DOSSIER, OURS, GUARDS)
    found = await drafting.write(question, BRIEF, DOSSIER, Replies([GOOD]).ask, OURS, GUARDS, texts(OLD), patch)
    assert found.draft.patch == "diff of stats.py"


async def no_patch(draft: Draft) -> str:
    raise Unusable("The draft makes no patch that applies.")


async def test_a_draft_that_makes_no_patch_is_shown_back_once():
    question, replies = draft_question(BRIEF, DOSSIER, OURS, GUARDS), Replies([GOOD, GOOD])
    with pytest.raises(Unusable, match=r"First: The draft makes no patch that applies\. Then: The draft") as caught:
        await drafting.write(question, BRIEF, DOSSIER, replies.ask, OURS, GUARDS, texts(OLD), no_patch)
    assert "makes no patch that applies" in replies.questions[1].messages[-1].content
    assert caught.value.usage == COST + COST


async def test_a_repair_that_makes_no_patch_is_shown_back_once():
    replies = Replies([GOOD, GOOD])
    question = await repair_question(BRIEF, DOSSIER, DRAFT, VERDICT, 1, OURS, GUARDS, texts(OLD))
    with pytest.raises(Unusable, match=r"First: The draft makes no patch that applies") as caught:
        await repair(question, BRIEF, DOSSIER, DRAFT, replies.ask, OURS, GUARDS, texts(OLD), no_patch)
    assert caught.value.usage == COST + COST


# --- repair --------------------------------------------------------------------------------------


async def test_a_repair_shows_the_draft_and_what_the_tests_said():
    former = DRAFT.model_copy(update={"deleted": ("report.py",)})
    asked = await repair_question(BRIEF, DOSSIER, former, VERDICT, 2, OURS, GUARDS, texts(OLD))
    prompt = asked.messages[1].content
    assert asked.step == "repair-2"
    assert 'raise ValueError("mean of nothing")' in prompt
    assert '"report.py":\n\n```\n(deleted)\n```' in prompt
    assert "tests/test_acceptance.py::test_empty: failed (before the change: failed)" in prompt
    assert "test_no_values_have_no_mean: passed" not in prompt
    assert "Passed before the change and fails now: tests/test_report.py::test_render" in prompt
    assert "Expected regex: 'empty'" in prompt


async def test_a_repair_keeps_what_it_does_not_send():
    part = edit('raise ValueError("mean of nothing")\n', 'raise ValueError("mean of an empty list")\n')
    draft = await repaired(f"The message.\n\nEDIT: stats.py\n```\n{part}```\n")
    assert draft == DRAFT.model_copy(
        update={"summary": "The message.", "files": (File(path="stats.py", content=FIXED),)}
    )


async def test_a_repair_may_drop_a_new_file_and_bring_back_a_deleted_one():
    extra = File(path="extra.py", content="E = 1\n")
    former = DRAFT.model_copy(update={"files": (*DRAFT.files, extra), "deleted": ("report.py",)})
    draft = await repaired(f"DELETE: extra.py\nFILE: report.py\n```\n{OLD['report.py']}```\n", former=former)
    assert ([file.path for file in draft.files], draft.deleted) == (["stats.py"], ())


LONG = "".join(f"L{n} = {n}\n" for n in range(WHOLE + 1))


async def test_a_repair_gives_no_whole_new_text_of_what_was_never_shown_whole():
    former = DRAFT.model_copy(update={"files": (*DRAFT.files, File(path="long.py", content=LONG + "X = 1\n"))})
    old, reply = OLD | {"long.py": LONG}, "FILE: long.py\n```\nL0 = 1\n```\n"
    with pytest.raises(Unusable, match=r"long\.py exists, and you have not seen all of it"):
        await repaired(reply, reply, former=former, old=old)
    short = former.model_copy(update={"files": (*DRAFT.files, File(path="long.py", content="X = 1\n"))})
    assert (await repaired(reply, former=short, old=old)).files[1].content == "L0 = 1\n"


async def test_a_repair_that_changes_nothing_is_refused():
    with pytest.raises(Unusable, match="changes nothing in the draft that failed"):
        await repaired(*[f"FILE: stats.py\n```\n{DRAFT.files[0].content}```\n"] * 2)


def test_of_a_long_file_the_changes_are_shown():
    old = "".join(f"line {n}\n" for n in range(WHOLE + 1))
    new = File(path="a.txt", content=old.replace("line 150\n", "changed\n"))
    text = shown(new, old)
    assert text.startswith(
        "(301 lines, of which these changed; change them by EDIT)\n--- before\n+++ after\n@@ -141,21"
    )
    assert "-line 150\n+changed\n" in text
    assert "line 200" not in text
    assert shown(new, None) == new.content

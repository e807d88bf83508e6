"""Code and tests: asked for as fenced files, repaired with what the tests said."""

import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from stages.consulting import Reading, consult
from stages.errors import Unusable
from stages.fences import Block, parse
from stages.models import Ask, Brief, Draft, File, Frozen, Message, Question, Usage, Verdict
from stages.outcome import Dossier
from stages.patching import Ground, Guards, Texts, applied, guard, paths_of
from stages.paths import holds_tests, home_of_tests, is_test
from stages.templates import Templates
from stages.text import cut

Old = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Path → whole text at the item's revision, of those files that exist. May raise Unusable for what is no text.

Not called for an item without a repository.
"""
Patch = Callable[[Draft], Awaitable[str]]
"""The draft as a unified diff, empty where there is nothing to hold it against. May raise Unusable."""

WHOLE = 300
"""Lines up to which a file is shown, and asked for, whole."""
SUMMARY = 2_000


class Drafted(Frozen):
    """A draft and what it cost."""

    draft: Draft
    usage: Usage = Usage()
    model: str = ""
    note: str = ""


def draft_question(
    brief: Brief, dossier: Dossier, templates: Templates, guards: Guards, step: str = "draft"
) -> Question:
    """The question for a first draft; for each of several under a step of its own."""
    return _question(step, "draft", brief, dossier, templates, guards, {})


async def no_patch(draft: Draft) -> str:
    """Without a repository there is none."""
    return ""


async def write(
    question: Question,
    brief: Brief,
    dossier: Dossier,
    ask: Ask,
    templates: Templates,
    guards: Guards,
    old: Old,
    patch: Patch = no_patch,
) -> Drafted:
    """A first draft: whole new texts, and its patch. Raises Unusable after two bad replies."""

    async def read(text: str) -> Draft:
        return await _patched(await _read(text, brief, dossier, None, guards, old), patch)

    return _drafted(await consult(question, read, ask, templates))


async def repair_question(
    brief: Brief,
    dossier: Dossier,
    former: Draft,
    verdict: Verdict,
    number: int,
    templates: Templates,
    guards: Guards,
    old: Old,
) -> Question:
    """The question for repair `number` (1, 2, …) of a draft that failed."""
    base = await _base(brief, [file.path for file in (*former.files, *former.tests)], old)
    files = {file.path: shown(file, base.get(file.path)) for file in (*former.files, *former.tests)}
    files |= dict.fromkeys(former.deleted, "(deleted)")
    return _question(
        f"repair-{number}", "repair", brief, dossier, templates, guards, {"files": files, "verdict": verdict}
    )


async def repair(
    question: Question,
    brief: Brief,
    dossier: Dossier,
    former: Draft,
    ask: Ask,
    templates: Templates,
    guards: Guards,
    old: Old,
    patch: Patch = no_patch,
) -> Drafted:
    """The former draft with what the reply changes in it. Raises Unusable after two bad replies."""

    async def read(text: str) -> Draft:
        return await _patched(await _read(text, brief, dossier, former, guards, old), patch)

    return _drafted(await consult(question, read, ask, templates))


async def _patched(draft: Draft, patch: Patch) -> Draft:
    return draft.model_copy(update={"patch": await patch(draft)})


def _drafted(found: Reading[Draft]) -> Drafted:
    return Drafted(draft=found.value, usage=found.usage, model=found.model, note=found.note)


def shown(file: File, old: str | None) -> str:
    """A drafted file as its author is shown it: whole, or what changed in a long one."""
    lines = file.content.splitlines()
    if old is None or len(lines) <= WHOLE:
        return file.content
    changes = difflib.unified_diff(old.splitlines(), lines, "before", "after", lineterm="", n=10)
    return f"({len(lines)} lines, of which these changed; change them by EDIT)\n" + "\n".join(changes)


def _question(
    step: str,
    template: str,
    brief: Brief,
    dossier: Dossier,
    templates: Templates,
    guards: Guards,
    more: Mapping[str, Any],
) -> Question:
    known = {"brief": brief, "earlier": dossier.answers(), "guards": guards, "tests": home_of_tests(brief.code.paths)}
    task = templates.render(template, **known, **more)
    messages = (Message(role="system", content=templates.render("system")), Message(role="user", content=task))
    return Question(item=brief.item.id, step=step, messages=messages)


async def _read(text: str, brief: Brief, dossier: Dossier, former: Draft | None, guards: Guards, old: Old) -> Draft:
    """The draft in a reply, put on top of the former one. Raises Unusable."""
    summary, blocks = parse(text)
    if not blocks:
        raise Unusable("Your answer holds no file: write FILE: or EDIT: with a path, then the text in a fence.")
    drafted = _texts(former) if former else {}
    base = await _base(brief, [*drafted, *paths_of(blocks)], old)
    texts = drafted | applied(blocks, _ground(brief, base, drafted))
    changed = {path: text for path, text in texts.items() if text != base.get(path)}
    if former and changed == drafted:
        raise Unusable("Your answer changes nothing in the draft that failed.")
    draft = _draft(summary or _outline(blocks), changed)
    _check_whole(draft, dossier)
    guard(changed, base, guards)
    return draft


async def _base(brief: Brief, paths: Sequence[str], old: Old) -> Mapping[str, str]:
    """Old texts of these paths; without a repository, those that came with the finding."""
    if brief.item.repository:
        return await old(sorted(set(paths)))
    return {path: text for path, text in brief.item.finding.files.items() if path in paths}


def _ground(brief: Brief, base: Mapping[str, str], drafted: Mapping[str, str | None]) -> Ground:
    known = brief.attached | brief.code.files
    for path, text in drafted.items():
        if text is not None and shown(File(path=path, content=text), base.get(path)) == text:
            known[path] = text
    return Ground(brief.code, base, known, frozenset(brief.acceptance_tests), drafted)


def _texts(draft: Draft) -> Texts:
    written: Texts = {file.path: file.content for file in (*draft.files, *draft.tests)}
    return written | dict.fromkeys(draft.deleted)


def _draft(summary: str, texts: Mapping[str, str | None]) -> Draft:
    files = [File(path=path, content=text) for path, text in texts.items() if text is not None]
    return Draft(
        summary=cut(summary, SUMMARY),
        files=tuple(file for file in files if not is_test(file.path)),
        tests=tuple(file for file in files if is_test(file.path)),
        deleted=tuple(path for path, text in texts.items() if text is None),
    )


def _outline(blocks: Sequence[Block]) -> str:
    return "; ".join(dict.fromkeys(f"{block.kind.capitalize()} {block.path}" for block in blocks))


def _check_whole(draft: Draft, dossier: Dossier) -> None:
    """Raises Unusable for a draft without an implementation where one was planned, or one in Python without a test."""
    plan = dossier.implementation_plan
    tests_alone = plan is not None and all(is_test(file.path) for file in plan.files)
    if not tests_alone and not draft.files and all(map(is_test, draft.deleted)):
        raise Unusable("Your answer changes no file of the implementation: give the change itself too, as files.")
    wanted = tests_alone or any(file.path.endswith(".py") for file in draft.files)
    if wanted and not any(holds_tests(file.path) for file in draft.tests):
        raise Unusable("Your answer holds no test: add a file test_….py that fails before the change and passes after.")

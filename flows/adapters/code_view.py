"""What a model is shown of a tree: the finding's file, its neighbours by import, its tests, an outline of the rest."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from flows.adapters.neighbours import Neighbours
from stages.models import CodeView, Finding
from stages.paths import is_test

CHARS_PER_TOKEN = 4
_OUTLINE_SHARE = 0.2
"""Of the budget, kept for the outline while whole files are taken."""
_OUTLINE_LINE = 200
_DEFINES = re.compile(
    r"^(?:(?:export|default|pub|public|async|static|abstract|final)[ \t]+)*"
    r"(?:def|class|func|function|fn|struct|enum|trait|interface|type|module|object)[ \t]+(\w+)",
    re.MULTILINE,
)


def focus(finding: Finding, paths: Sequence[str]) -> tuple[str, ...]:
    """The files that the finding is about: the one it names, else those whose name its text mentions."""
    if finding.file:
        named = _resolve(finding.file, paths)
        return (named,) if named else ()
    text = " ".join((finding.title, finding.description, *finding.recommendations))
    words = set(re.findall(r"[\w./-]*\w", text))
    whole = [p for p in paths if p in words]
    return tuple(whole or [p for p in paths if PurePosixPath(p).name in words])[:3]


def _resolve(file: str, paths: Sequence[str]) -> str:
    """The path that a file's name means: itself, or the longest end that both share (`/home/x/src/a.py`, `a.py`)."""
    parts = PurePosixPath(file.replace("\\", "/").removeprefix("./")).parts
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        if end in paths:
            return end
    inner = [p for p in paths if p.endswith("/" + "/".join(parts))]
    return inner[0] if len(inner) == 1 else ""


def build(
    paths: Sequence[str], links: Sequence[str], texts: Mapping[str, str], finding: Finding, budget_tokens: int
) -> CodeView:
    """The view within a budget of tokens, four characters each. `texts`: those of `paths` that were read."""
    room = budget_tokens * CHARS_PER_TOKEN
    kept_back = int(room * _OUTLINE_SHARE)
    shown: dict[str, str] = {}
    notes: list[str] = []
    about = [path for path in focus(finding, paths) if path in texts]
    for path in dict.fromkeys(_in_order(about, paths, texts)):
        cost = len(texts[path]) + len(path)
        if cost <= room - kept_back:
            shown[path] = texts[path]
            room -= cost
        elif path in about and path == about[0] and room > kept_back + len(path):
            shown[path], note = _window(path, texts[path], finding.line or 1, room - kept_back - len(path))
            notes.append(note)
            room -= len(shown[path]) + len(path)
    outline, missing = _outline([p for p in paths if p not in shown], texts, room)
    notes += _not_shown(missing)
    return CodeView(paths=tuple(paths), links=tuple(links), files=shown, outline=outline, left_out=" ".join(notes))


def _in_order(about: Sequence[str], paths: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
    yield from about
    if not about:  # nothing says where to look: what fits of everything, the code before its tests
        yield from sorted(texts, key=lambda p: (not p.lower().startswith("readme"), is_test(p), p.count("/"), p))
        return
    neighbours = Neighbours(paths)
    imported = {q for p in about for q in neighbours.imported_by(p, texts[p])} & texts.keys()
    importing = {q for p in about for q in neighbours.importers_of(p, texts)}
    stems = {PurePosixPath(p).stem for p in about}
    tests = {q for q in texts if is_test(q) and any(stem in PurePosixPath(q).stem for stem in stems)}
    tests |= {q for q in importing if is_test(q)}
    yield from sorted(imported - tests)
    yield from sorted(importing - tests)
    yield from sorted(tests)


def _window(path: str, text: str, line: int, room: int) -> tuple[str, str]:
    """The part of a long text around a line that fits, and the sentence that says so."""
    lines = text.splitlines(keepends=True)
    at = min(max(line, 1), len(lines)) - 1
    if len(lines[at]) > room:
        return lines[at][:room], (
            f"{path} is shown in part: the first {room:,} of {len(lines[at]):,} characters of line {at + 1} of "
            f"{len(lines)}. That line is too long to be repeated in a search: leave it as it is."
        )
    first, end = _around([len(each) for each in lines], at, room)
    return "".join(lines[first:end]), (
        f"{path} is shown in part: lines {first + 1} to {end} of {len(lines)}. "
        "Change it by search and replace, never by a whole new text."
    )


def _around(sizes: Sequence[int], at: int, room: int) -> tuple[int, int]:
    """The lines around line `at`, itself among them, that fit: the first, and the one after the last."""
    first, end, room = at, at + 1, room - sizes[at]
    grows = True
    while grows:
        grows = False
        if first > 0 and sizes[first - 1] <= room:
            first, room, grows = first - 1, room - sizes[first - 1], True
        if end < len(sizes) and sizes[end] <= room:
            end, room, grows = end + 1, room - sizes[end], True
    return first, end


def _outline(paths: Iterable[str], texts: Mapping[str, str], room: int) -> tuple[str, list[str]]:
    """One line a file, those first that define names; and the paths there was no room for."""
    names = {path: list(dict.fromkeys(_DEFINES.findall(texts.get(path, "")))) for path in paths}
    lines, missing = [], []
    for path in sorted(names, key=lambda p: (not names[p], p)):
        line = f"{path}: {', '.join(names[path])}"[:_OUTLINE_LINE] if names[path] else path
        room -= len(line) + 1
        if room < 0:
            missing.append(path)
        else:
            lines.append(line)
    return "\n".join(lines), missing


def _not_shown(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    some = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
    return [f"No room even in the outline for {len(missing)} of the files: {some}."]

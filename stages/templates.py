"""Prompts: our templates, each of which a user's folder may replace by file name."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import jinja2.nodes

from stages.errors import Misconfigured
from stages.outcome import STAGES
from stages.sample import SAMPLES
from stages.text import cut, one_line

FOLDER = Path(__file__).parent.parent / "templates"

VARIABLES: Mapping[str, str] = {
    "system": "",
    "_brief": "brief",
    "_earlier": "earlier",
    "_answer": "shape",
    "_format": "guards tests",
    **{stage.step: "brief earlier shape" for stage in STAGES},
    "draft": "brief earlier guards tests",
    "repair": "brief earlier guards tests files verdict",
    "again": "reason",
}
"""Template → the variables it is given. One that begins with an underscore is included by others."""


class Templates:
    """The templates of a run, all checked.

    Raises Misconfigured, naming template and variable: for a syntax error, a variable that the template is not given
    (itself or through what it includes), a file in `folder` that replaces nothing, a template that cannot be rendered.
    """

    def __init__(self, folder: Path | None = None) -> None:
        texts = _read(FOLDER) | (_read(folder) if folder else {})
        self.version = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]
        """Hash of all texts, 16 hex digits."""
        self._environment = _environment(texts)
        known = {name: _names(name, text) for name, text in texts.items()}
        for name in texts:
            _check(name, known)
        if folder:
            self._try_out()

    def render(self, name: str, **values: Any) -> str:
        """The prompt, no blank lines at its ends. Raises Misconfigured where a template wants what is not there."""
        try:
            return self._environment.get_template(f"{name}.j2").render(values).strip()
        except Exception as error:  # a template is a program, and can fail as any
            raise Misconfigured(f"The template {name}.j2 cannot be rendered: {error}.") from error

    def _try_out(self) -> None:
        for name, given in trials():
            self.render(name, **given)


def trials() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each template with what each sample gives it, parts first so that a fault is told of the file that holds it."""
    seen = {stage.step: stage.sees for stage in STAGES}
    for name in sorted(VARIABLES, key=lambda name: not name.startswith("_")):
        for sample in SAMPLES:
            given = {variable: sample[variable] for variable in VARIABLES[name].split()}
            yield name, given | ({"earlier": sample["earlier"][: seen[name]]} if name in seen else {})


def _check(name: str, known: Mapping[str, tuple[set[str], set[str]]]) -> None:
    """`known`: template → the variables it looks up, the templates it includes."""
    reached = {name}
    while more := {other for each in reached for other in known[each][1]} - reached:
        reached |= more
    given = set(VARIABLES[name].split())
    unknown = sorted({variable for each in reached for variable in known[each][0]} - given)
    if unknown:
        raise Misconfigured(
            f"The template {name}.j2 uses {', '.join(unknown)}, which it is not given: "
            f"it has {', '.join(sorted(given)) or 'no variables'}."
        )


@cache
def _names(name: str, text: str) -> tuple[set[str], set[str]]:
    """The variables that a template looks up, and the templates that it includes, by itself."""
    try:
        tree = _environment({}).parse(text)
        set_here = {node.name for node in tree.find_all(jinja2.nodes.Name) if node.ctx == "store"}
        needs = jinja2.meta.find_undeclared_variables(tree) - set_here  # which counts what one branch alone sets
    except jinja2.TemplateSyntaxError as error:
        raise Misconfigured(f"The template {name}.j2 is wrong at line {error.lineno}: {error.message}.") from error
    included = set()
    for other in jinja2.meta.find_referenced_templates(tree):
        included.add((other or "").removesuffix(".j2"))
        if not included <= VARIABLES.keys():
            raise Misconfigured(f"The template {name}.j2 includes {other or 'a computed name'}: name one of ours.")
    return needs, included


def _read(folder: Path) -> dict[str, str]:
    texts = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix != ".j2" or path.stem not in VARIABLES:
            near = get_close_matches(path.name, [f"{name}.j2" for name in VARIABLES], n=1)
            hint = f"did you mean {near[0]}?" if near else f"ours are {', '.join(f'{n}.j2' for n in VARIABLES)}."
            raise Misconfigured(f"{path} replaces no template: {hint}")
        try:
            texts[path.stem] = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"The template {path} cannot be read: {error}.") from error
    return texts


def _environment(texts: Mapping[str, str]) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({f"{name}.j2": text for name, text in texts.items()}),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701  # a prompt is plain text: escaping for HTML would spoil the code in it
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fenced": fenced, "quoted": quoted, "cut": cut, "line": line, "tail": tail, "json": as_json}
    return environment


def fenced(text: str, language: str = "") -> str:
    """The text between fences longer than any run of backticks in it, so that nothing in it can end them."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if not text or text.endswith("\n") else "\n"
    return f"{fence}{language}\n{text}{end}{fence}"


def quoted(name: str) -> str:
    """A name from outside, on one line and in quotes, at most 200 characters."""
    return json.dumps(one_line(name, 200), ensure_ascii=False)


def line(text: str) -> str:
    """The text on one line, at most 500 characters."""
    return one_line(text, 500)


def tail(text: str, size: int) -> str:
    """The last `size` characters, and how many are left out."""
    return (
        text if len(text) <= size else f"[… {len(text) - size:,} characters before this are not shown]\n{text[-size:]}"
    )


def as_json(value: Any) -> str:
    """JSON for a reader: indented by one, every letter as it is."""
    return json.dumps(value, indent=1, ensure_ascii=False)

"""Valid generic answers for all six stages and a draft, so that a whole flow can run against the fake endpoint."""

import json
import re
from typing import Any

_LABEL = re.compile(r"(?m)^[\s>*+-]*\**T(\d+)\b")
"""An upstream test case as a prompt lists it: its label begins a line."""

_DRAFT = '''Adds {name}, which doubles a number, and a test of it.

FILE: {name}.py
```python
"""Written by a fake model."""


def double(number: int) -> int:
    """Twice the number."""
    return number * 2
```

FILE: tests/test_{name}.py
```python
from {name} import double


def test_double() -> None:
    assert double(21) == 42
```
'''


def answer_for(step: str, prompt: str = "", item: str = "") -> str:
    """A reply that keeps the rules of that step, given a prompt that lists upstream cases as `T1: …` or none."""
    name = f"fake_{item or 'item'}"
    if step.startswith(("draft", "repair")):
        return _DRAFT.format(name=name)
    return json.dumps(_thought(step, name, [f"T{n}" for n in dict.fromkeys(_LABEL.findall(prompt))]))


def _thought(step: str, name: str, cases: list[str]) -> dict[str, Any]:
    answers: dict[str, dict[str, Any]] = {
        "deep_understanding": {
            "surface_problem": "Numbers are not doubled.",
            "real_problem": "Callers have no way to double a number.",
            "root_cause": "There is no function for it.",
            "scope": "One new file and its test.",
            "complexity": "LOW",
            "evidence": [],
        },
        "architectural_analysis": {
            "current_flow": "caller → nothing",
            "new_flow": f"caller → {name}.double",
            "components_affected": [f"{name}.py"],
            "dependencies": [],
            "backwards_compatibility": "Nothing changes for callers.",
        },
        "approach_evaluation": {
            "approaches": [
                _approach("A new function", "RECOMMENDED"),
                _approach("A framework of doublers", "OVER-ENGINEERED"),
            ],
            "selected": "A new function",
        },
        "risk_analysis": {
            "risks": [
                {"risk": "Wrong result", "probability": "LOW", "impact": "HIGH", "mitigation": "Test it."},
                {"risk": "Nobody calls it", "probability": "LOW", "impact": "LOW", "mitigation": ""},
            ]
        },
        "testing_strategy": {
            "test_plan": {"critical_tests": ["test_double"], "edge_cases": [], "performance": []},
            "coverage": [{"cases": cases, "by": "test_double"}] if cases else [],
        },
        "implementation_plan": {
            "files": [
                {"path": f"{name}.py", "action": "create", "purpose": "the function"},
                {"path": f"tests/test_{name}.py", "action": "create", "purpose": "its test"},
            ],
            "steps": [{"description": "Write both.", "files": [f"{name}.py"], "mitigates": ["R1"]}],
            "phases": ["Phase 1: write and test"],
            "location": f"{name}.py, double()",
        },
    }
    return answers[step]


def _approach(name: str, verdict: str) -> dict[str, Any]:
    return {"name": name, "code_changes": "4 lines", "pros": ["short"], "cons": ["none"], "verdict": verdict}

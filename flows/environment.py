"""The settings of this environment, or a sentence for each thing that is wrong with them."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.settings import Settings
from stages.errors import Permanent


def load() -> Settings:
    """The settings of this environment.

    Raises Permanent with one line for each setting that is wrong: its name, what is wrong, what is expected.
    """
    wrong = [*_unknown(), *(_sentence(fault) for fault in _faults())]
    if wrong:
        raise Permanent("These settings cannot be used:\n" + "\n".join(f"  {line}" for line in wrong))
    return Settings()


def _faults() -> list[ErrorDetails]:
    """All of them: what is wrong between settings is found out with those left out that are wrong by themselves."""
    left_out: dict[str, Any] = {}
    faults = _tried(left_out)
    while new := [fault for fault in faults if fault["loc"] and fault["loc"][0] not in left_out]:
        left_out |= {str(fault["loc"][0]): _default(str(fault["loc"][0])) for fault in new}
        faults += [fault for fault in _tried(left_out) if fault not in faults]
    return faults


def _tried(given: dict[str, Any]) -> list[ErrorDetails]:
    try:
        Settings(**given)
    except ValidationError as error:
        return error.errors(include_input=False, include_url=False)
    return []


def _default(name: str) -> Any:
    return next(f.default for key, f in Settings.model_fields.items() if name in (key, f.validation_alias))


def _unknown() -> Iterator[str]:
    ours = {f"AUTOCODER_{name.upper()}" for name, field in Settings.model_fields.items() if not field.validation_alias}
    for name in sorted(os.environ):
        if name.startswith("AUTOCODER_") and name not in ours:
            near = get_close_matches(name, ours, n=1)
            yield f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else "")


def _sentence(fault: ErrorDetails) -> str:
    said = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else fault["msg"]
    if not fault["loc"]:
        return said
    name = str(fault["loc"][0])
    return f"{name if name.isupper() else f'AUTOCODER_{name.upper()}'}: {said}"

"""Texts without our secrets, wherever they come from: an endpoint's error, a record, a model's answer."""

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import SecretStr

T = TypeVar("T")
Secrets = Iterable[SecretStr | None]
_SHORTEST = 8
"""Replacing a shorter one would tear up ordinary text; no real key is that short."""


def without(secrets: Secrets, text: str) -> str:
    """The text without them."""
    for secret in secrets:
        value = secret.get_secret_value() if secret else ""
        if len(value) >= _SHORTEST:
            text = text.replace(value, "[secret]")
    return text


def everywhere_without(secrets: Secrets, value: Any) -> Any:
    """A value, as JSON has it, without them in any of its texts, names of fields included."""
    secrets = tuple(secrets)
    if isinstance(value, str):
        return without(secrets, value)
    if isinstance(value, list | tuple):
        return [everywhere_without(secrets, each) for each in value]
    if isinstance(value, dict):
        return {without(secrets, str(name)): everywhere_without(secrets, each) for name, each in value.items()}
    return value

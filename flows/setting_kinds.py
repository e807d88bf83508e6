"""What a setting may hold: each kind says in words what it expects, and shows of what it was given paths alone."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from flows.addresses import address
from flows.storage_names import is_block
from stages.errors import Permanent


def _text(expected: str, pattern: str) -> AfterValidator:
    """A text that the pattern matches as a whole."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError(f"expected {expected}")
        return text

    return AfterValidator(check)


def _absolute(expected: str, fits: Callable[[Path], bool] = Path.is_absolute) -> Callable[[Path], Path]:
    """Makes a path absolute, and asks whether that one fits."""

    def check(path: Path) -> Path:
        why = ""
        try:
            path = path.expanduser().absolute()
            if fits(path):
                return path
        except OSError as error:
            why = f" ({error.strerror})"
        except RuntimeError:  # ~ of a user who is not known
            why = " (no such user)"
        raise ValueError(f"expected {expected}, which {path} is not{why}")

    return check


def _can_be_home(path: Path) -> bool:
    path.mkdir(parents=True, exist_ok=True)
    return os.access(path, os.W_OK | os.X_OK)


def _can_be_made(path: Path) -> bool:
    there = next(each for each in (path, *path.parents) if each.exists())
    return os.access(there, os.W_OK) and (there == path or there.is_dir())


def _can_be_started(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _holds_recordings(path: Path) -> bool:
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    return any(b'"step"' in file.read_bytes() for file in files)


_recordings = _absolute("a .jsonl file of recordings, or a folder of such files", _holds_recordings)
_shared = _absolute(
    "block-type/name of a Prefect storage block, or a folder that can be made and written in", _can_be_home
)
_existing = _absolute("the address of a git repository or a path that exists", Path.exists)


def _model(name: str) -> str:
    scheme, separator, path = name.partition(":")
    return f"replay:{_recordings(Path(path))}" if separator and scheme == "replay" else name


def _repository(name: str) -> str:
    remote = "://" in name or ":" in name.partition("/")[0]
    try:
        return address(name if remote else str(_existing(Path(name))), Path.cwd()) if name else ""
    except Permanent as error:
        raise ValueError(str(error)) from None


def _storage(name: str) -> str:
    return name if not name or is_block(name) else str(_shared(Path(name)))


def _secret(given: Any) -> Any:
    """Without the blanks and line ends that come of files: no header takes them, and its error would show them."""
    text = given.get_secret_value() if isinstance(given, SecretStr) else str(given)
    text = text.strip()
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("expected a token of printable ASCII characters without blanks")
    return text


def _long(secret: SecretStr) -> SecretStr:
    """Strangers may guess as often as they like."""
    if len(secret.get_secret_value()) < 16:
        raise ValueError("expected a password of 16 characters or more")
    return secret


def _patterns(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    if re.search("[\"']", given):
        raise ValueError("expected patterns separated by commas, without quotes, such as *.lock,.ci/**")
    return tuple(pattern.strip() for pattern in given.split(",") if pattern.strip())


_PORT = r"([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
_PART = r"\b[\w.-]{1,96}\b"

Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Password = Annotated[Secret, AfterValidator(_long)]
Address = Annotated[str, _text("an address that begins with http:// or https://", r"https?://[^\s/]\S*")]
HubAddress = Annotated[
    str,
    _text(
        "an address that begins with http:// or https://, without user and password: HF_TOKEN goes in their place",
        r"https?://[^\s/@]+(/\S*)?",
    ),
]
LocalAddress = Annotated[
    str,
    _text(
        "http://127.0.0.1:PORT or http://NAME:PORT, with a name without dots, such as localhost or a container's",
        rf"http://(127\.0\.0\.1|[a-z][a-z\d-]{{0,62}}):{_PORT}",
    ),
]
"""A name without dots is looked up in one's own network: recorded answers never go to a Hub elsewhere."""
Owner = Annotated[str, _text("one name of an account or organisation, without a slash", r"[A-Za-z0-9][\w.-]{0,95}")]
Dataset = Annotated[str, _text("a dataset as owner/name", rf"((?!.*(--|\.\.)){_PART}/{_PART}(?<!\.git))?")]
"""By the Hub's rules for names, or empty. https://huggingface.co/docs/huggingface_hub/package_reference/utilities"""
Model = Annotated[str, AfterValidator(_model)]
Repository = Annotated[str, AfterValidator(_repository)]
Storage = Annotated[str, AfterValidator(_storage)]
Block = Annotated[
    str, _text("block-type/name of a Prefect block, such as slack-webhook/ops", r"([a-z0-9-]+/[a-z0-9-]+)?")
]
Patterns = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_patterns)]
NewPath = Annotated[Path, AfterValidator(_absolute("a path that can be written to", _can_be_made))]
Folder = Annotated[Path, AfterValidator(_absolute("a folder", Path.is_dir))]
Home = Annotated[Path, AfterValidator(_absolute("a folder that can be made and written in", _can_be_home))]
Interpreter = Annotated[Path, AfterValidator(_absolute("an interpreter that can be started", _can_be_started))]

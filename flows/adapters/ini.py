"""Files with sections and keys: setup.cfg, pytest.ini, entry_points.txt."""

import configparser
from collections.abc import Mapping
from pathlib import Path


def ini(file: Path) -> Mapping[str, Mapping[str, str]]:
    """The sections of such a file; none of one that is not there, or cannot be read."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8", errors="replace") if file.is_file() else "")
    except configparser.Error:
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}

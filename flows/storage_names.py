"""What AUTOCODER_RESULTS may say: a folder, or a storage block of Prefect's."""

import re
from pathlib import Path

_BLOCK = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")


def is_block(name: str) -> bool:
    """Whether it names a block, as `block-type/name`; a relative folder of that shape begins with `./`."""
    return bool(_BLOCK.fullmatch(name))


def folder(name: str, home: Path) -> Path | None:
    """The folder that stored results are in; None where a block says where they are."""
    if is_block(name):
        return None
    return Path(name).expanduser().absolute() if name else home / "results"

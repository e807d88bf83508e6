"""`python -m deployments.docker.passwords`: the files that compose.yaml takes its secrets from.

Passwords are made once; tokens are taken from HF_TOKEN and OPENAI_API_KEY, and stay as they are where those are unset.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).with_name("secrets")
TOKENS = {"hf_token": "HF_TOKEN", "openai_api_key": "OPENAI_API_KEY"}


def make(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Names of the files that were written; the folder is the owner's alone.

    The files are readable within it: Compose shows them to other users in containers as they are.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    wanted = {"api_auth": f"admin:{secrets.token_urlsafe(24)}", "postgres_password": secrets.token_urlsafe(24)}
    wanted |= {file: environment.get(name, "").strip() for file, name in TOKENS.items()}
    written = [name for name, text in wanted.items() if not (folder / name).exists() or (name in TOKENS and text)]
    for name in written:
        (folder / name).write_text(wanted[name], encoding="utf-8")
        (folder / name).chmod(0o644)
    return written


def main() -> None:
    written = make(FOLDER, os.environ)
    print(f"{FOLDER}: " + (f"wrote {', '.join(written)}" if written else "all there"))
    print(f"The Prefect UI and API ask for the user name and password in {FOLDER / 'api_auth'}.")


if __name__ == "__main__":
    main()

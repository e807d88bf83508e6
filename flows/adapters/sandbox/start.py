"""The supervisor's start: `python -I -S start.py`. Orders come in as lines of JSON, replies go out as such.

No site, no environment, no `.pth` file, nothing of the current folder. The packages above are made up as bare ones:
their own `__init__` prepares an environment for Prefect, which is of no use here.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path


def _bare_packages() -> None:
    here = Path(__file__).parent
    for name, folder in (
        ("flows", here.parent.parent),
        ("flows.adapters", here.parent),
        ("flows.adapters.sandbox", here),
    ):
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = module_from_spec(spec)


if __name__ == "__main__":
    _bare_packages()
    from flows.adapters.sandbox.keeper import keep
    from flows.adapters.sandbox.supervisor import serve

    sys.exit(keep(serve))

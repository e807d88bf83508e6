"""`python -m deployments.docker.health URL`: exit code 0 when it answers with success within 8 s, else 1."""

import sys
from urllib.request import urlopen


def main(url: str) -> int:
    """Whether the address answers, as an exit code; the reason why not is printed, and kept by the container engine."""
    try:
        with urlopen(url, timeout=8):  # noqa: S310  # the address stands in compose.yaml
            return 0
    except OSError as error:  # refused, too late, or an answer that is no success
        print(f"{url}: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

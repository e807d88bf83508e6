"""`python -m tests.adapters.sandbox.without_namespaces TESTS…`: pytest where no process may make namespaces.

As in a default container, whose seccomp filter denies it.
"""

import errno
import sys

import pyseccomp
import pytest


def main() -> int:
    denied = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    denied.add_rule(pyseccomp.ERRNO(errno.EPERM), "unshare")
    denied.load()
    return pytest.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())

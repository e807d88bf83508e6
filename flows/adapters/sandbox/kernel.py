"""Linux calls that Python has no function for. Standard library only; all raise OSError."""

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 8, 22
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 28, 36, 38, 47
SECBIT_NO_SETUID_FIXUP = 4
CAP_DAC_READ_SEARCH = 2
_SECCOMP_MODE_FILTER, _CAP_AMBIENT_RAISE, _CAPABILITY_VERSION_3 = 2, 2, 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("lines", ctypes.c_char_p))


def done(status: int, what: str) -> None:
    """Raises OSError for a call that came back with anything but 0."""
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def prctl(option: int, argument: int, further: int = 0) -> None:
    """Set an attribute of this process."""
    words = (ctypes.c_ulong(n) for n in (argument, further, 0, 0))
    done(libc.prctl(option, *words), f"prctl({option})")


def load_filter(program: bytes) -> None:
    """Judge every system call of this process and its children by a seccomp filter; needs no-new-privileges."""
    attribute = _FilterProgram(len(program) // 8, program)
    words = (ctypes.c_ulong(0), ctypes.c_ulong(0))
    done(libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(attribute), *words), "seccomp")


def keep_capabilities(wanted: int) -> None:
    """Hold this bit set of capabilities and no other, over exec too."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    done(libc.capset(header, sets), "capset")
    for bit in range(32):
        if wanted >> bit & 1:
            prctl(PR_CAP_AMBIENT, _CAP_AMBIENT_RAISE, bit)

"""What connects a confined process with its supervisor. Standard library only."""

import fcntl
import os
from dataclasses import dataclass, field

RESULT_FD = 3
FILTER_FD = 4
FAULT_FD = 5
CHUNK = 1 << 16


@dataclass
class Pipes:
    """The two ends of each: ours to read, theirs to write; and what they read, complete beforehand."""

    output: int
    result: int
    fault: int
    """Silent, unless the start fails; closed by the start of a program."""
    theirs: dict[int, int]
    """Their number of a descriptor → our number of it."""
    kept: dict[int, bytearray] = field(default_factory=dict)

    @classmethod
    def open(cls, stdin: str, filter_program: bytes, *, with_result: bool) -> "Pipes":
        """Pipes for one process; a filter program goes in where another program is to load it."""
        output, their_output = os.pipe()
        result, their_result = os.pipe()
        fault, their_fault = os.pipe()
        theirs = {0: _sealed(stdin.encode()), 1: their_output, 2: their_output, FAULT_FD: their_fault}
        theirs |= {RESULT_FD: their_result} if with_result else {-1: their_result}
        theirs |= {FILTER_FD: _sealed(filter_program)} if filter_program else {}
        return cls(output, result, fault, theirs)

    @property
    def ours(self) -> tuple[int, ...]:
        return self.output, self.result, self.fault

    def enter(self) -> None:
        """In the process itself: have these descriptors under their numbers, and no other."""
        high = {number: fcntl.fcntl(fd, fcntl.F_DUPFD, 64) for number, fd in self.theirs.items() if number >= 0}
        os.closerange(0, 64)
        for number, fd in high.items():
            os.dup2(fd, number, inheritable=number != FAULT_FD)
        os.closerange(FAULT_FD + 1, os.sysconf("SC_OPEN_MAX"))

    def start_reading(self) -> None:
        """In the supervisor, after the fork."""
        for fd in set(self.theirs.values()):
            os.close(fd)
        for fd in self.ours:
            os.set_blocking(fd, False)

    def read(self, fd: int, keep_last: int) -> bool:
        """Take in what has come; whether more may come. For a descriptor that is ready, or whose writers are dead."""
        try:
            chunk = os.read(fd, CHUNK)
        except BlockingIOError:
            return False
        kept = self.kept.setdefault(fd, bytearray())
        kept += chunk
        if len(kept) > 2 * keep_last:
            del kept[:-keep_last]
        return bool(chunk)

    def taken(self, fd: int, keep_last: int) -> bytes:
        """All that came, or the end of it."""
        return bytes(self.kept.get(fd, b"")[-keep_last:])

    def close(self) -> None:
        for fd in self.ours:
            os.close(fd)


def _sealed(content: bytes) -> int:
    """A file in memory that can be read and nothing else."""
    fd = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return fd

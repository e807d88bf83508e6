"""Moments that were written down, on machines whose clocks may have been wrong then."""


def lately(then: float, now: float, seconds: float) -> bool:
    """Whether it was less than so many seconds ago. Moments are seconds since the epoch.

    Not of what lies ahead: that was written while a clock was wrong, and nothing may wait for it.
    """
    return 0 <= now - then < seconds


def rests(column: str, longest: float) -> str:
    """SQL: whether a moment lies ahead of `?`, by `longest` seconds at most."""
    return f"({column} - ? BETWEEN 1e-9 AND {longest})"

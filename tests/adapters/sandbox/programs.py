"""Programs to be verified: what they ship, the trusted test, and what must hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent


@dataclass(frozen=True)
class Program:
    """One program. In its texts @OUTSIDE@, @PORT@, @MARK@ and @WORKER@ stand for what is around it, see world.py."""

    name: str
    solution: str
    test: str
    verdicts: tuple[str, ...]
    """Those of which one must come out."""
    says: str = ""
    """What the reason must name."""
    files: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    signals: bool = False
    """It sends signals, which an early Landlock must forbid to a user without rights: unverified, with that reason."""
    quick: bool = False
    """Whether it is part of every test run."""

    def write(self, folder: Path, known: Mapping[str, str]) -> None:
        """Lay the program down with the placeholders filled in."""
        for path, text in {"solution.py": self.solution, "test_solution.py": self.test, **self.files}.items():
            text = dedent(text)
            for name, value in known.items():
                text = text.replace(f"@{name}@", value)
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")


def not_passed(name: str, solution: str, test: str, **more: object) -> Program:
    """A forger: nothing but a pass is wrong."""
    return Program(name, solution, test, ("failed", "timeout", "error", "unverified"), **more)  # type: ignore[arg-type]


def held(name: str, attempt: str, **more: object) -> Program:
    """A program that tries something forbidden, `attempt()`, and whose test passes if it got nowhere."""
    test = """
        import solution

        def test_it_is_refused():
            try:
                got = solution.attempt()
            except (OSError, ImportError, RuntimeError, ValueError, TypeError) as error:
                got = "refused"
            assert got == "refused", got
    """
    return Program(name, attempt, test, ("passed",), **more)  # type: ignore[arg-type]

"""Who owes what of a bill."""

from collections.abc import Mapping, Sequence


def equally(total: int, people: Sequence[str]) -> dict[str, int]:
    """Each person's share of a bill in cents.

    Raises ValueError when there is nobody to share it, or somebody is named twice.
    """
    _check(people)
    share = round(total / len(people))
    return {person: share for person in people}


def by_weight(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Shares in proportion to weights: rooms of different size, nights stayed.

    Raises ValueError when there is nobody to share it, or no weight above zero.
    """
    _check(list(weights))
    if any(weight < 0 for weight in weights.values()) or not any(weights.values()):
        raise ValueError(f"weights must be zero or more, and one of them above zero: {dict(weights)}")
    whole = sum(weights.values())
    return {person: round(total * weight / whole) for person, weight in weights.items()}


def exactly(total: int, shares: Mapping[str, int]) -> dict[str, int]:
    """Shares that were agreed upon.

    Raises ValueError when they do not add up to the bill.
    """
    _check(list(shares))
    if sum(shares.values()) != total:
        raise ValueError(f"the shares add up to {sum(shares.values())} cents, the bill is {total}")
    return dict(shares)


def _check(people: Sequence[str]) -> None:
    if not people:
        raise ValueError("a bill needs somebody to share it")
    if len(set(people)) < len(people):
        raise ValueError(f"somebody is named twice: {', '.join(people)}")

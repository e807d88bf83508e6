"""Amounts of money: whole cents, so that sums are exact."""

CURRENCY = "EUR"


def parse(text: str) -> int:
    """Cents from what people write: "12.50", "7", "EUR 3.20".

    Raises ValueError for what is no amount.
    """
    text = text.strip().removeprefix(CURRENCY).strip()
    euros, _, cents = text.partition(".")
    return int(euros) * 100 + int(cents or 0)


def text(cents: int) -> str:
    """What people read: "12.50", "-0.05"."""
    sign = "-" if cents < 0 else ""
    euros, rest = divmod(abs(cents), 100)
    return f"{sign}{euros}.{rest:02}"


def with_currency(cents: int) -> str:
    """The amount with its currency: "EUR 12.50"."""
    return f"{CURRENCY} {text(cents)}"


def total(amounts: list[int]) -> int:
    """The sum of amounts in cents.

    Raises TypeError for a float: it would bring rounding errors into the book.
    """
    for amount in amounts:
        if not isinstance(amount, int):
            raise TypeError(f"{amount!r} is not a whole number of cents")
    return sum(amounts)

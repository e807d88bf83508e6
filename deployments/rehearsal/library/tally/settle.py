"""Who pays whom, so that nobody owes anything."""

from collections.abc import Mapping

Payment = tuple[str, str, int]
"""Payer, payee, cents."""


def settle(balances: Mapping[str, int]) -> list[Payment]:
    """The fewest payments that bring every balance to zero, by payer and payee.

    `balances`: what each person is owed (above zero) or owes (below zero), in cents. Raises ValueError when they do not
    add up to zero.
    """
    if sum(balances.values()) != 0:
        raise ValueError(f"the balances add up to {sum(balances.values())} cents, not to zero")
    owing = [[name, -cents] for name, cents in sorted(balances.items()) if cents < 0]
    owed = [[name, cents] for name, cents in sorted(balances.items()) if cents > 0]
    payments: list[Payment] = []
    while owing:
        payer, payee = owing[0], owed[0]
        cents = min(payer[1], payee[1])
        payments.append((payer[0], payee[0], cents))
        payer[1] -= cents
        payee[1] -= cents
        if payer[1] == 0:
            owing.pop(0)
        if payee[1] == 0:
            owed.pop(0)
    return sorted(payments)


def after(balances: Mapping[str, int], payments: list[Payment]) -> dict[str, int]:
    """The balances once these payments are made."""
    left = dict(balances)
    for payer, payee, cents in payments:
        left[payer] += cents
        left[payee] -= cents
    return left

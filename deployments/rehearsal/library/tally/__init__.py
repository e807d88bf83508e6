"""A small ledger for people who share expenses."""

from tally.budget import Budget
from tally.entry import Entry
from tally.ledger import Ledger
from tally.settle import settle

__all__ = ["Budget", "Entry", "Ledger", "settle"]

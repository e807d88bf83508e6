"""What the results dataset knows of spending: runs that die one after the other, or publish nothing, are told, too."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.adapters.ledger import Spent
    from flows.workshop import Workshop


class Account:
    """Of one run."""

    def __init__(self, shop: "Workshop") -> None:
        self._shop = shop
        self._told: Spent | None = None
        """What the dataset told of spending in this run; None before it was asked."""
        self._went_out = False

    def learned(self, spent: "Spent") -> None:
        """The dataset knows of this."""
        self._told = spent
        self._shop.spending.load(spent)

    def went_out(self) -> None:
        """A commit of this run has told what was spent."""
        self._went_out = True

    def untold(self) -> "Spent":
        """What was spent and the dataset does not know of: most often nothing.

        Nothing in a dry run, which commits nothing: the next run that is none tells it. Nor once more in a tick that
        hands items to others, who go on spending beside it.
        """
        from flows.adapters.ledger import merge_spent

        shop = self._shop
        if self._told is None or shop.dry_run or (self._went_out and shop.settings.scale):
            return {}
        mine = shop.spending.unpublished()
        return mine if merge_spent(self._told, mine) != self._told else {}

    def tell(self) -> None:
        """Commit what is untold, and no row: it outlives this disk, too. Raises Transient, Permanent."""
        if spent := self.untold():
            from flows.adapters.upkeep import account

            self._told = account(self._shop.results, spent).spent
            self._went_out = True

"""What only a Hub can answer."""

from stages.errors import Permanent, Transient


class Conflict(Transient):
    """The head is no longer where we thought it was: read it again and decide again."""


class Missing(Permanent):
    """No such dataset or file, or none that this token may see; the message says which."""

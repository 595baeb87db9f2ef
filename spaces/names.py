"""What to say of a name that does not exist."""

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str]) -> str:
    """A question after the known name that was probably meant; empty where none is near.

    >>> nearest("atention", ["attention", "products"])
    "did you mean 'attention'? "
    """
    close = difflib.get_close_matches(str(name), list(known), n=1)
    return f"did you mean {close[0]!r}? " if close else ""


def choices(name: object, known: Iterable[str], verb: str = "choose from") -> str:
    """The name that was probably meant, and all that there are.

    >>> choices("modul", ["module", "block"])
    "did you mean 'module'? choose from module, block"
    """
    there = list(known)
    return f"{nearest(name, there)}{verb} {', '.join(there)}"

"""The one exception that reaches a user as a single line."""

import unicodedata

_TURNED = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # what changes the direction of text


class UserError(Exception):
    """A mistake the user can mend: the message names the file, key or layer, what is wrong and what to do.

    The command line prints it as one line and exits with code 2; everything else is a bug and keeps its traceback.
    """

    def __str__(self) -> str:
        return plain(super().__str__())


def plain(text: str) -> str:
    r"""Text of somebody else's that a terminal shows and does not obey: one line, control characters spelt out.

    >>> print(plain("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) == "Cc" or c in _TURNED else c for c in text
    )

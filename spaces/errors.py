"""The one exception that reaches a user as a single line."""


class UserError(Exception):
    """A mistake the user can mend: the message names the file, key or layer, what is wrong and what to do.

    The command line prints it as one line and exits with code 2; everything else is a bug and keeps its traceback.
    """

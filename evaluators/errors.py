"""What can go wrong in a training run (no torch here: the driver and its workers sort failures by it)."""


class DivergedError(ArithmeticError):
    """The loss is no longer a finite number."""

"""How times and trials are said."""

from search.stages.chronicle import Told


def duration(seconds: float) -> str:
    """Such as 2:05 or 1:02:05."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def brought(told: Told) -> str:
    """What came of a trial, and what that brought: the lowest error rate alone would always be the largest model's."""
    if told.values is None:
        return f"failed: {told.failure}"
    if not told.on_front:
        return "dominated"
    return f"joins the front, hypervolume {told.growth:+.4f}"

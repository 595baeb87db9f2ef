"""What a person sees while something runs: a live line in a terminal, plain lines elsewhere."""

import sys
import time

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from search.stages.stage import Progress
from search.views.panel import search_panel
from search.views.words import duration

_STAGES = {
    "sensitivity": "sensitivities", "supernet": "on the supernet", "search": "search", "refine": "refinement",
    "test": "front on the test corpus", "recipes": "recipes",
}  # fmt: skip
_PLAIN_EVERY = 10.0  # seconds between lines where the output is not a terminal


class StatusLine:
    """What is rewritten in a terminal, and printed as a line now and then elsewhere; on standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live: Live | None = None
        self._printed, self._last = -_PLAIN_EVERY, ""

    def __enter__(self) -> "StatusLine":
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=False).__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.__exit__(None, None, None)
        elif self._last:
            print(self._last, file=sys.stderr, flush=True)

    def show(self, text: str, drawn: RenderableType | None = None, *, last: bool = False) -> None:
        """Replace what is shown: in a terminal by what is ``drawn``, if anything, else by the text.

        The ``last`` line of a stage is printed whatever the output is.
        """
        if self._live:
            self._live.update(Text(text) if drawn is None else drawn)
            return
        if last or time.monotonic() - self._printed >= _PLAIN_EVERY:
            print(text, file=sys.stderr, flush=True)
            self._printed, self._last = time.monotonic(), ""
        else:
            self._last = text


class SearchLine:
    """Where a search stands: a line, and under it in a terminal its workers, what came last and a small front."""

    def __init__(self, line: StatusLine) -> None:
        self._line = line
        self._started = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Show where the search stands."""
        what = _STAGES[progress.stage]
        text = f"{what}  {progress.done}/{progress.planned} done  {progress.running} running  {progress.failed} failed"
        if progress.repeated:
            text += f"  {progress.repeated} repeats saved"
        if progress.volume is not None and progress.stage != "test":
            over = "" if progress.gain is None else f", {100 * progress.gain:.1f} % over the rows"
            text += f"  hypervolume {progress.volume:.4f}{over}"
        left = progress.seconds_left
        text += f"  {duration(time.monotonic() - self._started)} gone"
        finished = not progress.running and (progress.done == progress.planned or bool(progress.note))
        tail = progress.note or ("" if left is None else f"about {duration(left)} left")
        text = f"{text}  {tail}".rstrip()
        self._line.show(text, search_panel(text, progress), last=finished)


class CountLine:
    """The line of something that is counted up to a known number."""

    def __init__(self, line: StatusLine, what: str) -> None:
        self._line, self._what = line, what
        self._first: tuple[int, float] | None = None  # before which came what has to be loaded

    def __call__(self, done: int, planned: int) -> None:
        """Show how many are done."""
        first, since = self._first = self._first or (done, time.monotonic())
        text = f"{self._what}  {done}/{planned}"
        if done > first:
            text += f"  about {duration((time.monotonic() - since) / (done - first) * (planned - done))} left"
        self._line.show(text, last=done == planned)


class TrainingLine:
    """The line of a run of equal steps, each of which shows one number."""

    def __init__(self, line: StatusLine, what: str = "loss") -> None:
        self._line, self._what = line, what
        self._first: tuple[int, float] | None = None

    def __call__(self, step: int, steps: int, loss: float) -> None:
        """Show a finished step."""
        self._first = self._first or (step, time.monotonic())
        first, began = self._first
        left = (time.monotonic() - began) / (step - first) * (steps - step) if step > first else None
        tail = f"  about {duration(left)} left" if left is not None else ""
        self._line.show(f"step {step}/{steps}  {self._what} {loss:.4f}{tail}")

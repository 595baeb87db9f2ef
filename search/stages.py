"""The stages of a study: sensitivities, proxies on the supernet, the search itself, and the refinement of its front."""

import fcntl
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from search.dispatch import dispatch
from search.driver import Desk, Driver, Progress
from search.executors import Executor
from search.fidelity import promoted
from search.member import Member
from search.pareto import front
from search.proposals import Table
from search.records import members, open_study
from search.samplers import make_sampler
from search.sensitivity import read_sensitivity
from search.study_file import StudyFile
from search.worker import Job
from spaces import UserError

OnProgress = Callable[[Progress], None]


class Stop:
    """Ctrl-C: the first starts nothing new and waits for what runs, the second stops at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Whether somebody asked to stop."""
        return self.asked

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signal while the block runs; only the main thread can."""

        def interrupt(_signal: int, _frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        try:
            before = signal.signal(signal.SIGINT, interrupt)
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def search_study(file: StudyFile, executor: Executor, on_progress: OnProgress, stop: Stop) -> list[Member]:
    """Run a study or go on with it: sensitivities and proxies where it asks for them, then the search.

    Raises:
        UserError: see ``Driver.run``; also if another search works on the study.
    """
    desk = Desk(executor, on_progress, stop)
    with locked(file), stop.listening():
        table = _sensitivity(file, desk) if file.search.sampler == "hubits" else None
        proxies: list[Member] = []
        if file.search.proxies:
            cheap = file.at("supernet")
            proxies = Driver(cheap, desk, make_sampler(cheap, table)).run()
        given = promoted(proxies, file.search.trials // 2)
        return Driver(file, desk, make_sampler(file, table, proxies), given).run()


def refine_study(file: StudyFile, executor: Executor, on_progress: OnProgress, stop: Stop) -> list[Member]:
    """Give the front's mixed members and the uniform ones the longer finetune, with records of their own.

    Raises:
        UserError: as ``search_study``; also if nothing is measured yet.
    """
    desk = Desk(executor, on_progress, stop)
    with locked(file), stop.listening():
        everyone = members(file, open_study(file, create=False))
        given = [m.assignment for m in front(everyone) if not m.uniform]
        refined = file.at("refined")
        search = refined.search.model_copy(update={"trials": 0, "plateau": None})
        refined = refined.model_copy(update={"search": search})
        return Driver(refined, desk, make_sampler(refined, None), given).run()


def _sensitivity(file: StudyFile, desk: Desk) -> Table | None:
    """The sensitivities, measured once in the life of a study; None where that failed: the search does without."""
    if (table := read_sensitivity(file)) is not None:
        return table
    progress = Progress(1, stage="sensitivity")
    waiting = [Job(0, "sensitivity", str(file.path))]

    def tick(running: int) -> None:
        progress.running = running
        desk.on_progress(progress)

    for finished in dispatch(desk.executor, lambda: waiting.pop() if waiting else None, desk.stopping, tick):
        if finished.outcome.failure == "input":
            raise UserError(finished.outcome.message)
    return read_sensitivity(file)


@contextmanager
def locked(file: StudyFile) -> Iterator[None]:
    """Let one driver at a time work on a study's folder."""
    file.home.mkdir(parents=True, exist_ok=True)
    with (file.home / "driver.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{file.home}: another hubits search works on this study; wait for it or stop it") from None
        yield

"""What every stage of a study works with: where it stands, what it runs on, whether somebody asked to stop."""

import fcntl
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import TypeVar

from search.running.executors import Executor, make_executor
from search.stages.chronicle import Busy, Told, Values
from search.stages.log import logged
from search.study.layout import lock_path
from search.study.lease import leased
from search.study.records import database_url, is_database_error, unwritable
from search.study.study_file import StudyFile
from spaces import UserError


@dataclass
class Progress:
    """What a stage of a study has done, for the screen.

    Attributes:
        volume: hypervolume of everything measured.
        gain: its share above that of the uniform rows alone.
        front: WER, MB and runtime of what nobody dominates; ``rows`` the same of the uniform rows.
        repeated: proposals that were measured before, and cost nothing.
        busy: the trials under way; ``told`` those that ended since the start, oldest first.
    """

    planned: int
    done: int = 0
    running: int = 0
    failed: int = 0
    stage: str = "search"
    volume: float | None = None
    gain: float | None = None
    seconds: list[float] = field(default_factory=list)
    workers: int = 1
    note: str = ""
    front: Sequence[Values] = ()
    rows: Sequence[Values] = ()
    repeated: int = 0
    busy: Sequence[Busy] = ()
    told: Sequence[Told] = ()

    @property
    def seconds_left(self) -> float | None:
        """Mean time of a trial so far over what is left; None before the first is done."""
        if not self.seconds:
            return None
        return sum(self.seconds) / len(self.seconds) * max(0, self.planned - self.done) / self.workers


_DRAIN = (signal.SIGINT, signal.SIGTERM)
Found = TypeVar("Found")
OnProgress = Callable[[Progress], None]


class Stop:
    """Ctrl-C, or SIGTERM as schedulers send it: the first drains what runs, the second stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self._over: UserError | None = None

    def __call__(self) -> bool:
        """Whether somebody asked to stop.

        Raises:
            UserError: if the study is not this driver's any longer.
        """
        if self._over is not None:
            raise self._over
        return self.asked

    def end(self, why: UserError) -> None:
        """Stop at once: what is asked next raises this."""
        self._over = why

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals while the block runs; only the main thread can."""

        def interrupt(_signal: int, _frame: FrameType | None) -> None:
            if self.asked:
                raise KeyboardInterrupt
            self.asked = True

        try:
            before = {number: signal.signal(number, interrupt) for number in _DRAIN}
        except ValueError:
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class RunContext:
    """What a stage runs on: the executor, the screen, and whether somebody asked to stop."""

    executor: Executor
    on_progress: OnProgress
    stop: Stop

    @contextmanager
    def working_on(self, file: StudyFile) -> Iterator[None]:
        """Hold the study and its records, and listen to Ctrl-C, while the block runs."""
        with locked(file), leased(file, self.stop.end), self.stop.listening():
            yield


Stage = Callable[[StudyFile, RunContext], Found]


def run_stage(file: StudyFile, stage: Stage[Found], on_progress: OnProgress) -> tuple[Found, bool]:
    """Run a stage on the executor that the study asks for; what it found, and whether somebody asked to stop.

    Raises:
        UserError: as the stage does; also where somebody asked twice.
    """
    with logged(file):
        return _run_stage(file, stage, on_progress)


def _run_stage(file: StudyFile, stage: Stage[Found], on_progress: OnProgress) -> tuple[Found, bool]:
    executor = make_executor(file.search)
    context = RunContext(executor, on_progress, Stop())
    try:
        return stage(file, context), context.stop.asked
    except KeyboardInterrupt:
        raise UserError("stopped at once; what was measured is kept, the same command goes on") from None
    except Exception as error:
        if not is_database_error(error):
            raise
        raise unwritable(database_url(file), error) from None
    finally:
        executor.close()


@contextmanager
def locked(file: StudyFile) -> Iterator[None]:
    """Let one driver at a time work on a study's folder.

    A file system without locks will do where the records lie in a database, which has a lease.
    """
    file.home.mkdir(parents=True, exist_ok=True)
    with lock_path(file).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{file.home}: another hubits search works on this study; wait for it or stop it") from None
        except OSError as error:
            if file.search.storage is None:
                raise UserError(
                    f"{file.home}: cannot be locked ({error.strerror}); put the study on a file system with locks, "
                    "or its records into a database server (search.storage)"
                ) from None
        yield

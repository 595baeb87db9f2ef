"""A search as runs of other people's trackers: TensorBoard, MLflow. ``TRACKERS`` is the registry.

The study's database stays the only truth: a tracker is told what came of each trial, and never asked.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evaluators.error_rate import Measure
from search.stages.stage import OnProgress, Progress
from search.study.study_file import StudyFile
from spaces import UserError
from spaces.names import choices

Log = Callable[[int, Mapping[str, float]], object]  # a trial's number and its numbers by name


@contextmanager
def _tensorboard(file: StudyFile) -> Iterator[Log]:
    """Event files in the study's folder; ``tensorboard --logdir`` shows them."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError("--tracker: tensorboard is not installed; pip install 'hubits[tensorboard]'") from None
    folder: Path = file.folder / "tensorboard"
    with SummaryWriter(str(folder)) as writer:

        def log(number: int, numbers: Mapping[str, float]) -> None:
            for name, value in numbers.items():
                writer.add_scalar(name, value, number)

        yield log


@contextmanager
def _mlflow(file: StudyFile) -> Iterator[Log]:
    """A run of the experiment that is called as the study, where ``MLFLOW_TRACKING_URI`` says."""
    try:
        import mlflow
    except ImportError:
        raise UserError("--tracker: mlflow is not installed; pip install 'hubits[mlflow]'") from None
    try:
        mlflow.set_experiment(file.study_name)
        with mlflow.start_run(run_name=f"seed {file.search.seed}"):
            mlflow.log_params({"sampler": file.search.sampler, "seed": file.search.seed, "signature": file.signature})
            yield lambda number, numbers: mlflow.log_metrics(dict(numbers), step=number)
    except mlflow.exceptions.MlflowException as error:
        raise UserError(f"--tracker: mlflow: {str(error).splitlines()[0]}") from None


# by name: a run that is open while the block runs
TRACKERS = {"tensorboard": _tensorboard, "mlflow": _mlflow}


@contextmanager
def tracked(name: str | None, file: StudyFile, on_progress: OnProgress) -> Iterator[OnProgress]:
    """The same progress, told to a tracker as well where one is named.

    Raises:
        UserError: if there is no tracker of that name, or it is not installed or reached.
    """
    if name is None:
        yield on_progress
        return
    if name not in TRACKERS:
        raise UserError(f"--tracker: {name!r} is no tracker; {choices(name, TRACKERS)}")
    with TRACKERS[name](file) as log:
        yield _Both(on_progress, log, file.search.error)


class _Both:
    """Tells the screen everything, and the tracker of each measured trial of the search once."""

    def __init__(self, screen: OnProgress, log: Log, measure: Measure) -> None:
        self._screen, self._log, self._measure, self._told = screen, log, measure, 0

    def __call__(self, progress: Progress) -> None:
        self._screen(progress)
        if progress.stage != "search":
            return
        for one in progress.told[self._told :]:
            if one.values is not None:
                numbers = dict(zip((self._measure, "storage_mb", "runtime"), one.values, strict=True))
                grown = {"hypervolume": progress.volume, "gain_over_rows": progress.gain}
                self._log(one.number, numbers | {key: value for key, value in grown.items() if value is not None})
        self._told = len(progress.told)

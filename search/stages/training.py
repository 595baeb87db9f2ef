"""The two trainings that a study needs once: its float model and its supernet, each with a log and resume points."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
from transformers import set_seed

from evaluators.data.corpus import Corpus, mixed, refuse_shorter
from evaluators.data.load import load_corpus
from evaluators.data.vocabulary import Vocabulary
from evaluators.error_rate import Errors
from evaluators.models.families import build
from evaluators.models.folder import load_config, load_model, save_model
from evaluators.models.tensors import load_weights, save_half
from evaluators.quantization.insert import insert_quantizers, ladder_assignments, set_precisions
from evaluators.quantization.start import SUPERNET
from evaluators.scoring import recognition_errors
from evaluators.settings import TrainingSettings
from evaluators.training.float_model import train_float
from evaluators.training.loop import steps_done
from evaluators.training.ranks import ALONE, Ranks
from evaluators.training.supernet import FORMATS, train_supernet
from search.study.study_file import StudyFile
from spaces import Precision, UserError
from spaces.architecture import SAMPLE_RATE

_UNIFORM = ("w8a8", "w4a4", "w2a2", "w1a1")

OnStep = Callable[[int, int, float], None]


class TrainingLog:
    """A JSONL file: a line for the settings, one every 100 steps, one for each WER on the development corpus."""

    def __init__(self, path: Path, steps: int, on_step: OnStep) -> None:
        self._path, self._steps, self._on_step = path, steps, on_step
        self._losses: list[float] = []
        self._started = time.monotonic()
        path.parent.mkdir(parents=True, exist_ok=True)

    def write(self, **entry: object) -> None:
        """Append a line."""
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**entry, "seconds": round(time.monotonic() - self._started)}) + "\n")

    def step(self, step: int, loss: float) -> None:
        """Note a step's loss; every hundredth step writes their mean."""
        self._losses.append(loss)
        if step % 100 == 0:
            self.write(step=step, loss=round(sum(self._losses) / len(self._losses), 4))
            self._losses.clear()
        self._on_step(step, self._steps, loss)


def train_float_model(file: StudyFile, on_step: OnStep) -> Errors:
    """Train the study's float model and write it into the model folder; its errors on the development corpus.

    Raises:
        UserError: if the study has no section for it, or the model is there already.
    """
    settings, folder = file.float_training, file.model.folder
    if settings is None:
        raise UserError(f"{file.path}: float_training: missing; say steps and learning_rate there")
    if (folder / "model.safetensors").exists():
        raise UserError(f"{folder / 'model.safetensors'}: is there already; move it away to train another")
    log = TrainingLog(folder / "float.log.jsonl", settings.steps, on_step)
    _in_processes(file, settings, "float", log)
    model, vocabulary = load_model(folder)
    errors = recognition_errors(model, vocabulary, load_corpus(file.corpora.dev))
    log.write(dev_wer=round(errors.words.rate, 2), dev_cer=round(errors.characters.rate, 2))
    return errors


def train_supernet_model(file: StudyFile, on_step: OnStep) -> dict[str, float]:
    """Train the study's supernet; the WER of uniform precisions on the development corpus, without a step of their own.

    None under SUPERB's protocol, where the CTC outputs are not trained.

    Raises:
        UserError: if the study has no section for it, or the supernet is there already.
    """
    settings, path = file.supernet_training, file.model.supernet
    if settings is None or path is None:
        raise UserError(f"{file.path}: supernet_training and model.supernet: missing; both are needed")
    if path.exists():
        raise UserError(f"{path}: is there already; move it away to train another")
    log = TrainingLog(path.parent / "supernet.log.jsonl", settings.steps, on_step)
    _in_processes(file, settings, "supernet", log)
    student, vocabulary = load_model(file.model.folder)
    layers = file.search_space.layers
    insert_quantizers(student, layers, ladder_assignments(layers, FORMATS))
    load_weights(student, path)
    wers = {}
    for name in _UNIFORM if file.superb is None else ():
        set_precisions(student, layers, file.search_space.uniform(Precision.parse(name)))
        wers[name] = round(recognition_errors(student, vocabulary, load_corpus(file.corpora.dev)).words.rate, 2)
    log.write(dev_wer_without_a_step=wers)
    return wers


def _in_processes(file: StudyFile, settings: TrainingSettings, what: str, log: TrainingLog) -> None:
    """Run a training from its resume point, here or in as many processes as its section says."""
    resumed = steps_done(_resume_point(file, what))
    log.write(training=what, settings=settings.model_dump(mode="json"), resumed_at=resumed)
    work = _WORK[what]
    if settings.processes == 1:
        work(file.shipped, ALONE, log.step)
    else:
        from search.running.ray_train import train_together

        train_together(work, file.shipped, settings.processes, file.search, file.folder / "processes", log.step)


def _resume_point(file: StudyFile, what: str) -> Path:
    return file.folder / f"{what}.resume.safetensors"


def fit_float(study: str, ranks: Ranks, on_step: Callable[[int, float], None]) -> None:
    """What each process of a float model's training does; the first one writes the model folder.

    Args:
        study: a study with a section for it, as ``StudyFile.shipped``.
    """
    file = StudyFile.arrived(study)
    settings, folder = file.float_training, file.model.folder
    assert settings is not None
    # a config of the study's own goes before that of the start: other dropout, other masks
    source = settings.start if settings.start is not None and not (folder / "config.json").exists() else folder
    vocabulary = Vocabulary.load(source / "vocab.json")
    model = build(load_config(source), settings.seed)
    if settings.start is not None:
        load_weights(model, settings.start / "model.safetensors")
    set_seed(settings.seed + ranks.rank)  # dropout and SpecAugment, which draws from NumPy, of each process's own
    train_float(
        model.to(_device()), vocabulary, _training_corpus(file, settings), settings,
        resume=_resume_point(file, "float"), ranks=ranks, on_step=on_step,
    )  # fmt: skip
    if ranks.first:
        save_model(model, vocabulary, folder)


def fit_supernet(study: str, ranks: Ranks, on_step: Callable[[int, float], None]) -> None:
    """What each process of a supernet's training does; the first one writes the supernet.

    Args:
        study: a study with a section for it, as ``StudyFile.shipped``.
    """
    file = StudyFile.arrived(study)
    settings, path = file.supernet_training, file.model.supernet
    assert settings is not None
    assert path is not None
    teacher, vocabulary = load_model(file.model.folder)
    student, _ = load_model(file.model.folder)
    train_supernet(
        student.to(_device()), teacher.to(_device()), vocabulary, _training_corpus(file, settings),
        file.search_space.layers, settings, floors=file.search_space.floors,
        resume=_resume_point(file, "supernet"), ranks=ranks, on_step=on_step,
    )  # fmt: skip
    if ranks.first:
        save_half(student.state_dict(), path, SUPERNET)


_WORK = {"float": fit_float, "supernet": fit_supernet}


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _training_corpus(file: StudyFile, settings: TrainingSettings) -> Corpus:
    corpus = load_corpus(file.corpora.train)
    if file.corpora.more is not None:
        corpus = mixed(corpus, load_corpus(file.corpora.more), settings.more_share)
    refuse_shorter(corpus, file.architecture.frame)
    longest = max(corpus.samples) / SAMPLE_RATE
    if settings.processes > 1 and longest * settings.processes > settings.batch_seconds:
        raise UserError(
            f"{file.path}: batch_seconds: {settings.batch_seconds:g} s are too few for {settings.processes} processes "
            f"where utterances last up to {longest:.0f} s; at least {longest * settings.processes:.0f}"
        )
    return corpus

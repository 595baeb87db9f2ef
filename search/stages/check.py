"""What a study would do, what it needs and what is missing, before it costs anything."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from evaluators.data.load import CorpusSettings, lacking
from search.study.candidate import Candidate
from search.study.layout import database_path
from search.study.recipe_rows import trainings
from search.study.records import costs
from search.study.study_file import StudyFile
from spaces import Precision, UserError

if TYPE_CHECKING:
    from evaluators.memory import StepMemory
    from evaluators.rehearsal import Rehearsal

_WORDS_AN_UTTERANCE = 7  # a guess, of short utterances
_CARDS = (24, 40, 80)  # 10^9 bytes of a GPU
_TOO_SMALL = "the development corpus cannot tell candidates apart that differ by less than {:.1f} WER points"


@dataclass(frozen=True)
class Check:
    """The findings; ``missing`` is what keeps the study from running, ``notes`` what to expect of it.

    ``audio_hours`` is the most speech that finetunes will read; ``minutes_left`` follows from the mean time of the
    trials that are measured already, and is None before the first. ``rows`` are those of the recipes' comparison.
    ``rehearsal`` is what a candidate takes on this machine, ``memory`` what a step of it takes on a GPU, by count;
    ``device_hours`` is what all the finetunes, SUPERB's heads and recipes' trainings then take; scoring comes on top.
    """

    study: str
    parameters: int
    choices: int
    assignments: float
    mixed_candidates: int
    uniform: dict[str, tuple[float, float]]
    corpora: dict[str, str]
    steps: int
    audio_hours: float
    measured: int
    minutes_left: float | None
    rows: int
    missing: list[str]
    notes: list[str]
    rehearsal: "Rehearsal | None" = None
    device_hours: float | None = None
    memory: "StepMemory | None" = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    def text(self) -> str:
        """A page for the screen."""
        lines = [
            f"{self.study}: {self.mixed_candidates} mixed candidates and {len(self.uniform)} uniform ones",
            f"  model: {self.parameters:,} parameters; {self.choices} choices, {self.assignments:.3g} assignments",
            f"  work: at most {self.steps} steps a candidate, {self.audio_hours:.1f} hours of audio in all; "
            f"{self.measured} measured already" + self._left(),
            *([f"  recipes: {self.rows} rows"] if self.rows else []),
            *(f"  {name}: {what}" for name, what in self.corpora.items()),
            *(
                f"  {name:>6}: {size:9.3f} MB, runtime {share:.3f} of fp16"
                for name, (size, share) in self.uniform.items()
            ),
            *self._rehearsed(),
            *self._counted(),
            *(f"  note: {what}" for what in self.notes),
            *(f"  missing: {what}" for what in self.missing),
        ]
        return "\n".join([*lines, "nothing is missing" if not self.missing else "not ready"])

    def _rehearsed(self) -> list[str]:
        if self.rehearsal is None:
            return []
        r = self.rehearsal
        return [
            f"  rehearsed on {r.device}: {r.step_seconds:.2f} s a step ({r.batch_seconds:.0f} s of audio tried), "
            f"{r.memory_gb:.1f} GB, scores {r.scored_a_second:.0f} s of audio a second; "
            f"at most {self.device_hours:.1f} hours of such a device for all training, scoring aside"
        ]

    def _counted(self) -> list[str]:
        if self.memory is None:
            return []
        cards = ", ".join(f"{self.memory.fits(card)} s on {card} GB" for card in _CARDS)
        fixed, second = self.memory.fixed, 1000 * self.memory.a_second
        return [f"  memory of a GPU, by count: {fixed:.1f} GB and {second:.0f} MB a second of audio; fits {cards}"]

    def _left(self) -> str:
        return "" if self.minutes_left is None else f", about {self.minutes_left:.0f} minutes left"


def check_study(
    file: StudyFile, *, rehearsing: bool = False, on_step: Callable[[int, int, float], None] | None = None
) -> Check:
    """Walk through a study without loading a weight; where asked for, try a few steps with random weights."""
    space = file.search_space
    rows = file.uniform
    steps = file.finetune.steps + file.finetune.low_bit_steps
    candidates = file.search.trials + len(rows)
    measured = _measured(file)
    mean = sum(m.seconds for m in measured) / len(measured) if measured else None
    left = max(0, candidates - len(measured)) / file.search.workers
    tried = _rehearse(file, on_step) if rehearsing else None
    return Check(
        study=file.name,
        parameters=file.architecture.parameters,
        choices=len(space.variables),
        assignments=float(space.size),
        mixed_candidates=file.search.trials,
        uniform={name: costs(file, assignment) for name, assignment in rows.items()},
        corpora={name: _describe(corpus) for name, corpus in file.corpora.named.items()},
        steps=steps,
        audio_hours=round(candidates * steps * file.finetune.batch_seconds / 3600, 2),
        measured=len(measured),
        minutes_left=None if mean is None else round(left * mean / 60, 1),
        rows=trainings(file) if file.recipes else 0,
        missing=missing(file),
        notes=[] if (blur := _blur(file, measured)) <= 1 else [_TOO_SMALL.format(blur)],
        rehearsal=tried,
        device_hours=None if tried is None else _training_seconds(file, tried) / 3600,
        memory=_memory(file) if rehearsing else None,
    )


def _blur(file: StudyFile, measured: list[Candidate]) -> float:
    """Points that the development corpus cannot tell apart in two like candidates: half a 95 % interval.

    At an error rate of a tenth, half of whose errors two candidates share. Words, or characters, are counted where
    something was measured, else guessed from the corpus' size.
    """
    size = file.corpora.dev.size
    words = sum(measured[0].units) if measured else None if size is None else _WORDS_AN_UTTERANCE * size
    return 0.0 if not words else 196.0 * (0.1 / words) ** 0.5


def _training_seconds(file: StudyFile, tried: "Rehearsal") -> float:
    """Of all the candidates' finetunes and heads, or of all the recipes' rows."""
    if file.recipes is not None:
        return trainings(file) * file.recipes.steps * tried.step_seconds
    candidates = file.search.trials + len(file.uniform)
    steps = file.finetune.steps + file.finetune.low_bit_steps
    head = 0.0 if file.superb is None else file.superb.steps * (tried.head_seconds or 0.0)
    return candidates * (steps * tried.step_seconds + head)


def _rehearse(file: StudyFile, on_step: Callable[[int, int, float], None] | None) -> "Rehearsal":
    from evaluators.errors import DivergedError
    from evaluators.models.families import checked_config
    from evaluators.rehearsal import rehearse

    config = checked_config(file.architecture.config, file.architecture.name)
    low = file.search_space.uniform(Precision.of(2, 2))
    settings = file.finetune if file.recipes is None else file.finetune.as_the_paper
    try:
        return rehearse(config, file.search_space.layers, low, settings, file.superb, on_step)
    except DivergedError as error:
        raise UserError(f"{file.path}: cannot be rehearsed with random weights: {error}") from None


def _memory(file: StudyFile) -> "StepMemory":
    from evaluators.memory import count_step_memory
    from evaluators.models.families import checked_config

    config = checked_config(file.architecture.config, file.architecture.name)
    low = file.search_space.uniform(Precision.of(2, 2))
    settings = file.finetune if file.recipes is None else file.finetune.as_the_paper
    return count_step_memory(config, file.search_space.layers, low, settings)


def _measured(file: StudyFile) -> list[Candidate]:
    from search.study.snapshot import measured_candidates

    started = file.search.storage is not None or database_path(file).exists()
    return measured_candidates(file) if started else []


def missing(file: StudyFile, *, supernet: bool = True) -> list[str]:
    """One line for each thing that has to be there and is not; recipes do without the supernet."""
    found = []
    start = file.model.supernet if supernet else None
    for path in (file.model.folder / "vocab.json", file.model.folder / "model.safetensors", start):
        if path is not None and not path.exists():
            made = "train-supernet" if path == file.model.supernet else "import or train-float"
            found.append(f"{path}: not found; hubits {made} writes it")
    if file.decoding is not None and not file.decoding.words.is_file():
        found.append(f"decoding.words: {file.decoding.words}: not found; put a file with a word a line there")
    for name, corpus in file.corpora.named.items():
        found += [f"corpora.{name}{what}" for what in lacking(corpus)]
    return found


def _describe(corpus: CorpusSettings) -> str:
    size = f"{corpus.size} utterances" if corpus.size else "every utterance"
    place = f" of {corpus.path}" if corpus.path else ""
    return f"{corpus.kind} {corpus.split or ''}, {size}{place}"

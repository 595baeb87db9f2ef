"""The sensitivities of a study: each worker measures some of the choices."""

from evaluators.files import write_json
from search.failures import INPUT
from search.running.dispatch import dispatch
from search.running.job import Job, SensitivityJob
from search.stages.stage import Progress, RunContext
from search.study.layout import sensitivity_path
from search.study.sensitivities import Table, read_sensitivity
from search.study.study_file import StudyFile
from spaces import UserError

_PARTS_A_WORKER = 3  # so that one which is late does not keep all waiting


def study_sensitivity(file: StudyFile, context: RunContext) -> Table | None:
    """The divergences of a study's choices, measured once in its life and kept in its folder for search and report.

    None where that failed: a search does without.

    Raises:
        UserError: if an input is broken.
    """
    if read_sensitivity(file) is None and (table := measure_sensitivity(file, context)) is not None:
        write_json(table, sensitivity_path(file))
    return read_sensitivity(file)


def measure_sensitivity(file: StudyFile, context: RunContext, *, wer: bool = False) -> Table | None:
    """What each rung of each choice adds over its top rung, in divergence or in WER points; None where that failed.

    Raises:
        UserError: if an input is broken.
    """
    names = list(file.search_space.variables)
    parts = min(len(names), _PARTS_A_WORKER * context.executor.slots)
    waiting: list[Job] = [
        SensitivityJob(number=i, study=file.shipped, names=tuple(names[i::parts]), wer=wer) for i in range(parts)
    ]
    progress = Progress(parts, stage="sensitivity", workers=context.executor.slots)
    found: Table = {}

    def tick(running: int) -> None:
        progress.running = running
        context.on_progress(progress)

    for finished in dispatch(context.executor, lambda: waiting.pop() if waiting else None, context.stop, tick):
        if finished.outcome.failure == INPUT:
            raise UserError(finished.outcome.message)
        if finished.outcome.result is None:
            progress.failed += 1
            continue
        found |= finished.outcome.result["table"]
        progress.done += 1
        progress.seconds.append(finished.seconds)
    tick(0)
    return {name: found[name] for name in names} if len(found) == len(names) else None


def sensitivity_stage(file: StudyFile, context: RunContext) -> Table | None:
    """``study_sensitivity`` as a stage of its own, measured anew, which holds the study."""
    with context.working_on(file):
        sensitivity_path(file).unlink(missing_ok=True)
        return study_sensitivity(file, context)


def wer_stage(file: StudyFile, context: RunContext) -> Table | None:
    """The sensitivities in WER points as a stage of its own; they are not kept."""
    with context.working_on(file):
        return measure_sensitivity(file, context, wer=True)

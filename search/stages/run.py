"""The search of a study and the refinement of its front, stage by stage."""

from collections.abc import Sequence

from search.front.pareto import front
from search.front.promote import promoted
from search.front.shrunken import shrink_candidates
from search.samplers.context import Choices, SamplerAt, SamplerContext
from search.samplers.make import informed, make_sampler
from search.stages.bent import bent_rows
from search.stages.driver import Driver
from search.stages.sensitivity import study_sensitivity
from search.stages.stage import RunContext
from search.study.candidate import Candidate
from search.study.records import candidates, costs, open_study
from search.study.sensitivities import Table
from search.study.study_file import StudyFile
from spaces import Assignment

_PROXIES_AT_ONCE = 8  # scoring on the supernet takes little longer than choosing what to score


def search_study(file: StudyFile, context: RunContext) -> list[Candidate]:
    """Run a study or go on with it: sensitivities and proxies where it asks for them, then the search.

    Raises:
        UserError: see ``Driver.run``; also if another search works on the study.
    """
    with context.working_on(file):
        table = study_sensitivity(file, context) if informed(file.search.sampler) else None
        proxies: list[Candidate] = []
        bent: list[Assignment] = []
        # without a supernet there is nothing cheap to score, and under SUPERB's protocol every score trains a head
        if informed(file.search.sampler) and file.model.supernet is not None and file.superb is None:
            cheap = file.at("supernet")
            grid = tuple(file.search_space.rows.grid.values())
            rows = Driver(cheap.with_search({"trials": 0}), context, _sampler(cheap, None), grid).run()
            bent = bent_rows(cheap, table, [c for c in rows if c.uniform], file.search.proxies // 2)
            sampler = _sampler(cheap, table, at_once=_PROXIES_AT_ONCE)
            proxies = Driver(cheap, context, sampler, (*grid, *bent)).run()
        given = promoted(proxies, file.search.trials, set(bent))
        return Driver(file, context, _sampler(file, table, proxies), given).run()


def measure_study(file: StudyFile, given: Sequence[Assignment], context: RunContext) -> list[Candidate]:
    """Measure somebody's own configurations as the search does its own, and the study's rows where they are not yet.

    Raises:
        UserError: as ``search_study``; also if a configuration is not in the search space.
    """
    for assignment in given:
        file.search_space.encode(assignment)
    alone = file.with_search({"trials": 0, "plateau": None})
    with context.working_on(file):
        return Driver(alone, context, _sampler(file, None), given).run()


def refine_study(file: StudyFile, context: RunContext) -> list[Candidate]:
    """Give the front's mixed members and the uniform ones the longer finetune, with records of their own.

    Raises:
        UserError: as ``search_study``; also if nothing is measured yet.
    """
    with context.working_on(file):
        everyone = candidates(file, open_study(file, create=False))
        given = [m.assignment for m in front(everyone) if not m.baseline]
        refined = file.at("refined")
        search = refined.search.model_copy(update={"trials": 0, "plateau": None})
        refined = refined.model_copy(update={"search": search})
        return Driver(refined, context, _sampler(refined, None), given).run()


def _sampler(
    file: StudyFile, sensitivity: Table | None, proxies: Sequence[Candidate] = (), at_once: int = 1
) -> SamplerAt:
    """The sampler that a study asks for."""
    wanted = (file.search.max_error, file.search.max_storage, file.search.max_runtime)
    wer, storage, runtime = (float("inf") if limit is None else limit for limit in wanted)
    space = file.search_space
    context = SamplerContext(
        lambda choices: costs(file, space.decode(choices)), file.search.seed, (wer, storage, runtime),
        len(file.uniform), sensitivity, _estimates(file, proxies), space.bundles,
        [space.encode(row) for row in space.rows.grid.values()], at_once,
    )  # fmt: skip
    return make_sampler(file.search.sampler, context)


def _estimates(file: StudyFile, proxies: Sequence[Candidate]) -> list[tuple[Choices, float]]:
    """The rungs and the shrunken WER of each proxy."""
    shrunken = shrink_candidates(proxies)
    return [(file.search_space.encode(c.assignment), float(w)) for c, w in zip(proxies, shrunken.wer, strict=True)]

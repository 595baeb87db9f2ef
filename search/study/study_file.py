"""The study file: one TOML that says what is searched, on what, and how."""

import difflib
import hashlib
import json
import re
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from evaluators.costs.runtime import runtime_model
from evaluators.data.load import Corpora
from evaluators.section import Section
from evaluators.settings import (
    DecodingSettings,
    FinetuneSettings,
    FloatSettings,
    RecipesSettings,
    RefineSettings,
    SuperbSettings,
    SupernetSettings,
)
from search.study.sections import ModelSettings, SearchSettings, SpaceSettings
from spaces import (
    Architecture,
    Assignment,
    SearchSpace,
    UserError,
    ctc_config,
    named_architecture,
)
from spaces.names import nearest

Fidelity = Literal["supernet", "short", "refined"]
METHOD = 4  # raise when finetunes or scores change: what was measured before cannot be compared
PROXY_UTTERANCES = 100  # the supernet is scored on so many: of its losses, which tell enough of so few


class StudyFile(Section):
    """A whole study file.

    Use ``StudyFile.load``: it resolves paths and turns every mistake into one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    name: str
    model: ModelSettings
    corpora: Corpora
    space: SpaceSettings
    finetune: FinetuneSettings = FinetuneSettings()
    refine: RefineSettings = RefineSettings()
    search: SearchSettings = SearchSettings()
    float_training: FloatSettings | None = None
    supernet_training: SupernetSettings | None = None
    recipes: RecipesSettings | None = None
    superb: SuperbSettings | None = None
    decoding: DecodingSettings | None = None
    path: Path = Field(Path(), exclude=True)
    fidelity: Fidelity = Field("short", exclude=True)
    shipped: str = Field("", exclude=True, description="the file as it was read, as text for ``StudyFile.arrived``")

    @field_validator("name")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", name):
            raise ValueError("letters, digits, '.', '_' and '-' only, at most 100, and no path")
        return name

    @classmethod
    def load(cls, path: Path) -> "StudyFile":
        """Read and check a study file.

        Raises:
            UserError: one line that names the file and the key.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            beside = (str(other) for other in path.parent.glob("*.toml"))
            raise UserError(f"{path}: no such study file; {nearest(path, beside)}".rstrip("; ")) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: not a TOML file: {error}") from None
        for key in ("path", "fidelity", "shipped"):
            if key in data:
                raise UserError(f"{path}: {key}: unknown key")
        base = path.resolve().parent
        _resolve(data, base)
        try:
            study = cls(**data, path=path.resolve())
        except ValidationError as error:
            raise UserError(f"{path}: {_first(error)}") from None
        except TypeError as error:
            raise UserError(f"{path}: {error}") from None
        try:
            _ = study.search_space, study.uniform
        except UserError as error:
            raise UserError(f"{path}: {error}") from None
        # workers get what was read here, whatever becomes of the file, and nothing of where the records lie
        content = study.model_dump(mode="json", exclude={"search": {"storage"}})
        return study.model_copy(update={"shipped": json.dumps({**content, "path": str(study.path)})})

    @classmethod
    def arrived(cls, shipped: str) -> "StudyFile":
        """A study file as a worker gets it with its jobs."""
        return cls(**json.loads(shipped), shipped=shipped)

    def with_search(self, changes: dict[str, Any]) -> "StudyFile":
        """The study with some of its search section given elsewhere, as on the command line.

        Raises:
            UserError: naming the option that is wrong.
        """
        try:
            settings = SearchSettings(**{**self.search.model_dump(), **changes})
        except ValidationError as error:
            problem = error.errors()[0]
            raise UserError(f"--{problem['loc'][0]}: {problem['msg']} (found {problem['input']!r})") from None
        return self.model_copy(update={"search": settings})

    def at(self, fidelity: Fidelity) -> "StudyFile":
        """The same study measured at another fidelity, with records of its own: a front compares like with like only.

        ``supernet`` is the supernet without a step, ``short`` the study's finetune, ``refined`` the longer one.
        """
        changes: dict[str, Any] = {"fidelity": fidelity}
        if fidelity == "supernet":
            untrained = {"steps": 0, "low_bit_steps": 0, "dev_utterances": PROXY_UTTERANCES}
            changes["finetune"] = self.finetune.model_copy(update=untrained)
            changes["corpora"] = self.corpora.model_copy(update={"test": None})
            rows = len(set(self.search_space.rows.grid.values()) - set(self.uniform.values()))
            changes["search"] = self.search.model_copy(update={"trials": rows + self.search.proxies, "plateau": None})
        if fidelity == "refined":
            longer = {k: v for k, v in self.refine.model_dump().items() if v is not None}
            changes["finetune"] = self.finetune.model_copy(update=longer)
        return self.model_copy(update=changes)

    @property
    def home(self) -> Path:
        """The study's folder, beside the study file."""
        return self.path.with_name(f"{self.path.stem}.study")

    @property
    def folder(self) -> Path:
        """Where database, results and checkpoints of this fidelity lie; the short finetune's are in ``home`` itself."""
        return self.home if self.fidelity == "short" else self.home / self.fidelity

    @property
    def study_name(self) -> str:
        """The Optuna study's name; a study's own name holds no slash."""
        return self.name if self.fidelity == "short" else f"{self.name}/{self.fidelity}"

    @cached_property
    def architecture(self) -> Architecture:
        """The float model's architecture, from its config alone.

        As long as there is none, that of the checkpoint its training starts from, or of the model that is named.
        """
        start = self.float_training.start if self.float_training else None
        for folder in (self.model.folder, start):
            if folder is not None and (folder / "config.json").exists():
                return named_architecture(str(folder / "config.json"))
        if self.model.architecture is not None:
            return Architecture(ctc_config(self.model.architecture), self.model.architecture)
        return named_architecture(str(self.model.folder / "config.json"))

    @cached_property
    def search_space(self) -> SearchSpace:
        """The search space over that architecture."""
        s = self.space
        return SearchSpace(
            self.architecture, granularity=s.granularity, groups=s.groups, precisions=s.precisions,
            weight_bits=s.weight_bits, activation_bits=s.activation_bits, least_bits=s.least_bits,
        )  # fmt: skip

    @cached_property
    def uniform(self) -> dict[str, Assignment]:
        """The study's uniform rows by name, in the order in which they are measured."""
        rows = {name: self.search_space.rows.of(name) for name in self.space.uniform}
        for name, assignment in rows.items():
            try:
                self.search_space.encode(assignment)
            except UserError:
                ladder = "16 is needed in the ladders for fp16" if assignment == Assignment({}) else "widen the ladders"
                raise UserError(f"space.uniform: {name} is not on the search space's ladder; {ladder}") from None
        return rows

    @property
    def signature(self) -> str:
        """A hash of everything that a measurement depends on: results of one signature may be compared."""
        content: dict[str, Any] = {
            "space": self.search_space.signature,
            "finetune": self.finetune.model_dump(mode="json"),
            "corpora": [self.corpora.train.identity, self.corpora.dev.identity],
            "runtime": runtime_model(self.search.runtime, "search.runtime").identity,
            "method": METHOD,
        }
        if self.search.error != "wer":
            content["error"] = self.search.error
        if self.superb is not None:
            content["superb"] = self.superb.model_dump(mode="json")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def _resolve(data: dict[str, Any], base: Path) -> None:
    """Make the paths of a study file relative to the file itself."""
    sections = [data.get("model"), data.get("float_training"), data.get("decoding")]
    corpora = data.get("corpora")
    if isinstance(corpora, dict):
        sections += list(corpora.values())
    for section in sections:
        if isinstance(section, dict):
            for key in ("folder", "supernet", "path", "list", "start", "words"):
                if isinstance(section.get(key), str):
                    section[key] = base / section[key]
    search = data.get("search")
    if isinstance(search, dict) and str(search.get("runtime", "")).endswith(".toml"):
        search["runtime"] = str(base / search["runtime"])  # a device's profile
    if isinstance(search, dict) and isinstance(search.get("storage"), str):
        search["storage"] = _anchored(search["storage"], base)


def _anchored(url: str, base: Path) -> str:
    """A URL of a SQLite file with a path that no longer follows the current directory."""
    engine, stroke, path = url.partition(":///")
    relative = engine.split("+")[0] == "sqlite" and stroke and path and path[0] not in "/:$" and path[:5] != "file:"
    return f"{engine}:///{base / path}" if relative else url


def _first(error: ValidationError) -> str:
    """The first thing that is wrong, as `key: what; what to do`."""
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(problem["loc"][-1]), _known_keys(StudyFile), n=1)
        return f"{key}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "; take it out")
    if problem["type"] == "missing":
        return f"{key}: missing; every study needs it"
    said = problem["msg"].removeprefix("Value error, ")
    found = "" if isinstance(problem["input"], dict) else f" (found {problem['input']!r})"
    return f"{key}: {said}{found}"[:300]


def _known_keys(section: type[Section]) -> list[str]:
    keys: list[str] = []
    for name, field in section.model_fields.items():
        keys.append(name)
        kinds = [field.annotation, *getattr(field.annotation, "__args__", ())]
        keys += [k for kind in kinds if isinstance(kind, type) and issubclass(kind, Section) for k in _known_keys(kind)]
    return keys

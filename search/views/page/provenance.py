"""What a page says of where its numbers come from: the study file, versions, seeds, devices, and what failed."""

import platform
import tomllib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from search.study.study_file import METHOD, StudyFile
from search.study.tally import Tally

_PACKAGES = ("hubits", "torch", "transformers", "optuna", "ray", "numpy", "plotly")
_MEANING = {
    "interrupted": "the driver stopped while they ran; asked for again",
    "worker_lost": "their worker died; asked for again",
    "kills_workers": "struck out: two trials lost all their workers",
    "out_of_memory": "no memory, also in smaller parts",
    "time_limit": "longer than search.minutes_per_trial",
    "disk_full": "the disk was full; asked for again",
    "storage": "the database could not be written",
    "input": "an input was broken or of another kind",
    "diverged": "the finetune's loss was not finite",
    "error": "a bug, or what nobody has thought of",
    "repeated": "under way in another trial, cost nothing",
    "over_limit": "over a limit of the study, cost nothing",
}


def build_provenance(file: StudyFile, told: Tally | None) -> dict[str, Any]:
    """Plain data; ``failures`` is None where nobody looked."""
    return {
        "toml": _text(file),
        "facts": [
            ["study", file.study_name],
            ["signature", f"{file.signature}, method {METHOD}"],
            ["space", f"{file.search_space.size:.3g} assignments over {len(file.search_space.layers)} layers"],
            ["model", f"{file.architecture.parameters:,} parameters, {file.architecture.blocks} blocks"],
            ["runtime model", file.search.runtime],
            ["seeds", f"search {file.search.seed}, finetune {file.finetune.seed}"],
            ["measured on", _devices(told)],
            ["versions where this page was written", _versions()],
        ],
        "failures": None if told is None else [
            [kind, count, _MEANING.get(kind, ""), told.messages.get(kind, "")[:200]]
            for kind, count in told.failures.items()
        ],
        "repeated": told.repeated if told else 0,
    }  # fmt: skip


def _text(file: StudyFile) -> str:
    try:
        text = file.path.read_text(encoding="utf-8")
    except OSError:
        return ""
    storage = tomllib.loads(text).get("search", {}).get("storage")
    return text if storage is None else text.replace(str(storage), "(a database)")  # its URL may hold a password


def _devices(told: Tally | None) -> str:
    found = told.devices if told else {}
    return ", ".join(f"{name} ({count})" for name, count in found.items()) or "not written down"


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)

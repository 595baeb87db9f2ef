"""The study file's reference, from its schema: ``python -m search.views.reference`` prints docs/study-file.md."""

import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from evaluators.section import Section
from search.study.study_file import StudyFile

_OWN = ("path", "fidelity", "shipped")  # of the program, not of the file
_HEAD = """# The study file

One TOML file says what is searched, on what speech, with what finetune. Paths are relative to it. This page is what
`python -m search.views.reference` prints of the schema that reads the file; unknown keys are refused, and the nearest
one is named. `studies/README.md` explains the sections at more length.
"""


def reference() -> str:
    """The whole page in Markdown."""
    lines = [_HEAD, "## At the top\n", *_table(StudyFile, sections=False)]
    seen: set[type[Section]] = set()
    for path, section in _sections(StudyFile):
        if section in seen:
            continue
        seen.add(section)
        lines += [f"\n## [{path}]\n", (section.__doc__ or "").strip().split("\n\n")[0] + "\n", *_table(section)]
    return "\n".join(lines) + "\n"


def _sections(owner: type[Section], prefix: str = "") -> Iterator[tuple[str, type[Section]]]:
    for name, field in owner.model_fields.items():
        for section in _section_of(field):
            if name in _OWN:
                continue
            if any(_section_of(inner) for inner in section.model_fields.values()):
                yield from _sections(section, f"{prefix}{name}.")
            else:
                yield f"{prefix}{name}", section


def _section_of(field: FieldInfo) -> list[type[Section]]:
    kinds = [field.annotation, *typing.get_args(field.annotation)]
    return [k for k in kinds if isinstance(k, type) and issubclass(k, Section)]


def _table(section: type[Section], *, sections: bool = True) -> Iterator[str]:
    yield "| key | kind | default | what |"
    yield "|---|---|---|---|"
    for name, field in section.model_fields.items():
        if (section is StudyFile and name in _OWN) or (not sections and _section_of(field)):
            continue
        kind, what = _kind(field.annotation).replace("|", "or"), (field.description or "").replace("|", "\\|")
        yield f"| `{name}` | {kind} | {_default(field)} | {what} |"


def _kind(annotation: Any) -> str:
    if annotation is type(None):
        return ""
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return _kind(arguments[0])
    if typing.get_origin(annotation) is typing.Literal:
        return " or ".join(map(str, arguments))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " or ".join(filter(None, map(_kind, arguments)))
    if typing.get_origin(annotation) is tuple:
        return f"list of {_kind(arguments[0])}"
    if typing.get_origin(annotation) is dict:
        return "table"
    return {"str": "text", "int": "integer", "float": "number", "bool": "true or false", "Path": "path"}.get(
        getattr(annotation, "__name__", ""), "text"
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    if field.default in (None, PydanticUndefined, (), {}):
        return ""
    return f"`{field.default}`"


if __name__ == "__main__":
    print(reference(), end="")

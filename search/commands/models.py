"""Commands about models: estimate, import, the trainings that a study needs once, demo."""

import json
from pathlib import Path
from typing import Annotated

import typer

from evaluators.costs.runtime import RUNTIME_MODELS
from search.commands.options import AsJson, StudyPath, load, train

_RUNTIMES = "; ".join(f"{one.name}: {one.about}" for one in RUNTIME_MODELS.values())


def estimate(
    model: Annotated[str, typer.Option(help="a model's name, a config.json or a folder with one")],
    uniform: Annotated[list[str], typer.Option(help="a precision for every layer of the blocks, such as w2a2")] = [],  # noqa: B006
    assignment: Annotated[Path | None, typer.Option(help="an assignment's JSON file")] = None,
    runtime: Annotated[list[str], typer.Option(help=f"{_RUNTIMES}; or a profile.toml")] = ["bitops"],  # noqa: B006
    form: Annotated[str, typer.Option("--format", help="packed or onnx: of the file whose bytes are told")] = "packed",
    as_json: AsJson = False,
) -> None:
    """Storage and estimated runtime of any HuBERT, no weights needed.

    Example: hubits estimate --model hubert-base-fastconv --uniform fp16 --uniform w2a2 --runtime paper
    """
    from evaluators.estimate import estimates

    found = estimates(model, uniform, assignment, runtime, form)
    if as_json:
        print(json.dumps(found))
        return
    for one in found:
        beside = "".join(f"  {k.removeprefix('runtime_')} {v:.2f}" for k, v in one.items() if k.startswith("runtime_"))
        print(f"{one['name']:<12} {one['storage_mb']:>10.2f} MB {one['runtime']:>8.2f} of fp16{beside}")


def profile(
    model: Annotated[str, typer.Argument(help="a model's name, a config.json or a folder with one")],
    out: Annotated[Path, typer.Argument(metavar="PROFILE.toml", help="the profile to write, or to go on with")],
) -> None:
    """Time this machine's kernels for the layers of a model, for `search.runtime` and `--runtime`.

    Example: hubits profile hubert-base this-machine.toml
    """
    from evaluators.formats.onnx.timing import measure_profile
    from search.views.screen import CountLine, StatusLine
    from spaces import named_architecture

    with StatusLine() as line:
        made = measure_profile(named_architecture(model), out, CountLine(line, "layers timed"))
    print(f"{out}: {len(made.times)} layers, {made.about}; middle half of the runs within {100 * made.spread:.1f} %")


def import_model(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="a name on the hub, or a folder that transformers wrote")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the model folder to write")],
) -> None:
    """Write a checkpoint of transformers as a model folder: HuBERT, wav2vec 2.0 or data2vec-audio.

    Example: hubits import facebook/hubert-large-ls960-ft models/hubert-large
    """
    from evaluators.models.imports import import_checkpoint

    head = import_checkpoint(source, folder)
    kind = "a CTC model" if head else "a pretrained model, for float_training.start; it has no CTC head"
    print(f"{folder}: {kind}")


def train_float(study: StudyPath) -> None:
    """Train the study's float model (its section float_training); started again, it goes on.

    Example: hubits train-float studies/pocket/train.toml
    """
    from search.stages.training import train_float_model

    errors = train(lambda on_step: train_float_model(load(study), on_step))
    print(f"WER {errors.words.rate:.2f} %, CER {errors.characters.rate:.2f} % on the development corpus")


def train_supernet(study: StudyPath) -> None:
    """Train the study's supernet (its section supernet_training); started again, it goes on.

    Example: hubits train-supernet studies/pocket/train.toml
    """
    from search.stages.training import train_supernet_model

    wers = train(lambda on_step: train_supernet_model(load(study), on_step))
    if wers:
        print("WER without a step: " + ", ".join(f"{name} {wer:.2f} %" for name, wer in wers.items()))


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to write; it must not be there yet")],
) -> None:
    """Write the demo study and its model into a folder, ready to be searched.

    Example: hubits demo pocket
    """
    from search.commands.demo import write_demo

    path = write_demo(folder)
    print(f"{path} written; try `hubits search {path}`")

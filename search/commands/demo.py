"""The demo study as files, from wherever hubits is installed."""

import shutil
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from spaces import UserError

_FILES = ("demo.toml", "train.toml", "model/config.json", "model/vocab.json", "model/model.safetensors",
          "model/supernet.safetensors")  # fmt: skip


def write_demo(folder: Path) -> Path:
    """Write the demo's study files and model; the path of the study.

    Raises:
        UserError: if the folder is there already or cannot be written.
    """
    if folder.exists():
        raise UserError(f"{folder}: is there already; name a folder that is not")
    source = _source()
    try:
        for name in _FILES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return folder / "demo.toml"


def _source() -> Path:
    """Installed from a wheel, the files lie where its records say; in a clone, in studies/pocket."""
    with suppress(PackageNotFoundError):
        for file in distribution("hubits").files or []:
            if file.match("hubits/pocket/demo.toml"):
                return Path(str(file.locate())).parent
    return Path(__file__).parents[2] / "studies" / "pocket"

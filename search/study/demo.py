"""The demo study as files, from wherever hubits is installed."""

import shutil
from importlib.resources import as_file, files
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
    try:
        with as_file(_source()) as source:
            for name in _FILES:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return folder / "demo.toml"


def _source() -> Path:
    """Installed, the files lie in the package; in a clone, in studies/pocket."""
    installed = files("search") / "demo"
    return Path(str(installed)) if installed.is_dir() else Path(__file__).parents[2] / "studies" / "pocket"

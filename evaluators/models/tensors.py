"""Tensors on disk: safetensors and nothing else, since nothing that is read may run code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from evaluators.files import probe, whole
from spaces.errors import UserError


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: not found") from None
    except (SafetensorError, OSError) as error:
        probe(path)
        raise UserError(f"{path}: broken safetensors file ({error}); make or fetch it again") from None


def read_stored(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, of the types that they are stored in."""
    with _readable(path):
        return load_file(path)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file, as float32 where they are floating point."""
    return {k: v.float() if v.is_floating_point() else v for k, v in read_stored(path).items()}


def tensor_names(path: Path) -> list[str]:
    """Names of the tensors in a safetensors file."""
    with _readable(path), _opened(path) as file:
        return list(file.keys())


def read_metadata(path: Path) -> dict[str, str]:
    """The string metadata of a safetensors file."""
    with _readable(path), _opened(path) as file:
        return dict(file.metadata() or {})


def _opened(path: Path) -> Any:
    return safe_open(path, "pt")


def load_weights(model: nn.Module, path: Path) -> None:
    """Copy a safetensors file into a model, every tensor and no other."""
    tensors = read_tensors(path)
    expected = model.state_dict()
    for name, tensor in expected.items():
        if name not in tensors:
            raise UserError(f"{path}: lacks the tensor {name!r}; it is a checkpoint of another model")
        if tensors[name].shape != tensor.shape:
            raise UserError(
                f"{path}: {name} has shape {tuple(tensors[name].shape)}, the model needs {tuple(tensor.shape)}; "
                "it is a checkpoint of another shape"
            )
    extra = sorted(set(tensors) - set(expected))
    if extra:
        raise UserError(f"{path}: holds {extra[0]!r}, which the model has not; it is a checkpoint of another model")
    model.load_state_dict(tensors)


def save_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors as they are, whole or not at all."""
    with whole(path) as part:
        save_file(tensors, part, metadata=metadata)


def save_half(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    """Write tensors as float16, whole or not at all."""
    save_tensors({k: v.detach().half().contiguous() for k, v in tensors.items()}, path, metadata)

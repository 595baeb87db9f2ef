"""The Ray cluster that a study runs on: how it is reached, what a trial is given of it, how much one node can give."""

import logging
import math
import os
import socket
from pathlib import Path
from typing import Any

from search.study.sections import SearchSettings
from spaces import UserError

_log = logging.getLogger("hubits.cluster")


def connect(settings: SearchSettings, cpus: int | None = None) -> bool:
    """Connect to the cluster that a study asks for, or start one on this machine; whether it is ours to end.

    Args:
        cpus: of the one on this machine, whole ones; without them what the study's workers take.

    Raises:
        UserError: if there is no cluster at the address, or this machine offers less than one worker asks for.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers hide GPUs themselves; Ray would warn
    if settings.ray_address is None:  # another cluster says for itself how it authenticates
        os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's own default; said aloud it does not warn
    import ray

    owns = not ray.is_initialized()
    if owns:
        _connect(ray, settings, cpus or math.ceil(settings.workers * settings.cpus_per_trial))
    _refuse_too_large(settings)
    return owns


def _connect(ray: Any, settings: SearchSettings, cpus: int) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}
    if settings.ray_address is None:
        # "local": not whatever cluster happens to run on this machine
        ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
        return
    root = Path(__file__).parents[2]
    packages = [str(root / name) for name in ("search", "evaluators", "spaces")]
    _reach(settings.ray_address)
    try:
        ray.init(settings.ray_address, runtime_env={"py_modules": packages}, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise UserError(f"search.ray_address: no Ray cluster at {settings.ray_address} ({why})") from None


def _reach(address: str) -> None:
    """Refuse an address at which nobody listens: Ray would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdecimal():  # "auto" and the like
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"search.ray_address: nobody listens at {address} ({error})") from None


def _refuse_too_large(settings: SearchSettings) -> None:
    """Say what no node offers: on this machine that is a mistake, another cluster may grow."""
    for resource, need in share(settings, 1).items():
        most = max((node.get(resource, 0) for node in _nodes()), default=0)
        if most < need:
            what = f"search.{resource.lower()}s_per_trial: {need:g} asked for, the largest node has {most:g}"
            if settings.ray_address is None:
                raise UserError(what)
            _log.warning("%s now; waiting for a larger one", what)
    if not settings.gpus_per_trial and any(node.get("GPU") for node in _nodes()):
        _log.warning("search.gpus_per_trial is 0: workers see none of the GPUs that there are")


def share(settings: SearchSettings, room: int) -> dict[str, float]:
    """Resources of a worker of some times the ordinary room.

    A trial runs on one GPU: more room is more of it, up to the whole, and no second one.
    """
    gpus = settings.gpus_per_trial
    gpus = gpus if gpus >= 1 else min(1.0, gpus * room)
    return {"CPU": settings.cpus_per_trial * room} | ({"GPU": gpus} if gpus else {})


def most_room(settings: SearchSettings) -> int:
    """How many workers' room the largest node can give to one, at most what all of them have."""
    nodes, most = _nodes(), 1
    for room in range(2, settings.workers + 1):
        wanted = share(settings, room)
        if any(all(node.get(resource, 0) >= need for resource, need in wanted.items()) for node in nodes):
            most = room
    return most


def _nodes() -> list[dict[str, float]]:
    """Resources of each node that is there."""
    import ray

    alive: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in alive if node["Alive"]]


def logs() -> str:
    """Where Ray's own logs lie on this machine."""
    import ray

    node = getattr(ray._private.worker, "_global_node", None)
    return "on the cluster's machines, /tmp/ray/session_latest/logs" if node is None else node.get_logs_dir_path()

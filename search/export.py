"""Taking a member home: the packed checkpoint that was scored, with what is needed to load it."""

import shutil
from pathlib import Path

from evaluators.storage import head_path
from search.member import Member, checkpoint_path
from search.study_file import StudyFile
from spaces import UserError


def export_member(file: StudyFile, member: Member, folder: Path) -> None:
    """Write model.safetensors, assignment.json, config.json and vocab.json, and SUPERB's head where there is one.

    Raises:
        UserError: if the checkpoint is gone or the folder cannot be written.
    """
    checkpoint = checkpoint_path(file, member.assignment.digest)
    if not checkpoint.exists():
        raise UserError(f"{checkpoint}: the checkpoint of {member.name} is gone; search again in a new study folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkpoint, folder / "model.safetensors")
        head = head_path(folder / "model.safetensors")
        head.unlink(missing_ok=True)  # of a member that was exported here before
        if file.superb is not None:
            shutil.copyfile(head_path(checkpoint), head)
        (folder / "assignment.json").write_text(member.assignment.to_json() + "\n", encoding="utf-8")
        for name in ("config.json", "vocab.json"):
            shutil.copyfile(file.model.folder / name, folder / name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror})") from None

"""What an exported ONNX file says of itself."""

from spaces.assignment import Assignment

MEMBER = "hubits"  # the assignment, as JSON


def onnx_metadata(assignment: Assignment) -> dict[str, str]:
    """Key -> value of the file's metadata."""
    return {MEMBER: assignment.to_json()}

"""Commands about models."""

import json

from tests.command_line import hubits


def test_estimate_gives_the_papers_figures() -> None:
    arguments = ["--uniform", "fp16", "--uniform", "w2a2", "--uniform", "w1a1", "--runtime", "paper", "--json"]
    found = json.loads(hubits("estimate", "--model", "hubert-base-fastconv", *arguments).stdout)
    assert [(round(f["storage_mb"], 2), round(f["runtime"], 2)) for f in found] == [
        (184.42, 1.0),
        (35.84, 0.15),
        (25.23, 0.12),
    ]

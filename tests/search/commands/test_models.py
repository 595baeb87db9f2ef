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


def test_estimate_tells_the_bytes_of_an_onnx_file_and_other_runtimes_beside() -> None:
    arguments = ["--uniform", "w2a2", "--format", "onnx", "--runtime", "bitops", "--runtime", "x86-vnni", "--json"]
    found = json.loads(hubits("estimate", "--model", "hubert-base", *arguments).stdout)[0]
    packed = json.loads(hubits("estimate", "--model", "hubert-base", "--uniform", "w2a2", "--json").stdout)[0]
    assert packed["storage_mb"] < found["storage_mb"] < 1.05 * packed["storage_mb"]
    assert found["runtime"] == packed["runtime"] < found["runtime_x86-vnni"]

"""What this package brings along keeps the promises of its kinds."""

import pytest

import qcbench


def test_the_policy() -> None:
    assert qcbench.check_policy("good_enough") == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("workloads", "office_hours"),
        ("time_models", "layered"),
        ("fidelity_models", "readout_only"),
        ("metrics", "prompt_share"),
        ("configs", "qcbench_example"),
    ],
)
def test_everything_else(kind: str, name: str) -> None:
    assert qcbench.check_plugin(kind, name) == []

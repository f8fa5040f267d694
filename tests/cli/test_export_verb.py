"""`qcbench export`: the policy of a run, of a folder or of the registry, copied and checked."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from exported_samples import make_card, random_tensors, write_sample

import qcbench
from qcbench.cli.main import main
from qcbench.policies.exported.card import CARD, ONNX, WEIGHTS, HeuristicCard
from qcbench.policies.exported.folder import digest, write_folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training run with its best policy and two checkpoints."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "train-20261120-101500"
    write_sample(folder / "exported", "placement")
    card = make_card("placement")
    for place in (1, 2):
        where = folder / "checkpoints" / f"{place:03}" / "exported"
        write_folder(where, card, random_tensors(card, place))
    return folder


def said(capsys: pytest.CaptureFixture[str]) -> str:
    text = capsys.readouterr().err.strip()
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["train-20261120-101500", "train", "runs/train-20261120-101500"])
def test_the_best_policy_of_a_run(run: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", name]) == 0
    assert capsys.readouterr().out == "train-20261120-101500\n"
    copied = Path("train-20261120-101500")
    assert sorted(path.name for path in copied.iterdir()) == [CARD, WEIGHTS]
    assert digest(copied) == digest(run / "exported")
    assert main(["export", name]) == 0, "the same again changes nothing"
    mine = qcbench.simulate(policy="./train-20261120-101500")
    np.testing.assert_array_equal(mine.qpu, qcbench.simulate(policy=str(run)).qpu)


def test_a_checkpoint_and_a_place(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "train", "checkpoint=002", "to=somewhere/else"]) == 0
    assert digest(Path("somewhere/else")) == digest(run / "checkpoints" / "002" / "exported")
    capsys.readouterr()
    assert main(["export", "train", "to=somewhere/else"]) == 2
    assert "somewhere/else: holds another policy already" in said(capsys)
    assert main(["export", "train", "--checkpoint", "7"]) == 2
    assert "has no checkpoint 7 with a policy; known: 001, 002" in said(capsys)


def test_onnx_besides(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx")
    assert main(["export", "train", "to=p", "format=onnx"]) == 0
    assert "p/model.onnx (" in capsys.readouterr().out
    assert sorted(path.name for path in Path("p").iterdir()) == [ONNX, CARD, WEIGHTS]
    assert digest(Path("p")) == digest(run / "exported")


def test_what_cannot_be_exported(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heuristic = HeuristicCard(track="placement", name="lookahead")
    write_folder(tmp_path / "rule", heuristic, None)
    assert main(["export", "./rule", "to=copy"]) == 0
    capsys.readouterr()
    assert [path.name for path in Path("copy").iterdir()] == [CARD]
    shutil.copytree(run, tmp_path / "runs" / "train-2")
    broken = write_sample(tmp_path / "broken", "placement")
    (broken / WEIGHTS).write_bytes(b"x" * 100)
    for arguments, message in (
        (["./rule", "to=again", "format=onnx"], "is the heuristic lookahead; it has no network"),
        (["train"], "run train: several begin so: train-2, train-20261120-101500"),
        (["nobody"], "run nobody: there is no runs/nobody/exported/policy.json"),
        (["./broken", "to=again"], "is no safetensors file"),
        (["models:/placement@champion"], "no model is registered; there is no"),
        (["packaged:nobody", "to=again"], "no placement policy of this name is packaged"),
        (["train-2", "format=pickle"], "invalid choice: 'pickle'"),
        ([], "the following arguments are required: run"),
    ):
        assert main(["export", *arguments]) == 2
        assert message in said(capsys)
        assert not Path("again").exists()

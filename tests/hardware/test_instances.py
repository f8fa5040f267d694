"""Several instances of an account: chosen by name or CRN, listed, each with what is its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("qiskit_ibm_runtime")

from qcbench.cli.main import main
from qcbench.errors import InputError
from qcbench.hardware.ibm import instances
from qcbench.hardware.ibm.instances import chosen, from_client
from qcbench.hardware.ibm.port import RuntimePort
from qcbench.hardware.ibm.settings import JobExecution
from qcbench.hardware.port import BackendError, Instance
from tests.deploy.clients import bell, config, emulated, quick

DEVICES = ("perth", "lagos")
RESEARCH = "crn:v1:bluemix:public:quantum-computing:eu-de:a/emulated:research::"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    named = (
        config.InstanceConfig(name="teaching", quota_s=60.0, devices=("lagos",)),
        config.InstanceConfig(name="research", plan="premium", region="eu-de"),
    )
    with emulated(quick(devices=DEVICES, instances=named)) as emulator:
        yield emulator.url


def port(url: str, instance: str, **more: object) -> RuntimePort:
    return RuntimePort("emulated", "a-key-of-nobody", instance, url=url, own_addresses=True, **more)


def test_one_is_chosen_by_name_or_crn(url: str) -> None:
    for wanted in ("research", RESEARCH):
        opened = port(url, wanted)
        found = opened.account()
        assert (found.plan, found.region, found.instance) == ("premium", "eu-de", RESEARCH)
        assert found.devices == ("ibm_perth", "ibm_lagos")
        assert [one.name for one in found.instances] == ["teaching", "research"]
        assert opened.remaining() is None
        opened.close()
    opened = port(url, "teaching", execution=JobExecution("session", 300))
    assert opened.account().devices == ("ibm_lagos",)
    assert opened.remaining() == 60.0
    with pytest.raises(InputError, match="has no device perth"):
        opened.state("perth")
    circuit = bell(opened._backend("lagos"))
    with pytest.raises(BackendError, match="open plan") as caught:
        opened.submit("lagos", [circuit], 10, token="t", group="g", most=10.0)
    assert caught.value.kind == "refused"
    opened.close()


def test_one_that_is_not_there_is_one_line_with_those_that_are(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "a-key-of-nobody")
    monkeypatch.chdir(tmp_path)
    told = ["replay", "doctor", "backend=ibm", f"backend.url={url}", "tasks=2"]
    assert main([*told, "backend.instance=reserch"]) == 2
    heard = capsys.readouterr()
    assert heard.err.count("\n") == 1
    assert (
        "backend.instance: reserch does not exist; there are teaching (open, us-east)" in heard.err
    )
    assert f"research (premium, eu-de) {RESEARCH}" in heard.err
    devices = "backend.devices={washington: perth, kolkata: perth, hanoi: perth}"
    assert main([*told, "backend.instance=research", devices]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "account: plan premium, region eu-de, 2 devices (emulated)"
    assert lines[1].startswith("instance: teaching (open, us-east) crn:")
    assert lines[2] == f"instance: research (premium, eu-de) {RESEARCH}, in use"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("[{name: a, devices: [perht]}]", "instances: a: perht is not among devices"),
        ("[{name: a}, {name: a}]", "instances: 'a': each has a name of its own"),
    ],
)
def test_instances_that_cannot_be(
    told: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulator", f"instances={told}"]) == 2
    heard = capsys.readouterr().err
    assert words in heard
    assert heard.count("\n") == 1


def test_names_that_several_have() -> None:
    known = from_client(
        [
            {"crn": "crn:v1:b:p:q:us-east:a", "name": "mine", "plan": "open"},
            {"crn": "crn:v1:b:p:q:eu-de:a", "name": "mine", "plan": "unknown"},
        ]
    )
    assert known[1] == Instance("crn:v1:b:p:q:eu-de:a", "mine", "", "eu-de")
    assert chosen(known[1].crn, known) == known[1].crn
    with pytest.raises(InputError, match=r"names several; give the CRN of mine \(open, us-east\)"):
        chosen("mine", known)
    assert chosen("anything", ()) == "anything"


def test_those_of_a_real_account_are_listed_where_one_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What IBM's cloud would list, without asking it."""
    from qiskit_ibm_runtime.accounts import Account  # noqa: PLC0415

    listed = [{"crn": RESEARCH, "name": "research", "plan": "premium", "tags": []}]
    kind = type(Account.create_account(channel="ibm_quantum_platform", token="a-key-of-nobody"))
    monkeypatch.setattr(kind, "list_instances", lambda _self: listed)
    for wanted in ("reserch", RESEARCH.replace("research", "other")):
        with pytest.raises(
            InputError, match=r"does not exist; there are research \(premium, eu-de"
        ):
            RuntimePort("hardware", "a-key-of-nobody", wanted)
    assert instances.described(from_client(listed)[0]).endswith(RESEARCH)

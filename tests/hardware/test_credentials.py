"""Tokens come from a variable or a private file, and are in no message."""

from pathlib import Path

import pytest

from qcbench.errors import InputError
from qcbench.hardware.config import IbmBackend
from qcbench.hardware.credentials import find_instance, find_token, scrub

SECRET = "s3cr3t-" + "x" * 30


def test_token_from_a_variable() -> None:
    config = IbmBackend(token_env="MINE")
    assert find_token(config, {"MINE": f" {SECRET}\n"}) == SECRET
    with pytest.raises(InputError, match="no token; put it into the variable MINE"):
        find_token(config, {})


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET)
    path.chmod(mode)
    with pytest.raises(InputError, match="chmod 600") as caught:
        find_token(IbmBackend(token_path=str(path)))
    assert SECRET not in str(caught.value)


def test_private_file_comes_before_the_variable(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    config = IbmBackend(token_path=str(path))
    assert find_token(config, {"QISKIT_IBM_TOKEN": "other"}) == SECRET


@pytest.mark.parametrize("text", ["", "two words", "\x00"])
def test_text_that_is_no_token(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError, match="holds no token"):
        find_token(IbmBackend(token_path=str(path)))


def test_instance_is_asked_for() -> None:
    assert find_instance(IbmBackend(instance="crn:x")) == "crn:x"
    assert find_instance(IbmBackend(), {"QISKIT_IBM_INSTANCE": "crn:y"}) == "crn:y"
    with pytest.raises(InputError, match=r"backend\.instance=CRN"):
        find_instance(IbmBackend(), {})


@pytest.mark.parametrize(
    "text",
    [
        f"401 Client Error for key {SECRET}",
        "header Authorization: Bearer abcdefghijklmnop.qrst",
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl was refused",
        '{"apikey": "abcdefghijklmnop"}',
    ],
)
def test_scrubbed_text_has_no_token(text: str) -> None:
    clean = scrub(text, SECRET)
    assert "[token]" in clean
    for secret in (SECRET, "abcdefghijklmnop", "eyJzdWIiOiJhIn0"):
        assert secret not in clean

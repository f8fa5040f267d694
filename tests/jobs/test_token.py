"""Tokens: found where they should be, made for one user only, never in a message."""

import shlex
import stat
import subprocess
from pathlib import Path

import pytest

from qcbench.bench.config import ClusterConfig
from qcbench.bench.jobs.token import create_token, find_token, read_token, readable_by_others
from qcbench.cli.submit import main as submit
from qcbench.errors import InputError

CONFIG = ClusterConfig(address="http://127.0.0.1:8265")


def test_a_new_token_is_long_random_and_private(tmp_path: Path) -> None:
    first, second = tmp_path / "keys" / "first", tmp_path / "second"
    create_token(first)
    create_token(second)
    assert stat.S_IMODE(first.stat().st_mode) == 0o600
    assert not readable_by_others(first)
    tokens = {read_token(first, "test"), read_token(second, "test")}
    assert len(tokens) == 2
    assert all(len(token) == 64 for token in tokens)
    with pytest.raises(InputError, match="exists already"):
        create_token(first)
    assert read_token(first, "test") in tokens
    first.chmod(0o644)
    assert readable_by_others(first)


def test_a_token_is_rotated_at_the_next_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "my token"
    with pytest.raises(InputError, match=r"token file=.*cannot be read"):
        submit(["token", str(path), "--rotate"])
    assert submit(["token", str(path)]) == 0
    old = read_token(path, "test")
    capsys.readouterr()
    assert submit(["token", str(path), "--rotate"]) == 0
    shown = capsys.readouterr()
    following = Path(shown.out.strip())
    new = read_token(following, "test")
    assert new != old
    assert read_token(path, "test") == old, "the cluster that runs still has it"
    assert stat.S_IMODE(following.stat().st_mode) == 0o600
    assert old not in shown.out + shown.err
    assert new not in shown.out + shown.err
    with pytest.raises(InputError, match="exists already"):
        submit(["token", str(path), "--rotate"])
    command = next(line for line in shown.err.splitlines() if line.startswith("  mv "))
    subprocess.run(shlex.split(command), check=True)
    assert read_token(path, "test") == new
    assert not following.exists()


def test_where_a_token_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    given, exported = tmp_path / "given", tmp_path / "exported"
    given.write_text(" g1 \n")
    exported.write_text("e1")
    config = ClusterConfig(address=CONFIG.address, token_path=str(given))
    here = {"RAY_AUTH_TOKEN_PATH": str(exported)}
    assert find_token(CONFIG, {}) == (None, "")
    assert find_token(CONFIG, here)[0] == "e1"
    assert find_token(CONFIG, here | {"RAY_AUTH_TOKEN": "v1"}) == ("v1", "RAY_AUTH_TOKEN")
    assert find_token(CONFIG, here | {"RAY_AUTH_MODE": "disabled"})[0] is None
    assert find_token(config, here | {"RAY_AUTH_MODE": "disabled"})[0] == "g1"
    with pytest.raises(InputError, match=r"auth_token: cannot be read"):
        find_token(CONFIG, {"RAY_AUTH_MODE": "token"})
    create_token(tmp_path / ".ray" / "auth_token")
    assert find_token(CONFIG, {"RAY_AUTH_MODE": "token"})[1] == "~/.ray/auth_token"
    assert find_token(CONFIG, {})[0] is None


@pytest.mark.parametrize("content", [b"", b"  \n", b"two words", b"secret\nsecret", b"\xffsecret"])
def test_what_is_no_token_is_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_token(path, "cluster.token_path")
    message = str(caught.value)
    assert message.startswith(f"cluster.token_path={path}: holds no token")
    assert "secret" not in message
    assert "words" not in message

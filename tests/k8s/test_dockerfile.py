"""The Dockerfile without Docker: what it copies is there, what it pins agrees."""

import json
import re
import shlex
import tomllib
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
KNOWN = {"FROM", "WORKDIR", "COPY", "ARG", "RUN", "ENV", "USER", "CMD", "ENTRYPOINT"}


def instructions(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with their arguments, continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(words[0], words[1].strip()) for words in found]


@pytest.fixture
def steps() -> list[tuple[str, str]]:
    """The instructions of the project's Dockerfile."""
    return instructions(DOCKERFILE.read_text())


def values(steps: list[tuple[str, str]], name: str) -> list[str]:
    return [argument for instruction, argument in steps if instruction == name]


def sent_to_the_builder(path: str) -> bool:
    """Whether .dockerignore lets a path of the top folder through; the last pattern decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            wanted = pattern.startswith("!")
            if PurePosixPath(path).match(pattern.removeprefix("!").removeprefix("**/")):
                sent = wanted
    return sent


def test_every_instruction_is_a_known_one(steps: list[tuple[str, str]]) -> None:
    assert {name for name, _ in steps} <= KNOWN
    assert steps[0][0] == "FROM"
    assert instructions("RUN a \\\n  # why\n  && b\nCOPY x y") == [
        ("RUN", "a    && b"),
        ("COPY", "x y"),
    ]


def test_what_is_copied_exists_and_is_sent_to_the_builder(steps: list[tuple[str, str]]) -> None:
    stages = {words[2] for words in map(str.split, values(steps, "FROM")) if len(words) == 3}
    sources = []
    for argument in values(steps, "COPY"):
        words = shlex.split(argument)
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in stages
            continue
        sources += words[:-1]
    assert {"pyproject.toml", "qcbench", "conf", "jobs"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert sent_to_the_builder(source), source
    for private in (".git", ".venv", "runs", "tests", "mlflow.db", "secret"):
        assert not sent_to_the_builder(private), private


def test_what_the_wheel_needs_is_copied(steps: list[tuple[str, str]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]}
    needed |= set(project["project"]["license-files"])
    copied = {word for argument in values(steps, "COPY") for word in shlex.split(argument)[:-1]}
    for path in needed:
        assert {path, path.partition("/")[0]} & copied, path


def test_ray_and_python_are_those_of_the_project(steps: list[tuple[str, str]]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (ray,) = [text for text in project["optional-dependencies"]["node"] if text.startswith("ray")]
    version = ray.partition("==")[2]
    assert f"RAY_VERSION={version}" in values(steps, "ARG")
    assert sum("ray[default]==${RAY_VERSION}" in text for text in values(steps, "RUN")) == 2
    assert "EXTRAS=bench" in values(steps, "ARG")
    assert {text.split()[0] for text in values(steps, "FROM")} == {"python:3.11-slim"}


def stage(steps: list[tuple[str, str]], name: str) -> list[tuple[str, str]]:
    """Return the instructions of a stage of a name."""
    begins = [n for n, (kind, text) in enumerate(steps) if kind == "FROM"]
    begin = next(n for n in begins if steps[n][1].endswith(f" AS {name}"))
    return steps[begin : next((n for n in begins if n > begin), len(steps))]


def test_the_mlflow_image_starts_the_server_that_the_docs_start(
    steps: list[tuple[str, str]],
) -> None:
    mlflow = stage(steps, "mlflow")
    assert ("USER", "1000") in mlflow
    assert any("[server]" in text for text in values(mlflow, "RUN"))
    (text,) = values(mlflow, "ENTRYPOINT")
    words = json.loads(text)
    documented = (ROOT / "docs" / "tracking.md").read_text().replace("\\\n", " ")
    (command,) = re.findall(r"^mlflow server .*--app-name basic-auth.*$", documented, re.MULTILINE)
    told = shlex.split(command)
    for name in ("--app-name", "--port", "--workers", "--backend-store-uri"):
        assert words[words.index(name) + 1] == told[told.index(name) + 1], name
    (variables,) = values(mlflow, "ENV")
    assert "MLFLOW_AUTH_CONFIG_PATH=/etc/mlflow/basic_auth.ini" in variables
    assert "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false" in variables
    assert not re.search("PASSWORD|SECRET", str(mlflow))


def test_it_does_not_run_as_root_and_holds_no_tests(steps: list[tuple[str, str]]) -> None:
    assert steps[-3:][0] == ("USER", "1000")
    assert any("useradd --uid 1000" in text for text in values(steps, "RUN"))
    assert not any("[dev]" in text for text in values(steps, "RUN"))

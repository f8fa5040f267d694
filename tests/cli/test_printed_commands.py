"""Commands that are printed can be pasted, whatever is in a name."""

import ast
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import qcbench
from qcbench.cli.main import VERBS, main
from qcbench.commands import command, override, word

PACKAGE = Path(qcbench.__file__).parent
QUOTED = {
    *("command", "word", "shell_word", "told_name", "told_dirs", "join", "quote", "judge_it"),
    *("train_best", "nearest", "as_overrides", "browse_command", "folder_option"),
}
"""Functions that return words of a command as a shell takes them."""
KNOWN = {"version", "words", "told_all", "told", "pinned", "verb"}
"""Names and attributes that are such words, or a version."""
BEGUN = re.compile(rf"(?:^|[`\s])qcbench (?:(?:{'|'.join(VERBS)})(?: [\w=.-]*)*)?$")
"""A text that ends inside a command."""


@pytest.mark.parametrize(
    "value",
    [
        "plain/name",
        "a b",
        "it's",
        'say "x"',
        "a,b",
        "[a]",
        "back\\slash",
        "end\\",
        'q\\"x',
        "#",
        "$X",
    ],
)
def test_words_are_as_a_shell_and_hydra_take_them(value: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser  # noqa: PLC0415

    (said,) = shlex.split(word(override("tracking.experiment", value)))
    parsed = OverridesParser.create().parse_override(said).value()
    assert getattr(parsed, "text", parsed) == value
    assert shlex.split(command("show", value)) == ["qcbench", "show", value]
    (said,) = shlex.split(word(override("policy", value)))
    assert said == f"policy={value}"


def unquoted(path: Path) -> Iterator[str]:
    """Give the f-strings that put something into a command which is not quoted for a shell."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef):
            continue
        given = {
            target: value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            for target, value in _assigned(node)
        }
        for node in ast.walk(scope):
            if not isinstance(node, ast.JoinedStr):
                continue
            text = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    text += str(part.value)
                    continue
                assert isinstance(part, ast.FormattedValue)
                if BEGUN.search(text) and not _is_quoted(part.value, given):
                    yield f"{path.name}:{node.lineno}: {ast.unparse(part.value)}"
                text += "x"


def _assigned(node: ast.Assign) -> Iterator[tuple[str, ast.expr]]:
    for target in node.targets:
        if isinstance(target, ast.Name):
            yield target.id, node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for each, value in zip(target.elts, node.value.elts, strict=False):
                if isinstance(each, ast.Name):
                    yield each.id, value


def _is_quoted(value: ast.expr, given: dict[str, ast.expr]) -> bool:
    if isinstance(value, ast.Name):
        inside = given.get(value.id)
        return value.id in KNOWN | {"verb", "__version__", "MODEL_VERSION"} or (
            inside is not None and _is_quoted(inside, {})
        )
    if isinstance(value, ast.IfExp):
        return _is_quoted(value.body, given) and _is_quoted(value.orelse, given)
    if isinstance(value, ast.Attribute):
        return value.attr in KNOWN
    if isinstance(value, ast.Constant):
        return True
    called = value.func if isinstance(value, ast.Call) else None
    name = getattr(called, "id", getattr(called, "attr", ""))
    return name in QUOTED


def test_no_command_is_put_together_from_words_that_are_not_quoted() -> None:
    found = [line for path in sorted(PACKAGE.rglob("*.py")) for line in unquoted(path)]
    assert found == [], "use qcbench.commands"


def test_a_folder_with_a_blank_can_be_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "packaged:champion", "to=exq q"]) == 0
    said = capsys.readouterr().err.strip()
    assert said == "use it with 'policy=./exq q'"
    (told,) = shlex.split(said.removeprefix("use it with "))
    assert main(["simulate", told, "workload.tasks=5"]) == 0


def test_a_model_with_a_blank_can_be_pasted(
    tmp_path: Path,
    mlflow_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_store, tmp_path / "runs" / "mlflow.db")
    told = ["replicates=20", "workload.tasks=12", "baseline=random", "model=a b"]
    assert main(["promote", "earliest_completion", *told]) == 0
    (use,) = re.findall(r"^use it +(.+)$", capsys.readouterr().out, re.MULTILINE)
    assert use == "'policy=models:/a b@champion'"
    assert main(["simulate", *shlex.split(use), "workload.tasks=5"]) == 0

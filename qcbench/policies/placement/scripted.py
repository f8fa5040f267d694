"""Decisions read from a file, in order; for replaying what another program did.

The file is a CSV with a column `action`: the index of a QPU. Infeasible ones count as
violations like anybody's.
"""

import csv
import io
from pathlib import Path

from qcbench.errors import InputError, nearest
from qcbench.policies.protocol import Placement, PolicyContext, ScriptError
from qcbench.policies.script_files import read_script, resolve_parameters
from qcbench.policies.twins import NO_DECISION, Memory, Placing, TwinContext, memory
from qcbench.policies.view import PlacementView

__all__ = ["policy", "read_actions", "remember", "resolve_parameters", "twin"]


def policy(context: PolicyContext, *, file: str, sha256: str = "") -> Placement:
    """Build the policy from the path of a CSV file.

    Args:
        context: the fleet.
        file: the CSV.
        sha256: of its content; found when a trial is made.
    """
    actions = iter(read_actions(Path(file), len(context.fleet), sha256))

    def decide(_view: PlacementView) -> int:
        try:
            return next(actions)
        except StopIteration:
            raise ScriptError(f"{file}: the script ends before the tasks do") from None

    return decide


def read_actions(path: Path, qpus: int, sha256: str = "") -> list[int]:
    """Read and check the column `action`; the content must have the hash where one is given."""
    data = read_script(path, sha256)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        columns = reader.fieldnames or []
        if "action" not in columns:
            raise InputError(f"{path}: no column action{nearest('action', columns)}")
        actions = []
        for row in reader:
            text = (row["action"] or "").strip()
            if not text.isdecimal() or len(text) > 9 or int(text) >= qpus:
                raise InputError(
                    f"{path}, line {reader.line_num}: action {text!r} is not a QPU index "
                    f"0..{qpus - 1}"
                )
            actions.append(int(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: is not a CSV file in UTF-8 ({error})") from None
    return actions


def remember(context: TwinContext, *, file: str, sha256: str = "") -> Memory:
    """Return the turn and the actions."""
    actions = read_actions(Path(file), len(context.fleet), sha256)
    script = memory(whole=1 + len(actions))
    script.whole[1:] = actions
    return script


def twin(_view: Placing, memory: Memory) -> int:
    """Decide as `policy` does; `NO_DECISION` where the script has ended."""
    script = memory.whole
    turn = script[0] + 1
    script[0] = turn
    return int(script[turn]) if turn < len(script) else NO_DECISION

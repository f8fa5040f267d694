"""`qcbench export`: the policy that a run has trained, as a folder that needs nothing but NumPy."""

import sys
from collections.abc import Sequence
from pathlib import Path

from qcbench.cli.arguments import Parser, as_option
from qcbench.commands import override, word
from qcbench.errors import InputError
from qcbench.files import write_durable
from qcbench.policies.exported.card import CARD, ONNX, WEIGHTS, Card
from qcbench.policies.exported.folder import (
    CHAMPION,
    EXPORTED,
    digest,
    folder_of,
    read_folder,
    read_folder_card,
)
from qcbench.policies.exported.reference import lies_elsewhere
from qcbench.storage import mirror
from qcbench.storage.places import runs_folder, shown_path
from qcbench.tracks import USUAL, is_track

FORMATS = ("folder", "onnx")
CHECKPOINTS = "checkpoints"


def main(arguments: Sequence[str]) -> int:
    """Run the verb."""
    parser = Parser(
        prog="qcbench export",
        description="Copy the best policy of a training run, or a registered one, into a folder.",
        epilog="Options may be written key=value as well: to=champion format=onnx.",
    )
    parser.add_argument(
        "run", help="training run by id or path, folder of a policy, or models:/..."
    )
    parser.add_argument("--to", type=Path, help="folder to write; named after the run by default")
    parser.add_argument("--format", choices=FORMATS, default="folder", help=f"onnx: {ONNX} besides")
    parser.add_argument("--checkpoint", help="of the run, by name, instead of the best")
    parser.add_argument("--track", default=USUAL, help="of a policy named packaged:NAME")
    parser.add_argument("--tracking-uri", help="where models are registered")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    options = parser.parse_args([as_option(text) for text in arguments])
    if options.format == "onnx":
        from qcbench.agents.onnx_model import require_onnx  # noqa: PLC0415

        require_onnx()
    source, label = _source(
        options.run, options.checkpoint, options.track, options.tracking_uri, options.runs_dir
    )
    target = options.to or Path(label)
    card = read_folder_card(source)
    if options.format == "onnx" and not isinstance(card, Card):
        raise InputError(f"{source}: is the heuristic {card.name}; it has no network for ONNX")
    copy(source, target)
    print(target)
    if options.format == "onnx":
        _write_onnx(target)
    here = word(override("policy", target if lies_elsewhere(str(target)) else f"./{target}"))
    scenario = "" if card.track == USUAL else f" scenario=SCENARIO of track {card.track}"
    print(f"use it with {here}{scenario}", file=sys.stderr)
    return 0


def copy(source: Path, target: Path) -> None:
    """Copy the files of a policy, checked, byte by byte; the card last.

    Raises:
        InputError: the policy cannot be used, or another one is there already.
    """
    card = read_folder_card(source)
    names = [CARD]
    if isinstance(card, Card):
        read_folder(source)
        names = [WEIGHTS, CARD]
    if (target / CARD).exists():
        if digest(target) != digest(source):
            raise InputError(f"{target}: holds another policy already; choose another folder")
        return
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{target}: cannot be written ({error.strerror})") from None
    for name in names:
        write_durable(target / name, (source / name).read_bytes())


def _write_onnx(folder: Path) -> None:
    from qcbench.agents.onnx_model import write_onnx  # noqa: PLC0415

    difference = write_onnx(folder / ONNX, read_folder(folder))
    compared = (
        "not compared, since onnxruntime is not installed"
        if difference is None
        else f"outputs differ by at most {difference:.1e} from NumPy's"
    )
    print(f"{folder / ONNX} ({compared})")


def _source(
    run: str, checkpoint: str | None, track: str, uri: str | None, runs_dir: str
) -> tuple[Path, str]:
    """Return the folder of the policy, and a name for its copy."""
    from qcbench.tracking.champion import champion_name  # noqa: PLC0415
    from qcbench.tracking.config import TrackingConfig  # noqa: PLC0415 - after the help
    from qcbench.tracking.references import policy_of_run  # noqa: PLC0415
    from qcbench.tracking.registry import SCHEME, fetch_policy  # noqa: PLC0415

    runs = runs_folder(runs_dir)
    if run == CHAMPION and is_track(track) and not Path(run).exists():
        run = champion_name(track, TrackingConfig(uri=uri), runs)
    if run.startswith(SCHEME):
        reference, folder = fetch_policy(run, TrackingConfig(uri=uri), runs)
        return folder, reference.label
    path = policy_of_run(run, runs)
    if path == run and not lies_elsewhere(run) and not Path(run).exists():
        raise InputError(f"run {run}: there is no {shown_path(runs / run / EXPORTED / CARD)}")
    folder = folder_of(track, path)
    whole = folder.resolve()
    if checkpoint is None:
        return folder, whole.parent.name if whole.name == EXPORTED else whole.name
    mirror.pull(whole.parent)
    known = {
        card.parent.parent.name: card.parent
        for card in whole.parent.glob(f"{CHECKPOINTS}/*/{EXPORTED}/{CARD}")
    }
    if checkpoint not in known:
        names = ", ".join(sorted(known)) or "none"
        raise InputError(f"run {run}: has no checkpoint {checkpoint} with a policy; known: {names}")
    return known[checkpoint], f"{whole.parent.name}-{checkpoint}"

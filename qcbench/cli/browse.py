"""`qcbench browse`: everything that was published beside the runs, in a browser."""

import os
import signal
import sys
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import FrameType

from qcbench.bench.ports import LOOPBACK, MLFLOW
from qcbench.cli.arguments import Parser, as_option
from qcbench.cli.stages import stage
from qcbench.commands import override, word
from qcbench.errors import InputError, StoppedError


def main(arguments: Sequence[str]) -> int:
    """Run the verb, until it is interrupted."""
    parser = Parser(
        prog="qcbench browse",
        description="Show runs, trainings, sweeps, promotions and models in MLflow, on this machine"
        " alone, until Ctrl-C. The first argument may be the id of a run whose table is wanted.",
    )
    parser.add_argument("run", nargs="?", help="id, beginning of an id, or path")
    parser.add_argument("--runs-dir", default="runs", help="folder of all runs (default: runs)")
    parser.add_argument("--store", help="MLflow's SQLite file (default: mlflow.db beside the runs)")
    parser.add_argument("--port", type=int, default=MLFLOW, help=f"default: {MLFLOW}")
    parser.add_argument(
        "--open",
        choices=("yes", "no"),
        default="yes" if _has_browser() else "no",
        help="open a browser there (default: yes, where there is one)",
    )
    options = parser.parse_args([as_option(text) for text in arguments])
    with stage("reading the runs", logged=False):
        from qcbench.bench.run_names import find, told_name  # noqa: PLC0415 - after the help
        from qcbench.files import at_home  # noqa: PLC0415
        from qcbench.storage.places import local_folder, runs_folder  # noqa: PLC0415
        from qcbench.tracking.browsing import check_port, seed_registry, serving  # noqa: PLC0415
        from qcbench.tracking.links import BROWSER  # noqa: PLC0415
        from qcbench.tracking.mlflow_view import link_in_file  # noqa: PLC0415

        runs = runs_folder(options.runs_dir)
        store = at_home(options.store) if options.store else local_folder(runs) / "mlflow.db"
        store = store.absolute()
        if not store.is_file():
            raise InputError(
                f"{store}: there is no such store; a run with tracking=sqlite makes it, and"
                " `qcbench track` publishes one that is there"
            )
        link = BROWSER
        if options.run:
            folder = find("run", runs, options.run)
            link, _ = link_in_file(folder, store)
            if not link:
                again = f"qcbench track {told_name(folder)}"
                if options.store:
                    again += f" {word(override('tracking.uri', f'sqlite:///{store}'))}"
                raise InputError(f"{options.run}: is not in {store}; publish it with `{again}`")
        check_port(options.port)
    address = f"http://{LOOPBACK}:{options.port}"
    with stage("putting packaged champions into the registry"):
        seed_registry(store)
    with ExitStack() as running:
        # So that the server goes too.
        running.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, _end))
        with stage("starting MLflow"):
            server = running.enter_context(serving(store, options.port))
        print(link.replace(BROWSER, address, 1), flush=True)
        print("Ctrl-C ends it", file=sys.stderr, flush=True)
        if options.open == "yes":
            webbrowser.open(link.replace(BROWSER, address, 1))
        with suppress(KeyboardInterrupt):
            server.wait()
            raise StoppedError(f"browse: MLflow's server has ended with {server.returncode}")
    return 0


def _end(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _has_browser() -> bool:
    """Whether somebody sits before this terminal, with a browser that has a window."""
    shown = sys.platform in ("darwin", "win32") or "DISPLAY" in os.environ
    return sys.stdout.isatty() and (shown or "WAYLAND_DISPLAY" in os.environ)

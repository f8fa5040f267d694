"""`qcbench replay --watch`: a replay that goes on by itself until nothing is left to wait for."""

import time
from collections.abc import Callable

from qcbench.hardware.ledger import JobLedger
from qcbench.hardware.manifest import open_replay
from qcbench.hardware.port import BackendError
from qcbench.hardware.refusals import LATER_BY_ITSELF, comes_again
from qcbench.hardware.replay import Replay, Say, run_replay
from qcbench.hardware.replay_config import ReplayConfig

FIRST_PAUSE_S, LONGEST_PAUSE_S = 30.0, 1800.0
"""Between two runs of the command; it doubles while nothing gets better."""


def watch_replay(
    config: ReplayConfig, say: Say, sleep: Callable[[float], None] = time.sleep
) -> Replay:
    """Play a replay, and what is left of it again and again, until it is at its end.

    It begins anew after a backend that did not answer, and where rows were refused for want of what
    the account may have again later.

    Raises:
        InputError: as `run_replay`.
        BackendError: an error that waiting does not mend.
    """
    pause_s = FIRST_PAUSE_S
    left = -1
    while True:
        try:
            replay = run_replay(config, say)
        except BackendError as error:
            if not error.may_retry:
                raise
            reason, left = str(error), -1
        else:
            with JobLedger(open_replay(replay.folder).ledger, reading=True) as ledger:
                waiting = [
                    one
                    for one in ledger.intents()
                    if comes_again(one) and one.error_class in LATER_BY_ITSELF
                ]
            if not waiting:
                return replay
            if len(waiting) != left:
                left, pause_s = len(waiting), FIRST_PAUSE_S
            reason = f"{left} jobs were refused: {waiting[0].error}"
        say(f"{reason}; goes on in {pause_s:.0f} s")
        sleep(pause_s)
        pause_s = min(2.0 * pause_s, LONGEST_PAUSE_S)

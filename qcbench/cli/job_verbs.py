"""The verbs that `qcbench submit` sends to a cluster, by name."""

from collections.abc import Mapping

from qcbench.cli.sent.promote import PROMOTE
from qcbench.cli.sent.replay import REPLAY
from qcbench.cli.sent.run import RUN
from qcbench.cli.sent.sweep import SWEEP
from qcbench.cli.sent.train import TRAIN
from qcbench.cli.sent.verb import JobVerb

VERBS: Mapping[str, JobVerb] = {
    "run": RUN,
    "train": TRAIN,
    "sweep": SWEEP,
    "promote": PROMOTE,
    "replay": REPLAY,
}

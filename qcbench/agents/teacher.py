"""The teacher of a distilled agent: rollouts."""

from typing import ClassVar

from qcbench.configs import Count, NotNegative, Positive, Share, config
from qcbench.policies.tails import Tail


@config
class Teacher:
    """Who is imitated, and for how long.

    Attributes:
        steps: decisions over all environments, after which imitation ends.
        learning_rate: at the beginning; it falls as that of `Ppo` does.
        epochs: passes over what was collected.
        horizon: tasks that follow in each future.
        samples: futures of a decision; the first is the world's own.
        tail: from how many times the usual completion time on they count more; the usual one is the
            mean of a world's tasks by earliest completion.
        fidelity: weight of what the estimated fidelity lacks to the best QPU's, as a share of it,
            in units of the mean regret of a QPU.
        share: of the environments go as the teacher says, the others as the student does.
        temperature: of the teacher's probabilities, in units of the mean regret of a QPU.
        imitation: weight of the divergence from these probabilities, beside the cost that the
            student is expected to cause.
    """

    WHERE: ClassVar[str] = "agent.teacher"
    steps: Count = 2_000_000
    learning_rate: Positive = 1e-3
    epochs: Count = 2
    horizon: Count = 40
    samples: Count = 8
    tail: Tail = 3.0
    fidelity: NotNegative = 0.1
    share: Share = 0.25
    temperature: Positive = 0.3
    imitation: NotNegative = 0.3

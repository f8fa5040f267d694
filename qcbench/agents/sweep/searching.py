"""Ray Tune's schedulers and searches, made from the group `sweep`."""

from typing import Any

from ray import tune
from ray.tune.schedulers import ASHAScheduler, PopulationBasedTraining
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search.basic_variant import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from qcbench.agents.space import Range
from qcbench.agents.sweep.config import SweepConfig

STEPS, SCORE = "steps", "score"


def domain(given: Range) -> Any:
    """Return what Tune draws a setting from."""
    if given.kind == "choice":
        return tune.choice(list(given.values))
    return tune.loguniform(*given.ends) if given.kind == "log" else tune.uniform(*given.ends)


def tune_config(config: SweepConfig, steps: int, seed: int) -> Any:
    """Return who chooses settings and who stops trials.

    Args:
        steps: decisions of a whole training.
        seed: of what is drawn. Of pbt that is how trials begin: what Tune draws at an exchange
            cannot be seeded.
    """
    options: dict[str, Any] = {
        "metric": SCORE,
        "mode": "min",
        "num_samples": config.trials,
        "max_concurrent_trials": None if config.kind == "optuna" else config.concurrent,
        # A new process takes seconds to load what a trial needs. For pbt one that goes on with what
        # it has taken over would keep its core, and those that wait for one would never get it.
        "reuse_actors": config.kind != "pbt",
    }
    if config.kind == "optuna":
        from optuna.logging import WARNING, set_verbosity  # noqa: PLC0415
        from optuna.samplers import TPESampler  # noqa: PLC0415

        set_verbosity(WARNING)
        sampler = TPESampler(seed=seed, n_startup_trials=config.random_trials)
        search = OptunaSearch(sampler=sampler, metric=SCORE, mode="min")
        options["search_alg"] = ConcurrencyLimiter(search, max_concurrent=config.concurrent)
        return tune.TuneConfig(**options)
    options["search_alg"] = BasicVariantGenerator(
        max_concurrent=config.concurrent, random_state=seed
    )
    options["max_concurrent_trials"] = None
    if config.kind == "asha":
        options["scheduler"] = ASHAScheduler(
            time_attr=STEPS,
            max_t=max(steps, 2),
            grace_period=max(1, int(config.first_stop * steps)),
            reduction_factor=config.reduction,
        )
    else:
        options["scheduler"] = PopulationBasedTraining(
            time_attr=STEPS,
            perturbation_interval=max(1, int(config.interval * steps)),
            hyperparam_mutations={name: domain(r) for name, r in config.ranges.items()},
        )
    return tune.TuneConfig(**options)

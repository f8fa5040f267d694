"""RLlib's PPO on our environments, and A2C on its sampler."""

from typing import Any

import torch
from ray.rllib.algorithms.ppo import PPO, PPOConfig
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.core.learner.learner import ENTROPY_KEY, POLICY_LOSS_KEY, VF_LOSS_KEY
from ray.rllib.core.rl_module.rl_module import RLModuleSpec
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.execution.rollout_ops import synchronous_parallel_sample
from ray.rllib.utils.metrics import (
    ALL_MODULES,
    ENV_RUNNER_RESULTS,
    ENV_RUNNER_SAMPLING_TIMER,
    LEARNER_RESULTS,
    LEARNER_UPDATE_TIMER,
    NUM_ENV_STEPS_SAMPLED_LIFETIME,
    SYNCH_WORKER_WEIGHTS_TIMER,
    TIMERS,
)

from qcbench.agents.rllib.batches import Minibatches, averaged, learned_from
from qcbench.agents.rllib.building import built, common
from qcbench.agents.rllib.learner import MODULE, RllibLearner
from qcbench.agents.rllib.modules import ActorCritic
from qcbench.agents.rllib.networks import Design, make_design
from qcbench.agents.rllib.rollouts import Rollout, RolloutRunner, Rollouts
from qcbench.agents.rllib.settings import RllibA2c, RllibPpo
from qcbench.bench.worlds import ScenarioWorlds

ITERATION = 1000
"""Decisions of an iteration of RLlib, where an update has fewer."""


class PpoLearner(PPOTorchLearner):
    """The losses of PPO on arrays of our env runners, or on episodes of RLlib's."""

    def _make_batch_if_necessary(self, training_data: Any) -> Any:
        episodes = training_data.episodes
        if not isinstance(episodes[0], Rollout):
            return super()._make_batch_if_necessary(training_data)
        return learned_from(episodes, self.module[MODULE].unwrapped(), self.config)

    def _create_iterator_if_necessary(self, *, training_data: Any, **options: Any) -> Any:
        size = options.get("minibatch_size")
        if not size or not isinstance(training_data.episodes[0], Rollout):
            return super()._create_iterator_if_necessary(training_data=training_data, **options)
        epochs = options["num_epochs"]
        return Minibatches(
            self._make_batch_if_necessary(training_data),
            size=size,
            epochs=epochs,
            shuffle=options["shuffle_batch_per_epoch"] and epochs > 1,
            count=options.get("num_total_minibatches", 0),
        )

    def configure_optimizers_for_module(self, module_id: Any, config: Any = None) -> None:
        """Take Adam as RLlib does, in one pass over all weights instead of ten over each."""
        parameters = self.get_parameters(self._module[module_id])
        self.register_optimizer(
            module_id=module_id,
            optimizer=torch.optim.Adam(parameters, fused=True),
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    def _make_modules_ddp_if_necessary(self) -> None:
        """Leave the network as it is.

        Torch's wrapper is made for large ones, whose gradients travel while others are computed;
        of small ones it takes longer than their forward pass. All learners begin with the weights
        that the seed gives.
        """

    def _update(self, batch: Any) -> tuple[Any, Any, Any]:
        forward = self.module.forward_train(batch)
        losses = self.compute_losses(fwd_out=forward, batch=batch)
        gradients = self.compute_gradients(losses)
        if self.config.num_learners > 1:
            averaged(gradients.values(), self.config.num_learners)
        self.apply_gradients(self.postprocess_gradients(gradients))
        return forward, losses, {}

    def apply_gradients(self, gradients_dict: Any) -> None:
        """Take a step, as RLlib does, which asks every tensor twice whether it is finite."""
        norms = torch._foreach_norm(list(gradients_dict.values()))
        if not torch.stack(norms).sum().isfinite():
            super().apply_gradients(gradients_dict)
            return
        for name, gradient in gradients_dict.items():
            self._params[name].grad = gradient
        for optimizer in self._named_optimizers.values():
            optimizer.step()


class ArraysPpo(PPO):
    """RLlib's PPO that passes arrays of our env runners on to the learners."""

    def training_step(self) -> None:
        """Collect decisions, learn from them, and tell the env runners."""
        if self.config.env_runner_cls is not RolloutRunner:
            super().training_step()
            return
        timers, sampled = self.metrics, (ENV_RUNNER_RESULTS, NUM_ENV_STEPS_SAMPLED_LIFETIME)
        with timers.log_time((TIMERS, ENV_RUNNER_SAMPLING_TIMER)):
            rollouts, results = synchronous_parallel_sample(
                worker_set=self.env_runner_group,
                max_env_steps=self.config.total_train_batch_size,
                sample_timeout_s=self.config.sample_timeout_s,
                _uses_new_env_runners=True,
                _return_metrics=True,
            )
            if not rollouts:  # no env runner is left; they are started again
                return
            self.metrics.aggregate(results, key=ENV_RUNNER_RESULTS)
        with timers.log_time((TIMERS, LEARNER_UPDATE_TIMER)):
            learned = self.learner_group.update(
                training_data=Rollouts(episodes=rollouts),
                timesteps={NUM_ENV_STEPS_SAMPLED_LIFETIME: self.metrics.peek(sampled)},
                num_epochs=self.config.num_epochs,
                minibatch_size=self.config.minibatch_size,
                shuffle_batch_per_epoch=self.config.shuffle_batch_per_epoch,
            )
            self.metrics.aggregate(learned, key=LEARNER_RESULTS)
        with timers.log_time((TIMERS, SYNCH_WORKER_WEIGHTS_TIMER)):
            self.env_runner_group.sync_weights(
                from_worker_or_learner_group=self.learner_group,
                policies=set(learned[0]) - {ALL_MODULES},
                inference_only=True,
            )


def ppo_learner(settings: RllibPpo, worlds: ScenarioWorlds, seed: int) -> RllibLearner:
    """Return an untrained agent that learns by PPO."""
    design = make_design(settings, worlds.fleet, seed)

    def build(of: int) -> Any:
        config = common(PPOConfig(algo_class=ArraysPpo), settings, worlds, of)
        _sampling(config, settings, design)
        config.learners(learner_class=PpoLearner)
        config.training(
            minibatch_size=settings.minibatch // max(1, settings.learners),
            num_epochs=settings.epochs,
            lambda_=settings.trace,
            clip_param=settings.clip,
            entropy_coeff=settings.entropy,
            vf_loss_coeff=settings.value,
            vf_clip_param=settings.value_clip,
            use_kl_loss=False,
        )
        return built(config)

    return RllibLearner(build, design, settings.steps, seed)


class A2cLearner(PpoLearner):
    """The losses of A2C on batches that PPO's sampler and connectors have made."""

    def configure_optimizers_for_module(self, module_id: Any, config: Any = None) -> None:
        """Take RMSprop, as A2C does."""
        module = self._module[module_id]
        parameters = self.get_parameters(module)
        optimizer = torch.optim.RMSprop(parameters, lr=config.lr, alpha=0.99, eps=1e-5)
        self.register_optimizer(
            module_id=module_id,
            optimizer=optimizer,
            params=parameters,
            lr_or_lr_schedule=config.lr,
        )

    def compute_loss_for_module(
        self, *, module_id: Any, config: Any, batch: Any, fwd_out: Any
    ) -> Any:
        """Return the loss: log-probabilities by advantages, squared error of the value, entropy.

        The connectors standardise their advantages, which cannot be switched off; so they are
        taken from the value's targets instead.
        """
        module = self.module[module_id].unwrapped()
        kept = batch.get(Columns.LOSS_MASK)
        if kept is None:
            kept = torch.ones_like(batch[Postprocessing.VALUE_TARGETS], dtype=torch.bool)
        distribution = module.get_train_action_dist_cls().from_logits(
            fwd_out[Columns.ACTION_DIST_INPUTS]
        )
        value = module.compute_values(batch, embeddings=fwd_out.get(Columns.EMBEDDINGS))
        target = batch[Postprocessing.VALUE_TARGETS]
        advantage = (target - value).detach()
        policy_loss = -(distribution.logp(batch[Columns.ACTIONS]) * advantage)[kept].mean()
        value_loss = (value - target).square()[kept].mean()
        entropy = distribution.entropy()[kept].mean()
        self.metrics.log_dict(
            {POLICY_LOSS_KEY: policy_loss, VF_LOSS_KEY: value_loss, ENTROPY_KEY: entropy},
            key=module_id,
            window=1,
        )
        return policy_loss + config.vf_loss_coeff * value_loss - config.entropy_coeff * entropy


class A2cConfig(PPOConfig):
    """A2C's settings on PPO's sampler."""

    def __init__(self, algo_class: Any = None) -> None:
        super().__init__(algo_class=algo_class or A2c)
        self.lambda_ = 1.0
        self.use_kl_loss = False
        self.num_epochs = 1
        self.minibatch_size = None

    def get_default_learner_class(self) -> Any:
        """Return the class with A2C's losses."""
        return A2cLearner


class A2c(ArraysPpo):
    """Advantage actor-critic: PPO's sampler, A2C's losses and optimiser."""

    @classmethod
    def get_default_config(cls) -> A2cConfig:
        """Return the usual settings."""
        return A2cConfig()


def a2c_learner(settings: RllibA2c, worlds: ScenarioWorlds, seed: int) -> RllibLearner:
    """Return an untrained agent that learns by A2C."""
    design = make_design(settings, worlds.fleet, seed)

    def build(of: int) -> Any:
        config = common(A2cConfig(), settings, worlds, of)
        _sampling(config, settings, design)
        config.training(entropy_coeff=settings.entropy, vf_loss_coeff=settings.value)
        return built(config)

    return RllibLearner(build, design, settings.steps, seed)


def _sampling(config: Any, settings: RllibPpo | RllibA2c, design: Design) -> None:
    """Collect `horizon` decisions of every environment, and learn from all of them."""
    size = settings.horizon * settings.environments
    config.env_runners(rollout_fragment_length=settings.horizon)
    if not settings.callback_names:  # which are shown RLlib's episodes
        config.env_runners(env_runner_cls=RolloutRunner)
    config.training(train_batch_size_per_learner=size // max(1, settings.learners))
    config.reporting(min_sample_timesteps_per_iteration=min(max(ITERATION, size), settings.steps))
    config.rl_module(rl_module_spec=RLModuleSpec(ActorCritic, model_config={"design": design}))

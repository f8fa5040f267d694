"""A short trial in the cloud of a track, with failures of QPUs where the track has them."""

from qcbench.bench.compose import compose_scenario
from qcbench.bench.run import PolicyFactory, simulate_trial
from qcbench.bench.scenario import resolve_scenario
from qcbench.bench.trial import Trial
from qcbench.bench.typed import plain
from qcbench.policies.protocol import PolicyError
from qcbench.tracks import Track, module_of

SUITE = "contract"
ROOM = "qcbench.bench.contract"


def trial_differs(track: Track, factory: PolicyFactory) -> str:
    """Run one trial twice; return what is wrong with it, or nothing.

    Raises:
        InputError: the policy does not serve the scenario's fleet.
    """
    own = module_of(ROOM, track)
    name, overrides = own.SCENARIO, own.OVERRIDES
    scenario = resolve_scenario(compose_scenario(name, overrides), SUITE, 0)
    trial = Trial(
        ordinal=0,
        suite=SUITE,
        scenario=scenario.name,
        policy="subject",
        replicate=0,
        scenario_config=plain(scenario),
        policy_config={"name": "subject", "label": "", "parameters": {}},
    )
    try:
        first, second = (simulate_trial(trial, factory).frame() for _ in range(2))
    except PolicyError as error:
        return f"{name}: {error}"
    if first.height != second.height:
        return f"{name}: has {first.height} rows, then {second.height}"
    for one, other in zip(first.iter_rows(named=True), second.iter_rows(named=True), strict=True):
        # By their texts: nan is not equal to itself.
        pairs = {key: (repr(one[key]), repr(other[key])) for key in one}
        changed = [f"{key} {a}, then {b}" for key, (a, b) in pairs.items() if a != b]
        if changed:
            shown = ", ".join(changed[:3])
            return f"{name}, task {one['task_id']} at {one['arrival_s']:g} s: {shown}"
    return ""

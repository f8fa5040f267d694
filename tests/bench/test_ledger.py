"""Every trial leaves the ledger exactly once, whatever fails, dies or gets lost."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from toys import toy_trials

from qcbench.bench.ledger import EXTRA_DEATHS, Chunk, Ledger
from qcbench.bench.outcome import Outcome, failed_row
from qcbench.bench.trial import Trial


def outcome(trial: Trial, elapsed_s: float = 0.05, *, failed: bool = False, retry: bool = True):
    row = failed_row(trial, "placement", "ValueError: no")
    if not failed:
        row |= {"status": "done", "error": None}
    return Outcome(
        trial_id=trial.trial_id,
        row=row,
        wall_s=elapsed_s,
        cpu_s=elapsed_s,
        elapsed_s=elapsed_s,
        retry=retry,
    )


def make(trials: list[Trial], *, workers: int = 2, chunk_s: float = 0.5, retries: int = 1):
    return Ledger(trials, workers=workers, chunk_s=chunk_s, retries=retries, track="placement")


def chunks_when_all_goes_well(ledger: Ledger, times_s: dict[str, float]) -> list[Chunk]:
    chunks = []
    while chunk := ledger.next_chunk():
        chunks.append(chunk)
        ledger.settle(chunk, [outcome(t, times_s[t.policy]) for t in chunk.trials])
    return chunks


@given(data=st.data(), count=st.integers(1, 40), retries=st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_each_trial_is_stored_exactly_once(data: st.DataObject, count: int, retries: int) -> None:
    trials = toy_trials(count)
    ledger = make(trials, retries=retries)
    in_flight: list[Chunk] = []
    stored: Counter[str] = Counter()
    for _ in range(data.draw(st.integers(0, 60))):
        chunk = ledger.next_chunk()
        if chunk:
            assert chunk.trials
            in_flight.append(chunk)
        if not in_flight:
            break
        event = data.draw(st.sampled_from(["keep", "done", "some fail", "half", "dead"]))
        if event == "keep":
            continue
        chunk = in_flight.pop(data.draw(st.integers(0, len(in_flight) - 1)))
        if event == "dead":
            found = ledger.lost(chunk, started=data.draw(st.booleans()), reason="killed")
        else:
            answered = chunk.trials[: len(chunk.trials) // 2] if event == "half" else chunk.trials
            fails = event == "some fail"
            found = ledger.settle(
                chunk,
                [
                    outcome(
                        t,
                        failed=fails and data.draw(st.booleans()),
                        retry=data.draw(st.booleans()),
                    )
                    for t in answered
                ],
            )
        stored.update(o.trial_id for o in found)
        assert ledger.unresolved == count - stored.total()
    for chunk in in_flight:
        stored.update(o.trial_id for o in ledger.settle(chunk, [outcome(t) for t in chunk.trials]))
    while chunk := ledger.next_chunk():
        stored.update(o.trial_id for o in ledger.settle(chunk, [outcome(t) for t in chunk.trials]))
    assert ledger.unresolved == 0
    assert stored == Counter(t.trial_id for t in trials)


def test_chunks_take_about_the_wanted_time_and_shrink_at_the_end() -> None:
    trials = toy_trials(3000, scenarios=1, policies=1)
    chunks = chunks_when_all_goes_well(make(trials), {"p0": 0.005})
    assert len(chunks[0].trials) == 1, "nothing is known yet"
    assert all(98 <= len(c.trials) <= 100 for c in chunks[1:20])
    tail = [len(c.trials) for c in chunks[-20:]]
    assert tail == sorted(tail, reverse=True)
    assert tail[-1] == 1
    assert sum(len(c.trials) for c in chunks) == 3000
    # Not more chunks than needed: the tail only adds a logarithm of them.
    assert len(chunks) < 3000 / 100 + 40


def test_long_trials_go_one_by_one() -> None:
    trials = toy_trials(20, scenarios=1, policies=1)
    assert all(len(c.trials) == 1 for c in chunks_when_all_goes_well(make(trials), {"p0": 2.0}))


def test_kinds_of_trials_are_measured_apart() -> None:
    trials = sorted(toy_trials(400, scenarios=1), key=lambda t: t.policy)
    chunks = chunks_when_all_goes_well(make(trials), {"p0": 0.001, "p1": 1.0})
    assert all(len(c.trials) == 1 for c in chunks if "p1" in {t.policy for t in c.trials})
    assert len(chunks) == 400


def test_chunks_end_with_a_world_and_worlds_follow_each_other() -> None:
    trials = sorted(toy_trials(6000, policies=10), key=lambda t: (t.scenario, t.policy))
    times_s = {f"p{number}": 0.001 * (1 + number % 3) for number in range(10)}
    chunks = chunks_when_all_goes_well(make(trials, chunk_s=0.1), times_s)
    order = [(t.scenario, t.replicate, t.policy) for c in chunks for t in c.trials]
    assert order == sorted(order)
    measured = [c for c in chunks if len(c.trials) > 1]
    whole = [c for c in measured if len(c.trials) % 10 == 0 and c.trials[0].policy == "p0"]
    assert len(whole) > 0.9 * len(measured) > 100


def test_a_failure_is_tried_again_as_often_as_allowed() -> None:
    trial = toy_trials(1)[0]
    for retries in (0, 1, 3):
        ledger = make([trial], retries=retries)
        for attempt in range(retries + 1):
            chunk = ledger.next_chunk()
            assert chunk is not None
            found = ledger.settle(chunk, [outcome(trial, failed=True)])
            assert bool(found) == (attempt == retries)
        assert found[0].failed
        assert found[0].attempt == retries + 1
        assert ledger.unresolved == 0


def test_bad_input_is_not_tried_again() -> None:
    trial = toy_trials(1)[0]
    ledger = make([trial], retries=5)
    chunk = ledger.next_chunk()
    assert chunk is not None
    assert len(ledger.settle(chunk, [outcome(trial, failed=True, retry=False)])) == 1


def test_only_the_trial_that_kills_is_given_up() -> None:
    """A worker that dies at one certain trial, with others before and behind it."""
    trials = toy_trials(60, scenarios=1, policies=1)
    killer = trials[30].trial_id
    ledger = make(trials, retries=1)
    stored: dict[str, Outcome] = {}
    deaths = 0
    while ledger.unresolved:
        in_hand, behind = ledger.next_chunk(), ledger.next_chunk()
        assert in_hand is not None
        for chunk in filter(None, (in_hand, behind)):
            if killer in {t.trial_id for t in chunk.trials}:
                deaths += 1
                found = ledger.lost(chunk, started=True, reason="killed")
                if chunk is in_hand and behind:
                    found += ledger.lost(behind, started=False, reason="killed")
                stored.update((o.trial_id, o) for o in found)
                break
            found = ledger.settle(chunk, [outcome(t, 0.01) for t in chunk.trials])
            stored.update((o.trial_id, o) for o in found)
    failed = [o for o in stored.values() if o.failed]
    assert [o.trial_id for o in failed] == [killer]
    assert failed[0].error.startswith("WorkerDied")
    assert len(stored) == 60
    # Once in company, then alone as often as is allowed.
    assert deaths <= 1 + 1 + 1 + EXTRA_DEATHS


def test_waiting_behind_a_death_is_no_blame() -> None:
    trial = toy_trials(1)[0]
    ledger = make([trial], retries=0)
    for _ in range(50):
        chunk = ledger.next_chunk()
        assert chunk is not None
        assert ledger.lost(chunk, started=False, reason="killed") == []
    assert ledger.unresolved == 1


def test_nothing_is_given_ahead_near_the_end() -> None:
    trials = toy_trials(100, scenarios=1, policies=1)
    ledger = make(trials, workers=2, chunk_s=0.5)
    assert not ledger.plenty, "nothing is known yet"
    left = 100
    while chunk := ledger.next_chunk():
        left -= len(chunk.trials)
        ledger.settle(chunk, [outcome(t, 0.1) for t in chunk.trials])
        assert ledger.plenty == (left * 0.1 > 2 * 0.5 + 1e-9)

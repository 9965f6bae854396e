"""What a function's calls cost, and what follows: which are looked up, and which are stored.

The arithmetic is that of `decision`; here are the clock, the counts and the function that it is
about.

Knows what was measured where; must not know how anything is looked up or stored.
"""

from __future__ import annotations

from time import perf_counter, thread_time, time

from dumbo import config, nesting
from dumbo.decision.costs import rough_size
from dumbo.decision.road import STRIDE
from dumbo.decision.worth import BUDGET, HIT, Verdict, asks, is_hot, judge, patience, stride
from dumbo.errors import Bypass, StorageError
from dumbo.keeping.telling import is_logged
from dumbo.memory import LARGEST
from dumbo.net import describe, let_through

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.decision.policy import Rule
    from dumbo.decision.reuse import Trail
    from dumbo.keeper import Keeper
    from dumbo.memory import Held
    from dumbo.tracing.guards import Guard

__all__ = [
    "KNOWN", "catch_up", "choose_road", "choose_stride", "comes_all_the_time",
    "comes_often", "found", "is_known_fast", "is_lesson", "learn", "loads_faster", "may_keep",
    "rough_size_of", "slow_down", "verdict_on", "went_straight",
]  # fmt: skip

KNOWN = 3  # calls from which on what a function takes is taken for known
# Seconds, until they have been measured.
_LOOK = 30e-6
_MISS = 60e-6
_KNOWN_MISS, _DEAR_MISS = 4, 1e-3  # of fewer, none is believed to be dearer, beside its look
_LESSONS = 128  # misses that are all measured; more than `decision.worth` wants to know of
_ALWAYS = Verdict(True, "always", 0.0, 0.0)


def is_known_fast(keeper: Keeper, call: Call) -> bool:
    """Whether earlier runs have found that looking up does not pay; then none is begun."""
    if not keeper.straight or call.explicit or keeper.tally.began is not None:
        return False
    # Imported here: what a program calls, and not what it only imports.
    from dumbo.accounts import bookkeeping

    try:
        bookkeeping.begin(keeper.tally)
    except (Bypass, StorageError, OSError):  # the look that follows will say so
        return False
    if keeper.ledger.costs.compute.count < KNOWN:
        return False
    keeper.clocked = keeper.tells_each or is_logged()
    keeper.road.looked(_pace(keeper), clocked=keeper.clocked)
    return keeper.road.ahead > 0


def may_keep(keeper: Keeper, call: Call) -> bool:
    """Whether the result of *call* may be worth storing, for all that is known before it runs.

    If not, much that is only done for what is stored can be left out.
    """
    if call.explicit or call.seen:
        return True
    trail = _note_use(keeper, call)
    costs = keeper.ledger.costs
    # A rule of the user's is asked once, when everything is known.
    if costs.compute.count < KNOWN or keeper.options.rule is not None:
        return True
    expected = max(costs.compute.value, trail.cost)
    size = costs.result.value
    verdict = _verdict(keeper, call, expected, size, price=False)
    if verdict.code == "too fast" and keeper.options.keep == "auto":
        rule = keeper.rule or _find_rule(keeper)
        call.retried = costs.retries(expected, size, getattr(rule, "budget", BUDGET))
    return verdict.store or call.retried


def _note_use(keeper: Keeper, call: Call) -> Trail:
    trail = call.trail
    if trail is None:
        assert call.key is not None
        trail = call.trail = keeper.ledger.costs.reuse.note(call.key, time())
    return trail


def learn(keeper: Keeper, call: Call, compute: float) -> None:
    """Take in what this call cost, and decide on the road of the next ones."""
    ledger = keeper.ledger
    costs = ledger.costs
    record = call.record
    ended = perf_counter()
    if call.seen:
        _learn_near(keeper, keeper.memory.by_call.get(call.plain))
    # The first that is observed, and the first that is stored, import what the others find there.
    first = call.watch is not None and not keeper.has_watched
    first = first or (record is not None and keeper.tally.sums["stores"] == 1)
    keeper.has_watched = keeper.has_watched or call.watch is not None
    if call.begun and not first and is_lesson(keeper):
        # A thread that has computed for long is made to wait right behind: so CPU time.
        after = ended - call.started - (call.took or compute)
        if call.reading is not None:
            after = min(after, thread_time() - call.reading.ran)
        beside = call.started - call.begun + max(0.0, after - call.writing)
        if costs.miss.count < _KNOWN_MISS:  # imports, and others that have the processor
            beside = min(beside, 2 * costs.look.value + _DEAR_MISS)
        costs.miss.follow(max(0.0, beside))
    if call.around is not None:
        less = nesting.within()
        if record is not None:  # next time it will be loaded
            looking = costs.look.value if costs.look.count else _LOOK
            less = max(0.0, ended - call.started - looking - costs.load.of(record.size))
        nesting.leave(call.around, less)
    if call.reason is None or call.reason.code != "disabled":
        ledger.missed()
        if keeper.straight and not call.explicit:
            choose_road(keeper, ended)


def _learn_near(keeper: Keeper, held: Held | None) -> None:
    """Take in whether a call that comes all the time is in memory, and what a hit will cost."""
    keeper.glimpses.kept(held is not None)
    if held is not None and held.guard is not None:
        # The best of three: with what only one says, such calls might never be seen again.
        keeper.ledger.costs.near.follow(HIT + min([_clocked(held.guard) for _ in range(3)]))


def _clocked(guard: Guard) -> float:
    begun = perf_counter()
    guard.holds()
    return perf_counter() - begun


def found(keeper: Keeper, begun: float) -> None:
    """A call was looked up and found: see to it that this is not dearer than the function."""
    ledger = keeper.ledger
    if not keeper.straight or not ledger.costs.compute.count:
        return
    now = perf_counter()
    if ledger.hits & 7 == 3 or now - begun > ledger.costs.expected:
        ledger.costs.look.follow(now - begun)
        choose_road(keeper, now)


def loads_faster(keeper: Keeper) -> bool:
    """Whether finding and loading a result takes less than computing it."""
    costs = keeper.ledger.costs
    return costs.expected > costs.look.value + costs.load.of(costs.result.value)


def comes_all_the_time(keeper: Keeper, seen: int) -> bool:
    """Whether a call that was seen so often in passing is worth a look and a place in memory."""
    costs = keeper.ledger.costs
    price = costs.miss.value or _MISS
    if loads_faster(keeper):  # then it may be stored, too
        price += costs.store.of(costs.result.value)
    elif costs.result.value > LARGEST:
        return False
    return _is_hot(keeper, seen, keeper.road.steps, costs.expected, price)


def comes_often(keeper: Keeper, call: Call) -> bool:
    """Whether *call*, which was looked up and is not worth a place on disk, is worth one in memory.

    Until it has one, it is looked up in vain and computed each time: that is what it would save.
    """
    trail, costs = call.trail, keeper.ledger.costs
    if trail is None or trail.uses < 2 or costs.result.value > LARGEST:
        return False
    miss = costs.miss.value or _MISS
    return _is_hot(keeper, trail.uses, 1, trail.cost + miss, miss)


def _is_hot(keeper: Keeper, seen: int, steps: int, compute: float, price: float) -> bool:
    near, glimpses, ledger = keeper.ledger.costs.near.value or HIT, keeper.glimpses, keeper.ledger
    price *= patience(glimpses.bought, ledger.hits - ledger.far, compute, price, near)
    return is_hot(seen, steps, compute, price, near=near, vain=glimpses.vain)


def choose_stride(keeper: Keeper) -> None:
    """Decide how many of the calls that go straight through are seen, and clocked."""
    costs, road, glimpses = keeper.ledger.costs, keeper.road, keeper.glimpses
    steps = stride(costs.expected, costs.near.value or HIT, glimpses.fresh)
    road.sees = steps > 0 and glimpses.left > 0
    road.steps = steps if road.sees else STRIDE


def choose_road(keeper: Keeper, now: float) -> None:
    """A call was looked up: decide on those that follow."""
    keeper.clocked = keeper.tells_each or is_logged()
    pace = _pace(keeper)
    keeper.road.looked(pace, clocked=keeper.clocked)
    # The time of a call holds that of calls within it, and the budget is to be spent once:
    # so it is the time that has passed, too.
    keeper.not_before = now + (pace - 1) * keeper.usual if pace > 1 else 0.0


def went_straight(keeper: Keeper, took: complex, *, sure: bool = False) -> None:
    """Take in a call that was not looked up, and those before it that nobody clocked.

    Parameters:
        took: what the clock of its keeper's doubts said.
        sure: these are seconds, which nobody doubts.
    """
    road, ledger = keeper.road, keeper.ledger
    costs, calls = ledger.costs, road.stretch
    doubts = keeper.doubts
    if sure:
        compute = took.real
    else:
        compute = doubts.believed(took, costs.expected, costs.compute.count)
        if doubts.any:
            road.watch_closely()
    ledger.bypassed += calls
    costs.computed(compute, calls)
    sums = keeper.tally.sums
    sums["computed"] += calls
    sums["straight"] += calls
    sums["spent"] += compute * calls
    # As often as was said, unless it has become so much slower that this may be wrong.
    if costs.expected > 2 * keeper.usual:
        pace = _pace(keeper)
        if pace <= 1:
            keeper.not_before = 0.0
        road.went(pace, clocked=keeper.clocked)
    else:
        road.went(clocked=keeper.clocked)


def catch_up(keeper: Keeper) -> None:
    """Take in the calls that nobody clocked, as if they had taken what others took."""
    road, costs = keeper.road, keeper.ledger.costs
    calls = road.stretch - 1
    if calls > 0:
        road.counted()
        keeper.ledger.bypassed += calls
        keeper.tally.computed(costs.compute.value, calls=calls, straight=True)


def _pace(keeper: Keeper) -> float:
    """Return of how many calls one is to be looked up."""
    costs = keeper.ledger.costs
    keeper.usual = costs.expected
    look = costs.look.value if costs.look.count else _LOOK
    miss = costs.miss.value if costs.miss.count else max(look, _MISS)
    load = costs.load.of(costs.result.value)
    rule = keeper.rule or _find_rule(keeper)
    choose_stride(keeper)
    store = costs.store.of(costs.result.value)
    return asks(
        keeper.options.keep, costs.expected, look, load, costs.share, miss,
        worth=costs.reuse.chance(1) * (costs.expected - store), seen=costs.miss.count,
        looks=costs.look.count, budget=getattr(rule, "budget", BUDGET),
    )  # fmt: skip


def _find_rule(keeper: Keeper) -> Rule:
    """What is set about `keep="auto"`."""
    from dumbo.decision.policy import Policy  # a hit needs no rule

    keeper.rule = Policy(**config.thresholds())
    return keeper.rule


def verdict_on(keeper: Keeper, call: Call, value: object, compute: float) -> Verdict:
    """Return whether *value* is worth storing, if computing it again takes *compute*."""
    costs = keeper.ledger.costs
    costs.own.add(compute)
    _note_use(keeper, call).cost = compute
    if keeper.options.keep == "always" and not is_lesson(keeper):
        return _ALWAYS
    size = costs.size.of(rough_size_of(call, value))
    costs.result.add(size)
    return _verdict(keeper, call, compute, size)


def _verdict(
    keeper: Keeper, call: Call, compute: float, size: float, *, price: bool = True
) -> Verdict:
    """Judge; without *price*, as if the store had room for everything."""
    assert call.key is not None
    costs = keeper.ledger.costs
    trail = _note_use(keeper, call)
    reuse = costs.reuse
    uses = max(trail.uses, call.seen)
    chance = reuse.chance(uses)
    look, load = costs.look.value, costs.load.of(size)
    rent = call.store.rent if price else 0.0
    worth = 0.0
    if rent:
        # Imported here: a hit evicts nothing.
        from dumbo.decision.eviction import rank

        worth = rank(
            compute - load - look, int(size), uses, trail.first, trail.last, time(),
            half_life=reuse.half_life, since=reuse.since, chance=chance,
        )  # fmt: skip
    keep = keeper.options.keep
    store = costs.store.of(size)
    rule = keeper.rule or _find_rule(keeper)
    verdict = judge(
        keep, compute, store, load,
        look=look, chance=chance, uses=uses, rank=worth, rent=rent,
        lot=int.from_bytes(call.key[:4], "big") / (1 << 32),
        budget=getattr(rule, "budget", BUDGET),
    )  # fmt: skip
    if keep != "auto":
        return verdict
    from dumbo.decision.policy import Offer, decide  # a hit offers nothing

    offer = Offer(
        keeper.label, compute, size, worth=verdict.store, store=store, load=load, look=look,
        chance=chance, uses=uses,
    )  # fmt: skip
    try:
        return decide(rule, offer, verdict)
    except Exception as error:  # the program's own rule may raise anything
        let_through(error)
        raise StorageError(f"the policy that keep= names failed: {describe(error)}") from error


def is_lesson(keeper: Keeper, made: int = _LESSONS) -> bool:
    """Whether this miss is one to learn from what it took; when it is known, one in sixteen is.

    What is done in few of the misses is known when it was *made* often enough.
    """
    misses = keeper.ledger.misses
    return misses < _LESSONS or made < _LESSONS or not misses & 15


def slow_down(keeper: Keeper) -> None:
    """It is too early to look another call up: let the next ones go straight through."""
    keeper.road.looked(_pace(keeper), clocked=keeper.clocked)


def rough_size_of(call: Call, value: object) -> int:
    """Return about how many bytes *value*, the result of *call*, takes."""
    return rough_size(value) if call.recording is None else call.recording.draft.size

"""Every check once more, as slowly and plainly as its definition reads.

An oracle takes a history and the check's parameters. It looks at every pair of
operations, or at every reading that the history leaves, and shares no code with the
check. It returns a `Judgement`, which must equal what the check found.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from statistics import median


@dataclass
class Judgement:
    """checked: one number, or all that are right. broken: the op_ids of the operations
    that broke the promise, or how many things did. counts: some of the verdict's."""

    checked: int | set[int]
    broken: set[int] | int
    doubt: bool = False
    counts: dict | None = None

    @property
    def violations(self) -> int:
        return self.broken if isinstance(self.broken, int) else len(self.broken)

    @property
    def state(self) -> str:
        if self.violations:
            return "violated"
        return "unknown" if self.doubt or self.checked in (0, {0}) else "holds"

    def differs(self, verdict) -> str:
        """What the check says otherwise; "" if they agree."""
        right = self.checked if isinstance(self.checked, set) else {self.checked}
        pairs = [
            ("state", self.state, verdict.state),
            ("violations", self.violations, verdict.violations),
        ]
        if verdict.checked not in right:
            pairs.append(("checked", self.checked, verdict.checked))
        if isinstance(self.broken, set):
            pairs.append(("where", tuple(sorted(self.broken)), verdict.where))
        for name, count in (self.counts or {}).items():
            pairs.append((name, count, verdict.counts.get(name, 0)))
        return "; ".join(f"{n}: {a} here, {b} there" for n, a, b in pairs if a != b)


# The terms


def no_length(op):
    return op.t_ret == op.t_call


def before(a, b):
    if a.t_ret is None or a.t_ret > b.t_call:
        return False
    return not (no_length(a) and no_length(b) and a.t_call == b.t_call)


def ok(op):
    return op.outcome == "ok" and op.t_ret is not None


def odd(history, *names):
    """Something that is ok and never returned."""
    return any(o.op in names and o.outcome == "ok" and o.t_ret is None for o in history)


def unversioned(history):
    return any(
        o.op in ("read", "get") and ok(o) and o.version is None and o.value is not None
        for o in history
    )


def shows_something(op):
    if op.op == "get":
        return op.version is not None
    return op.op == "read" and (op.version is not None or op.value is None)


def reads(history):
    return [o for o in history if ok(o) and shows_something(o)]


def writes(history):
    return [o for o in history if o.op == "write" and ok(o) and o.version is not None]


def age(op):
    return -1000 if op.version is None else op.version


def read_doubt(history, *more):
    return unversioned(history) or odd(history, "read", "get", *more)


# Reads and sessions


def older(history, laters, earliers, related, doubt):
    """Operations older than a related one before them."""
    checked, broken = 0, set()
    for op in laters:
        past = [e for e in earliers if related(e, op) and before(e, op)]
        checked += bool(past)
        if any(age(op) < age(e) for e in past):
            broken.add(op.op_id)
    return Judgement(checked, broken, doubt)


def same_client_and_key(a, b):
    return (a.client, a.key) == (b.client, b.key)


def read_your_writes(history):
    doubt = read_doubt(history, "write")
    ours = writes(history)
    return older(history, reads(history), ours, same_client_and_key, doubt)


def monotonic_reads(history):
    seen, doubt = reads(history), read_doubt(history)
    return older(history, seen, seen, same_client_and_key, doubt)


def recency(history):
    seen, doubt = reads(history), read_doubt(history)
    return older(history, seen, seen, lambda a, b: a.key == b.key, doubt)


def monotonic_writes(history):
    wrote, doubt = writes(history), odd(history, "write")
    return older(history, wrote, wrote, same_client_and_key, doubt)


def writes_follow_reads(history):
    doubt = read_doubt(history, "write")
    seen, wrote = reads(history), writes(history)
    return older(history, wrote, seen, same_client_and_key, doubt)


def staleness_bound(history, *, bound, in_="versions"):
    checked, broken = 0, set()
    for r in reads(history):
        known = [w for w in writes(history) if w.key == r.key and before(w, r)]
        later = [w for w in known if age(w) > age(r)]
        checked += bool(known)
        versions = len({w.version for w in later})
        seconds = max((r.t_call - w.t_ret for w in later), default=0)
        if (versions if in_ == "versions" else seconds) > bound:
            broken.add(r.op_id)
    return Judgement(checked, broken, read_doubt(history, "write"))


def seen_in_time(history, *, within, looks=3):
    checked, broken, doubt = 0, set(), read_doubt(history, "write")

    def late(w):
        after = [r for r in reads(history) if r.key == w.key]
        return [r for r in after if r.t_call > w.t_ret + within and age(r) < age(w)]

    def sure(w):
        asked = [r.t_call for r in reads(history) if r.key == w.key]
        tried = sum(w.t_ret <= t <= w.t_ret + within for t in asked)
        return late(w) and tried >= looks

    for w in writes(history):
        of_key = [r for r in reads(history) if r.key == w.key]
        checked += bool(of_key)
        due = w.t_ret + within
        in_time = any(r.t_ret <= due and age(r) >= age(w) for r in of_key)
        stuck = any(
            age(r) < age(v) <= age(w)
            for r in late(w)
            for v in writes(history)
            if v.key == w.key and sure(v)
        )
        if late(w) and (sure(w) or stuck):
            broken.add(w.op_id)
        elif of_key and (late(w) or not in_time):
            doubt = True
    return Judgement(checked, broken, doubt)


def versions_written(history):
    checked, broken, doubt = 0, set(), read_doubt(history)
    for r in reads(history):
        of_key = [w for w in history if w.op == "write" and w.key == r.key]
        carried = [w.version for w in of_key if w.version is not None]
        if r.version is None or not carried:
            continue
        checked += 1
        fits = [w for w in of_key if w.version in (r.version, None)]
        fits = [w for w in fits if not before(r, w)]
        if all(r.version < v for v in carried):
            continue
        if any(w.outcome != "fail" for w in fits):
            continue
        if any(w.version == r.version for w in fits):
            doubt = True
        else:
            broken.add(r.op_id)
    return Judgement(checked, broken, doubt)


def consistent_prefix(history):
    checked, broken = 0, set()
    attempts = [w for w in history if w.op == "write" and w.outcome != "fail"]
    for r in reads(history):
        owed = []
        for earlier in reads(history):
            if earlier.client != r.client or not before(earlier, r):
                continue
            shown = [
                w
                for w in attempts
                if w.key == earlier.key and w.version == earlier.version is not None
            ]
            if not shown:
                continue
            first = min(w.t_call for w in shown)
            first = [w for w in shown if w.t_call == first]
            past = [
                w
                for w in writes(history)
                if w.key == r.key and all(before(w, f) for f in first)
            ]
            owed += [w.version for w in past]
        checked += bool(owed)
        if any(age(r) < version for version in owed):
            broken.add(r.op_id)
    return Judgement(checked, broken, read_doubt(history, "write"))


# Answers


def everybody_is_answered(history, *, asks="read"):
    asked = [o for o in history if o.op == asks and not o.inner]
    return Judgement(len(asked), {o.op_id for o in asked if o.outcome != "ok"})


def at_most(history, *, bound, where, of):
    asked = [o for o in history if of is None or o.op == of]
    counting = {o.op_id for o in asked if where(o)}
    broken = counting if len(counting) > bound else set()
    return Judgement(len(asked), broken)


def at_least(history, *, bound, where, of):
    asked = [o for o in history if of is None or o.op == of]
    lacking = {o.op_id for o in asked if not where(o)}
    if len(asked) - len(lacking) >= bound:
        return Judgement(len(asked), set())
    return Judgement(len(asked), lacking or 1)


# Messages


def name(op):
    if op.extra.get("id") is not None:
        return ("id", op.extra["id"])
    return ("value", op.key, op.value)


def duplicates(history):
    done = [o for o in history if o.op == "process" and o.outcome == "ok"]
    names = [name(o) for o in done]
    twice = {n for n in names if names.count(n) > 1}
    extra = len(names) - len(set(names))
    return Judgement(len(set(names)), len(twice), False, {"extra": extra})


def key_order(history):
    made = [o for o in history if o.op == "produce" and o.outcome != "fail"]
    done = [o for o in history if o.op == "process" and ok(o)]
    first_made, first_done = {}, {}
    for o in made:
        first_made.setdefault(name(o), o)
    for o in done:
        if name(o) in first_made:
            first_done.setdefault(name(o), o)
    checked, broken = 0, set()
    for one in first_done.values():
        passed = [
            other
            for other in first_done.values()
            if other.key == one.key and before(other, one)
        ]
        checked += bool(passed)
        told = [o for o in made if ok(o) and name(o) == name(one)]
        for other in passed:
            if any(before(o, first_made[name(other)]) for o in told):
                broken.add(one.op_id)
    return Judgement(checked, broken, odd(history, "produce", "process"))


def phantoms(history):
    made = [o for o in history if o.op == "produce"]
    done = [o for o in history if o.op == "process" and ok(o)]
    broken, doubt = 0, odd(history, "process")
    for message in {name(o) for o in done}:
        handled = [o for o in done if name(o) == message]
        sources = [o for o in made if name(o) == message]
        real = [o for o in sources if o.outcome != "fail"]
        wrong = [o for o in handled if all(before(o, m) for m in real)]
        failed = [o for o in sources if o.outcome == "fail"]
        if not wrong:
            continue
        if all(any(not before(o, m) for m in failed) for o in wrong):
            doubt = True
        else:
            broken += 1
    return Judgement(len({name(o) for o in done}), broken, doubt)


def place(op):
    extra = op.extra
    if extra.get("partition") is None or extra.get("offset") is None:
        return None
    return extra.get("topic"), extra["partition"], extra["offset"]


def delivery_gaps(history):
    ops = [o for o in history if place(o)]
    handed = [o for o in ops if o.op == "process"]
    made = {place(o) for o in ops if o.op == "produce" and o.outcome == "ok"}
    reached = {
        p
        for p in made
        if any(place(d)[:2] == p[:2] and place(d)[2] >= p[2] for d in handed)
    }
    gaps = reached - {place(d) for d in handed}
    again = after = twice = 0
    for spot in {place(d) for d in handed}:
        mine = [d for d in handed if place(d) == spot]
        again += len(mine) - 1
        twice += max(0, len([d for d in mine if d.outcome == "ok"]) - 1)
        for last, now in pairwise(mine):
            between = [
                o
                for o in history
                if o.op == "rebalance"
                and o.client == now.client
                and o.outcome == "ok"
                and (last.t_call, last.op_id)
                < (o.t_call, o.op_id)
                < (now.t_call, now.op_id)
            ]
            after += last.client != now.client or bool(between)
    counts = {"redelivered": again, "after_rebalance": after, "effects_twice": twice}
    return Judgement(len(reached), len(gaps), False, counts)


# Caches


def rebuilds_per_expiry(history, *, allowed=1):
    checked, broken = {0}, 0
    for key in {o.key for o in history}:
        rebuilds = [o for o in history if o.op == "rebuild" and o.key == key]
        choices = []
        for e in history:
            if e.op == "expire" and e.key == key and e.outcome != "fail":
                choices.append(cuts(e, rebuilds))
        best, totals = None, set()
        for cut in product(*choices):
            bounds = sorted(c for c in cut if c is not None)
            bounds = [0, *bounds, len(rebuilds)]
            sizes = [b - a for a, b in pairwise(bounds)]
            bad = sum(size > allowed for size in sizes)
            total = sum(size > 0 for size in sizes)
            if best is None or bad < best:
                best, totals = bad, set()
            if bad == best:
                totals.add(total)
        broken += best
        checked = {a + b for a in checked for b in totals}
    return Judgement(checked, broken)


def cuts(expire, rebuilds):
    """After how many rebuilds the expiry may have been; None: never."""
    certain = expire.outcome == "ok"
    found = [] if certain else [None]
    for cut in range(len(rebuilds) + 1):
        early, late = rebuilds[:cut], rebuilds[cut:]
        too_late = any(r.t_call < expire.t_call for r in late)
        too_early = certain and any(before(expire, r) for r in early)
        if not too_late and not too_early:
            found.append(cut)
    return found


# Partitions


def working(poll, surely):
    waiting = poll.extra.get("waiting")
    if waiting is not None:
        return waiting > 0
    return poll.extra["lag"] > (1 if surely else 0)


def progress(history, long_enough, watched):
    checked, broken, doubt = 0, 0, odd(history, "poll")
    polls = [o for o in history if o.op == "poll" and ok(o)]
    for spot in {(o.key, o.extra["partition"]) for o in polls}:
        mine = [o for o in polls if (o.key, o.extra["partition"]) == spot]
        others = [
            [o for o in polls if o.key == spot[0] and o.extra["partition"] == p]
            for p in {o.extra["partition"] for o in polls if o.key == spot[0]}
        ]

        def stood(surely, mine=mine):
            for i, j in combinations(range(len(mine)), 2):
                row = mine[i : j + 1]
                offsets = [o.extra["committed"] for o in row]
                offsets = [-1 if o is None else o for o in offsets]
                if not all(working(o, surely) for o in row):
                    continue
                if max(offsets) <= offsets[0] and long_enough(row):
                    return True
            return False

        if stood(surely=True):
            broken += 1
            checked += 1
        elif (
            stood(surely=False)
            or (working(mine[-1], surely=False) and not long_enough(mine))
            or not all(watched(mine, other) for other in others)
        ):
            doubt = True
        else:
            checked += 1
    return Judgement(checked, broken, doubt)


def partition_progress(history, *, polls=5):
    def watched(mine, other):
        end = mine[-1].t_call, mine[-1].op_id
        return sum((o.t_call, o.op_id) > end for o in other) < polls

    return progress(history, lambda row: len(row) >= polls, watched)


def partition_progress_in_time(history, *, seconds):
    def long_enough(row):
        return len(row) > 1 and row[-1].t_call - row[0].t_ret > seconds

    def watched(mine, other):
        return not any(o.t_call - mine[-1].t_ret > seconds for o in other)

    return progress(history, long_enough, watched)


def partition_skew(history, *, at_most=3.0, partitions=None):
    made = [o for o in history if o.op == "produce" and o.outcome == "ok"]
    spots = {o.extra["partition"] for o in made}
    loads = [sum(o.extra["partition"] == p for o in made) for p in spots]
    loads += [0] * ((partitions or 0) - len(loads))
    if len(loads) < 2 or not spots:
        return Judgement(0, 0)
    middle = median(loads)
    doubt = len(loads) == 2 and at_most >= 2
    return Judgement(len(loads), sum(n > at_most * middle for n in loads), doubt)


# State


def exactly(a, b):
    return type(a) is type(b) and a == b


def kin(a, b):
    try:
        return float(a) == float(b)
    except (TypeError, ValueError):
        return str(a) == str(b)


def lost_acknowledged_writes(history):
    attempts = [o for o in history if o.op in ("write", "produce")]
    backs = [o for o in history if o.op == "read back"]
    end = [o for o in backs if not any(later_back(o, other) for other in backs)]
    there = [v for o in end if o.outcome == "ok" for v in o.value]
    owed = []
    for o in attempts:
        told = ok(o) and all(before(o, e) for e in end)
        if told or (o.outcome == "unknown" and was_seen(o, history, end)):
            owed.append(o)
    complete = end and there and all(o.outcome == "ok" for o in end)
    doubt = odd(history, "write", "produce") or (bool(owed) and not complete)
    broken = set()
    for o in owed if complete else []:
        if any(exactly(v, o.value) for v in there):
            continue
        strange = [v for v in there if not any(exactly(v, a.value) for a in attempts)]
        if any(kin(v, o.value) for v in strange):
            doubt = True
        else:
            broken.add(o.op_id)
    for v in there:
        how = {a.outcome for a in attempts if exactly(v, a.value)}
        doubt = doubt or how == {"fail"}
    unexpected = [v for v in there if not any(exactly(v, a.value) for a in attempts)]
    counts = {"unexpected": len({(type(v), v) for v in unexpected})}
    counts["copies"] = len(there) - len({(type(v), v) for v in there})
    return Judgement(len(owed), broken, doubt, counts)


def later_back(a, b):
    return a.key == b.key and (a.t_call, a.op_id) < (b.t_call, b.op_id)


def was_seen(write, history, end):
    for o in history:
        if o.op not in ("read", "get", "list", "search", "read back") or not ok(o):
            continue
        parts = o.value if isinstance(o.value, list) else [o.value]
        if any(exactly(p, write.value) for p in parts) and all(
            before(o, e) for e in end
        ):
            return True
    return False


def lost_updates(history):
    checked, broken = 0, set()
    known = writes(history)
    for w in known:
        base = w.extra.get("based_on")
        if base is None:
            continue
        checked += 1
        for other in known:
            if other is w or other.key != w.key:
                continue
            earlier = (other.t_call, other.op_id) < (w.t_call, w.op_id)
            if base < other.version < w.version or (
                other.version == w.version and earlier
            ):
                broken.add(w.op_id)
    return Judgement(checked, broken, odd(history, "write"))


def counter(history, *, initial=0):
    checked, broken = 0, set()
    for count in history:
        if count.op != "count" or not ok(count):
            continue
        checked += 1
        certain, possible = initial, []
        for add in history:
            if add.op != "add" or add.key != count.key or add.outcome == "fail":
                continue
            if ok(add) and before(add, count):
                certain += add.value
            elif not before(count, add):
                possible.append(add.value)
        sums = {
            certain + sum(some)
            for size in range(len(possible) + 1)
            for some in combinations(possible, size)
        }
        if not min(sums) <= count.value <= max(sums):
            broken.add(count.op_id)
    return Judgement(checked, broken, odd(history, "count"))


ORACLES: dict[str, Callable] = {
    oracle.__name__: oracle
    for oracle in (
        read_your_writes,
        monotonic_reads,
        recency,
        staleness_bound,
        seen_in_time,
        versions_written,
        monotonic_writes,
        writes_follow_reads,
        consistent_prefix,
        everybody_is_answered,
        at_most,
        at_least,
        duplicates,
        key_order,
        phantoms,
        delivery_gaps,
        rebuilds_per_expiry,
        partition_progress,
        partition_progress_in_time,
        partition_skew,
        lost_acknowledged_writes,
        lost_updates,
        counter,
    )
}

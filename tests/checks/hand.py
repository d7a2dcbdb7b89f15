"""Histories written by hand, and good ones made by chance from a seed."""

from collections import Counter
from math import inf

from labkit.history import History, Op

SEEDS = range(40)


def did(op, key="store:7", client="shopkeeper", **fields):
    fields = {"outcome": "ok", **fields}
    return Op(0, client, op, key, **fields)


def write(version, **fields):
    return did("write", version=version, value=version, **fields)


def read(version, **fields):
    fields = {"node": "replica1", **fields}
    return did("read", version=version, value=version, **fields)


def before(a, b):
    return a.outcome == "ok" and a.t_ret <= b.t_call


def history_of(*ops):
    """A history in which the operations follow one another, unless they say when."""
    history = History("lab", "run")
    for second, op in enumerate(ops):
        if op.t_ret is None:
            op.t_call, op.t_ret = float(second), second + 0.5
        history.add(op)
    return history


def register(rng, behind=0):
    """Clients of one register per key: every operation takes effect at one moment
    between call and return; a write in doubt at a later moment, or never. A read may
    show a version up to `behind` versions old."""
    ops = []
    for client in ("ann", "bob", "cho"):
        now = rng.random()
        for _ in range(20):
            op = did(rng.choice(["read", "write"]), rng.choice(["x", "y"]), client)
            op.t_call = now
            op.t_ret = now + rng.random()
            moment = rng.uniform(op.t_call, op.t_ret)
            if op.op == "write" and rng.random() < 0.2:
                op.outcome, moment = "unknown", rng.choice([moment + 3, inf])
            ops.append((moment, op))
            now = op.t_ret + rng.choice([0, rng.random()])
    version = Counter()
    for moment, op in sorted(ops, key=lambda pair: pair[0]):
        if op.op == "write" and moment < inf:
            version[op.key] += 1
        late = rng.randint(0, behind) if op.op == "read" else 0
        op.version = op.value = max(0, version[op.key] - late)
    return history_of(*(op for _, op in ops))


def scrambled(rng):
    """A register some of whose reads show any version at all, or nothing."""
    history = register(rng)
    for op in history.ops("read"):
        if rng.random() < 0.3:
            op.version = op.value = rng.choice([None, 0, 1, 2, 5, 9])
    return history


def orders(rng):
    """Orders of some stores, produced by two checkouts, processed by two workers that
    own one store each or more; some produces are in doubt, some messages come twice."""
    ops, now, count = [], 0.0, 0
    queue = {"store:1": [], "store:2": [], "store:3": []}
    for _ in range(60):
        key = rng.choice(list(queue))
        if rng.random() < 0.5 or not queue[key]:
            count += 1
            op = did("produce", key, f"checkout{count % 2}", value=f"order-{count}")
            op.extra["partition"] = 0
            op.outcome = "unknown" if rng.random() < 0.1 else "ok"
            queue[key].append(op.value)
        else:
            op = did("process", key, f"worker{key[-1]}", value=queue[key].pop(0))
        op.t_call, op.t_ret = now, now + rng.random()
        now = op.t_ret + rng.random()
        ops.append(op)
    return history_of(*ops)


def stampede_free(rng):
    ops, periods = [], rng.randint(2, 6)
    for period in range(periods):
        for key in ("x", "y"):
            if period:
                ops.append(did("expire", key, "clock"))
            ops += [
                did("get", key, f"c{n}", version=1) for n in range(rng.randint(0, 3))
            ]
            ops.append(did("rebuild", key, "c0", inner=True))
    return history_of(*ops)


def polled(rng, polls=12, partitions=4):
    """Polls of a consumer that moves each partition, if slowly: it rests for no more
    than three polls in a row while there is lag."""
    ops, end = [], [rng.randint(5, 40) for _ in range(partitions)]
    committed, rests = [0] * partitions, [0] * partitions
    for poll in range(polls):
        for p in range(partitions):
            if poll and (rests[p] == 3 or rng.random() < 0.6):
                committed[p] = min(end[p], committed[p] + rng.randint(1, 5))
                rests[p] = 0
            else:
                rests[p] += 1
            extra = {"partition": p, "committed": committed[p], "poll": poll}
            extra["lag"] = end[p] - committed[p]
            ops.append(did("poll", "orders", "monitor", extra=extra))
    return history_of(*ops)


def spread(rng, partitions=6):
    loads = [rng.randint(50, 100) for _ in range(partitions)]
    places = [p for p, load in enumerate(loads) for _ in range(load)]
    rng.shuffle(places)
    return history_of(*(did("produce", extra={"partition": p}) for p in places))


def with_fresh_ids(ops):
    for op in ops:
        op.op_id = 0
    return ops

"""What happened, and whether it may have: one fault with writers, readers and probes around it, and the rules for all of it.

The writers pinned to each database are the driver's own (`hadrive.Worker`), also where the fault is one of ours. Beside them:
probes that write through the database's own socket on its host, where no cut of a line keeps them away, and readers that
remember what they have seen. One monotonic clock for all. The invariants are numbered as in the research (I1 to I11).
"""
import collections, random, statistics, threading, time

import hadrive
from hadrive import Worker, now

from faults import FAULTS

WRITERS, PROBES = 4, 1
# longest that a takeover, or writes that go on, are waited for; longest that it may take to be well again, in seconds
LIMIT, WELL = 85, 150
TAIL = 4
# what may grow up to here (I10): keys of the service in etcd, slots, and megabytes of log
KEYS, SLOTS, LOG_MIB = 60, 4, 2600
OK = ("ok", "warn")


# the driver's own faults
DRIVERS = {
    "crash": "The program and its database are killed.",
    "pgkill": "The database is killed.",
    "keeperkill": "The program alone is killed.",
    "keeperpause": "The program alone stands still, and goes on after the takeover.",
    "switchover": "`ondol takeover`.",
    "pause": "The program and its database stand still, and go on after the takeover.",
    "cutsoft": "The primary's site is cut off from the others, not from its clients.",
    "cutsite": "The primary's site is cut off from everything, with etcd's leader.",
    "cutrepl": "The databases are cut off from each other only, for a minute.",
}


class Inside:
    """The adapter as seen by a probe: sessions go through the database's own socket."""

    def __init__(self, adapter):
        self.adapter = adapter

    def enter(self):
        pass

    def session(self, node, run):
        return self.adapter.session(node, run, inside=True)


class Reader(threading.Thread):
    """Remembers the newest write of each writer that one database has shown, pinned to it."""

    def __init__(self, adapter, node, run, stop, every=.15):
        super().__init__(daemon=True)
        self.adapter, self.node, self.name, self.halt, self.every = adapter, node, run, stop, every
        self.seen = set()

    def run(self):
        self.adapter.enter()
        connection = None
        while not self.halt.is_set():
            try:
                connection = connection or self.adapter.connect(self.node)
                cursor = connection.cursor()
                cursor.execute("select node, wid, max(seq) from ha_w where run = %s group by 1, 2", (self.name,))
                self.seen |= set(cursor.fetchall())
            except Exception:
                connection = close(connection)
            time.sleep(self.every)
        close(connection)


def close(connection):
    try:
        connection and connection.close()
    except Exception:
        pass


class Watchers:
    """Readers and probes, beside the writers of a run."""

    def __init__(self, adapter, run):
        self.stop, self.history = threading.Event(), []
        self.readers = [Reader(adapter, node, run, self.stop) for node in adapter.nodes]
        self.probes = [Worker(Inside(adapter), node, 100 + number, run, self.history, self.stop)
                       for node in adapter.nodes for number in range(PROBES)]
        for thread in self.readers + self.probes:
            thread.start()

    def end(self):
        self.stop.set()
        for thread in self.readers + self.probes:
            thread.join(8)

    def seen(self):
        return set().union(*(reader.seen for reader in self.readers))


class Stage:
    """What a fault is done to."""

    def __init__(self, adapter, old):
        self.adapter, self.ground, self.old = adapter, adapter.ground, old
        self.new = next(node for node in adapter.nodes if node != old)
        self.begun, self.said = None, []

    def mark(self):
        """The fault begins now: what came before only made it ready."""
        self.begun = now()

    def say(self, text):
        self.said.append(str(text).strip()[-200:])


def one(adapter, name, run, spread):
    """One of our faults, with writers around it: the result and its history, as the driver gives them for its own."""
    fault = FAULTS[name]
    old = adapter.primary()
    it = Stage(adapter, old)
    adapter.etcd_leads(old if fault.etcd == "old" else fault.etcd)
    history, stop = [], threading.Event()
    workers = [Worker(adapter, node, number, run, history, stop) for node in adapter.nodes for number in range(WRITERS)]
    for worker in workers:
        worker.start()
    time.sleep(2.5 + random.random() * spread)
    it.mark()
    act = fault.act(it)
    next(act)
    done = now()

    def first(node, after):
        acks = [h for h in list(history) if h[0] >= after and h[5] in OK and node in (None, h[2])]
        return min((h[1] for h in acks), default=None)

    took = None
    while now() - done < LIMIT:
        moved = first(it.new, it.begun)
        took = moved - it.begun if moved else None
        if moved if fault.expects == "takeover" else first(None, done):
            break
        time.sleep(.02)
    time.sleep(fault.hold)
    next(act, None)
    healed = now()
    time.sleep(TAIL)
    stop.set()
    well, why = wait_well(adapter)
    for worker in workers:
        worker.join(8)
    moved = first(it.new, it.begun)
    acks = [h for h in history if h[5] in OK]
    primary = adapter.primary()
    have = adapter.read_ids(primary, run) if primary else set()
    after = [h for h in acks if h[2] == old and moved and h[1] > moved]
    lost = [h for h in acks if h[2:5] not in have]
    return dict(
        tf=it.begun, run=run, cfg=adapter.name, fault=name, old=old, new=it.new,
        took=moved - it.begun if moved else None, gap=None, longest_gap=longest(acks, it.begun), acks=len(acks),
        lost=sum(1 for h in lost if h[5] == "ok"), lost_warned=sum(1 for h in lost if h[5] == "warn"), splitacks=len(after),
        dual_lost=sum(1 for h in after if h[5] == "ok" and h[2:5] not in have),
        old_last_ack_after_fault=max([h[1] for h in acks if h[2] == old] or [it.begun]) - it.begun,
        rejoin=well - healed if well else None, final_primary=primary, healthy=why, expects=fault.expects, said=it.said,
        errs=dict(collections.Counter(h[5][4:60] for h in history if h[5].startswith("err"))),
    ), history


def wait_well(adapter):
    until, why = now() + WELL, None
    while now() < until:
        is_well, why = adapter.healthy()
        if is_well:
            return now(), why
        time.sleep(.5)
    return None, why


def longest(acks, begun):
    """The longest silence of all writers together that ended after the fault."""
    times = sorted(h[1] for h in acks)
    return max((later - sooner for sooner, later in zip(times, times[1:]) if later > begun), default=None)


def check(adapter, result, history, watchers):
    """Adds what the driver does not look at to its result, and every rule that was broken, in words."""
    primary, run = result["final_primary"], result["run"]
    have = adapter.read_ids(primary, run) if primary else set()
    inside = [h for h in watchers.history if h[5] in OK]
    reigns = adapter.reigns(run)
    everything = [h for h in history + watchers.history if h[5] in OK]
    if result["fault"] not in FAULTS:
        # the driver counts those too whose client was warned that nobody else may have them
        result["lost"] -= result["lost_warned"]
    result["inside_acks"] = len(inside)
    result["inside_lost"] = sum(1 for h in inside if h[5] == "ok" and h[2:5] not in have)
    result["vanished"] = len(unwarned(watchers.seen(), everything) - have)
    result["late"] = late(everything, reigns)
    result["unsure"] = len({h[2:5] for h in history + watchers.history if h[5].startswith("err")} & have)
    result["epochs"] = adapter.epochs()
    # not forbidden, and worth a look
    result["ended"] = adapter.unit.told()
    result.update(adapter.sizes())
    result["wrong"] = wrong(result)
    return result


def unwarned(seen, acks):
    """What was seen, but for commits that were cancelled: their client was warned that nobody else may have them."""
    return set(seen) - {h[2:5] for h in acks if h[5] == "warn"}


def late(acks, reigns):
    """Writes that an older reign acknowledged although they were sent after a newer one had acknowledged (I3, I11)."""
    first = {}
    for h in acks:
        reign = reigns.get(h[2:5])
        if reign is not None:
            first[reign] = min(first.get(reign, h[1]), h[1])
    newer = lambda reign: min((at for other, at in first.items() if other > reign), default=float("inf"))
    return sum(1 for h in acks if h[2:5] in reigns and h[0] > newer(reigns[h[2:5]]))


def wrong(r):
    """The rules that were broken."""
    http = r.get("http", {})
    moved = r["final_primary"] != r["old"]
    reigns = [reign for reign in r["epochs"]]
    ordered = all(one[0] < other[0] and one[2] < other[2] for one, other in zip(reigns, reigns[1:]))
    accepted = r["fault"] in FAULTS and FAULTS[r["fault"]].loses
    if accepted:
        return [words for holds, words in [
            (r["lost"] + r["inside_lost"] + http.get("lost", 0) > 0, "nothing was lost, so that nothing was accepted"),
            (moved, "nobody took over"),
            (r["rejoin"] is not None, f"I9 it was not well again: {r['healthy']}"),
            (any(words.startswith("kept aside") and not words.endswith(" 0 files") for words in r["said"]),
             "what was lost was not kept aside"),
            ("before a person spoke, None led" in r["said"], "it took over before a person spoke"),
        ] if not holds]
    rules = [
        (r["lost"] == 0, "I1 acknowledged writes are gone"),
        (r["inside_lost"] == 0, "I1 writes that were acknowledged on the host itself are gone"),
        (r["vanished"] == 0, "I2 what was read has disappeared"),
        (r["dual_lost"] == 0, "I3 two primaries acknowledged"),
        (r["late"] == 0, "I11 an old primary acknowledged after a newer one"),
        (ordered, "I6 epochs or lines of history do not increase"),
        (r["rejoin"] is not None, f"I9 it was not well again: {r['healthy']}"),
        (r["keys"] <= KEYS and r["slots"] <= SLOTS and r["log_mib"] <= LOG_MIB, "I10 something grows"),
        (http.get("failed", 0) == 0, "requests failed"),
        (http.get("lost", 0) == 0, "records are gone"),
        (http.get("doubled", 0) == 0, "records are there twice"),
        (http.get("miscounted", 0) == 0, "counters are wrong"),
        (http.get("stale", 0) == 0, "an answer showed less than an earlier one"),
        (r.get("expects") != "stay" or not moved, "somebody took over without need"),
        (r.get("expects") != "takeover" or moved, "nobody took over"),
    ]
    return [words for holds, words in rules if not holds]


def table(results):
    """Rows of markdown: each fault with its medians and its worst."""
    results = sorted(results, key=lambda r: list([*DRIVERS, *FAULTS]).index(r["fault"]))
    lines = ["| fault | what happens | runs | takeover s, median (worst) | longest wait over HTTP s, median (worst) | lost | "
             "failed, doubled, miscounted | well again s, worst | broken rules |", "|---|---|---|---|---|---|---|---|---|"]
    faults = list(dict.fromkeys(r["fault"] for r in results))
    span = lambda values: f"{statistics.median(values):.1f} ({max(values):.1f})" if values else "none"
    for name in faults:
        rows = [r for r in results if r["fault"] == name]
        times = [r["gap"] if name == "switchover" and r["gap"] else r["took"] for r in rows if r["took"] is not None]
        http = [r["http"] for r in rows]
        total = lambda key: sum(h[key] for h in http)
        broken = collections.Counter(words for r in rows for words in r["wrong"])
        lines.append(
            f"| {name} | {DRIVERS[name] if name in DRIVERS else FAULTS[name].act.__doc__} | {len(rows)} | {span(times)} | {span([h['longest'] for h in http])} | "
            f"{sum(r['lost'] + r['inside_lost'] for r in rows) + total('lost')} | {total('failed')}, {total('doubled')}, "
            f"{total('miscounted')} | {max((r['rejoin'] or WELL) for r in rows):.0f} | "
            f"{'; '.join(f'{words} ({count})' for words, count in broken.items()) or 'none'} |")
    return "\n".join(lines)


def known():
    return set(DRIVERS) | set(FAULTS)


def perform(adapter, name, run, spread):
    if name in FAULTS:
        return one(adapter, name, run, spread)
    return hadrive.one(adapter, name, run, spread, hadrive.Shared(1))

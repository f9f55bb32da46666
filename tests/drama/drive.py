#!/usr/bin/env python3
"""The drama: faults on true servers, writers over SQL and clients over HTTP, and a history that is checked.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol python3 drive.py --faults crash,pgkill --runs 1 --lab NAME --out results.jsonl
One JSON object per run. The driver, its writers and its check of the history are those of `FAULTS`; the clients are ours.
"""
import argparse, json, os, random, signal, subprocess, sys, threading, time

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

from adapters.base import IP, NET
from clients import STILL, Client, Reader, Shown, judge, prepare
from faults import FAULTS
from history import Watchers, check, known, perform, table
from mariadb import OndolOnMariaDb
from ondol import Ondol
from outsider import what_opens

CLIENTS = 6
# how long a run's fault may be put off, in seconds
SPREAD = 2
SYSTEMS = {"postgres": Ondol, "mariadb": OndolOnMariaDb}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--faults", default="all", help="names with commas between; all: each that there is")
    arguments.add_argument("--without", default="", help="names to leave out")
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--confirm", choices=["site", "abroad"], default="abroad")
    arguments.add_argument("--reads", choices=["wait", "replica"], default="wait")
    arguments.add_argument("--engine", choices=SYSTEMS, default="postgres")
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--report", action="store_true", help="only the table of what was written")
    arguments.add_argument("--lab", default="1")
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    arguments = arguments.parse_args()
    if arguments.report:
        with open(arguments.out) as file:
            return print(table([json.loads(line) for line in file]))
    lacks = SYSTEMS[arguments.engine].lacks
    faults = sorted(known() - lacks) if arguments.faults == "all" else arguments.faults.split(",")
    faults = [name for name in faults if name not in arguments.without.split(",")]
    unknown = set(faults) - known()
    if set(faults) & lacks:
        sys.exit(f"not on {arguments.engine}: {', '.join(sorted(set(faults) & lacks))}")
    if unknown:
        sys.exit(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known()))}")
    random.seed(arguments.seed)
    results = []
    # one ground after the other: disks and clocks of their own cost time, which others need not pay
    for ground in (None, "disks", "clocks"):
        here = [name for name in faults if (FAULTS[name].ground if name in FAULTS else None) == ground]
        if here:
            results += act(here, (ground,) if ground else (), arguments)
    print(table(results))
    sys.exit(any(result["wrong"] for result in results))


def act(faults, has, arguments):
    # threads stay in the namespace of a lab's name: each ground has a name of its own
    name = arguments.lab + "".join(word[0] for word in has)
    lab = {**os.environ, "LAB": name}
    subprocess.run([NET, "down"], env=lab)
    subprocess.check_call([NET, "up"], env=lab)
    adapter = SYSTEMS[arguments.engine](f"ondol-{name}", name, arguments.confirm, has, arguments.reads)
    results = []
    try:
        adapter.enter()
        adapter.setup()
        wrong = what_opens(adapter)
        if wrong:
            sys.exit("the doors are not as they should be: " + "; ".join(wrong))
        api = prepare(adapter, IP["w"], CLIENTS)
        kept, counts = set(), {}
        # round after round, so that a busy minute of the machine falls on all
        for run in range(arguments.runs):
            for fault in faults:
                result, kept = drive(adapter, api, fault, f"{fault}-{run}-{int(time.time())}", kept, counts)
                result["load"] = os.getloadavg()[0]
                results.append(result)
                with open(arguments.out, "a") as file:
                    file.write(json.dumps(result) + "\n")
                print(json.dumps(shown(result)), flush=True)
    finally:
        adapter.teardown()
        subprocess.run([NET, "down"], env=lab)
    return results


def drive(adapter, api, fault, name, kept, counts):
    adapter.wait(lambda: adapter.healthy()[0], 180, "all is well before the fault")
    stop = threading.Event()
    clients = [Client(adapter, IP["w"], number, name, stop) for number in range(CLIENTS)]
    watchers = Watchers(adapter, name)
    # some read what nobody writes, the others what everybody does
    shown = Shown()
    readers = [Reader(adapter, IP["w"], [STILL], shown, stop), Reader(adapter, IP["w"], list(range(CLIENTS)), shown, stop)]
    for thread in clients + readers:
        thread.start()
    try:
        result, history = perform(adapter, fault, name, SPREAD)
    finally:
        stop.set()
        watchers.end()
    for thread in clients + readers:
        thread.join(100)
    lost, doubled, miscounted, kept = judge(api, clients, kept, counts)
    failed = [why for asker in clients + readers for _, why in asker.failed]
    result["http"] = dict(
        requests=sum(client.asked for client in clients), failed=len(failed), why=failed[:3], lost=lost, doubled=doubled,
        miscounted=miscounted, longest=max(client.longest for client in clients), stale=sum(asker.stale for asker in clients + readers),
    )
    result["reads"] = {what: reader.told() for what, reader in zip(("still", "written"), readers)}
    result["status"] = adapter.command("status").split("\n")[0]
    return check(adapter, result, history, watchers), kept


def shown(result):
    keys = ("run", "fault", "old", "final_primary", "took", "gap", "longest_gap", "acks", "lost", "lost_warned", "splitacks",
            "dual_lost", "late", "inside_acks", "inside_lost", "vanished", "unsure", "old_last_ack_after_fault", "rejoin", "healthy",
            "said", "ended", "http", "reads", "status", "keys", "slots", "log_mib", "load", "wrong")
    return {key: round(result[key], 2) if isinstance(result.get(key), float) else result.get(key) for key in keys}


if __name__ == "__main__":
    # what was set up is taken down again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()

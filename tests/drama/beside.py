#!/usr/bin/env python3
"""Ours and Patroni, side by side: the same faults in the same minutes on the same machine.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol PATRONI4=…/bin/patroni FAULTS_DIR=… \
                  python3 beside.py --systems ondol,d415-sync,t415-sync --faults crash,switchover --runs 5 --lab NAME --out beside.jsonl
Driver, writers, checks and Patroni's adapter are those of `FAULTS` (named as its `configs.py` does). Each system has a
lab of its own; a run's fault falls on all of them together. `--report` only makes the table of what was written.
"""
import argparse, collections, json, os, signal, statistics, subprocess, sys, threading, time, traceback

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

import hadrive
from adapters.base import IP, NET
from adapters.patroni import Patroni
from clients import Client, judge, prepare
from ondol import NICE, Ondol

CLIENTS = 2
DEBIAN, NEWEST = "/usr/bin/patroni", os.environ.get("PATRONI4", "patroni")
# by the driver's names: the program, and its time to live, loop and retries in seconds
PATRONI = {"d302": (DEBIAN, 30, 10, 10), "u302": (DEBIAN, 5, 1, 2), "d415": (NEWEST, 30, 10, 10), "t415": (NEWEST, 20, 1, 3)}
NAMES = {"ondol": "Ondol", "d415": "Patroni 4.1.5, default (30/10/10)", "t415": "Patroni 4.1.5, tightest (20/1/3)",
         "d302": "Patroni 3.0.2 (Debian), default (30/10/10)", "u302": "Patroni 3.0.2 (Debian), below its floor (5/1/2)"}


class Favoured(Patroni):
    """Patroni with the priority that ours has: its unit would have it set too."""

    def etcd_start(self, n, new="new"):
        super().etcd_start(n, new)
        os.setpriority(os.PRIO_PROCESS, self.e[n].pid, NICE)

    def start(self, n):
        super().start(n)
        os.setpriority(os.PRIO_PROCESS, self.p[n].pid, NICE)


def system_of(name, lab):
    """A system, and how long its fault may be put off: `ondol`, or one of Patroni's settings with `-sync` or `-async`."""
    if name == "ondol":
        return Ondol("ondol", lab), 1
    settings, mode = name.split("-")
    program, *times = PATRONI[settings]
    return Favoured(name, dict(zip(("ttl", "loop_wait", "retry_timeout"), times)), program, mode == "sync", lab=lab), times[1]


class Web:
    """Clients over HTTP, for the one that has a web service."""

    def __init__(self, adapter):
        self.adapter, self.api = adapter, prepare(adapter, IP["w"], CLIENTS)
        self.kept, self.counts = set(), {}

    def begin(self, run):
        self.stop = threading.Event()
        self.clients = [Client(self.adapter, IP["w"], number, run, self.stop) for number in range(CLIENTS)]
        for client in self.clients:
            client.start()

    def end(self):
        self.stop.set()
        for client in self.clients:
            client.join(100)
        lost, doubled, miscounted, self.kept = judge(self.api, self.clients, self.kept, self.counts)
        failed = [why for client in self.clients for _, why in client.failed]
        return dict(requests=sum(client.asked for client in self.clients), failed=len(failed), why=failed[:3], lost=lost,
                    doubled=doubled, miscounted=miscounted, longest=max(client.longest for client in self.clients))


def lab(number, system, arguments, shared, lock):
    """All runs of one system."""
    name = f"{arguments.lab}{number}"
    environment = {**os.environ, "LAB": name}
    subprocess.run([NET, "down"], env=environment)
    subprocess.check_call([NET, "up"], env=environment)
    adapter, spread = system_of(system, name)
    try:
        adapter.enter()
        adapter.setup()
        web = Web(adapter) if system == "ondol" else None
        for run in range(arguments.runs):
            for fault in arguments.faults.split(","):
                result = drive(adapter, system, fault, f"{system}-{fault}-{run}-{int(time.time())}", spread, shared, web)
                with lock:
                    with open(arguments.out, "a") as file:
                        file.write(json.dumps(result) + "\n")
                    keys = ("cfg", "fault", "took", "gap", "longest_gap", "lost", "dual_lost", "rejoin", "http", "load")
                    print(json.dumps({key: result.get(key) for key in keys}), flush=True)
                if result["rejoin"] is None:
                    adapter.teardown()
                    adapter.setup()
                    web = Web(adapter) if web else None
    except threading.BrokenBarrierError:
        pass
    except BaseException:
        traceback.print_exc()
        shared.b.abort()
    finally:
        adapter.teardown()
        subprocess.run([NET, "down"], env=environment)


def drive(adapter, system, fault, run, spread, shared, web):
    for _ in range(300):
        if adapter.healthy()[0]:
            break
        time.sleep(.5)
    if web:
        web.begin(run)
    result, _ = hadrive.one(adapter, fault, run, spread, shared)
    result["http"] = web.end() if web else None
    result["cfg"], result["load"] = system, os.getloadavg()[0]
    return result


def table(path):
    rows = collections.defaultdict(list)
    with open(path) as file:
        for line in file:
            result = json.loads(line)
            rows[result["fault"], result["cfg"]].append(result)
    print("| fault | system (ttl/loop/retry) | runs | to the first write elsewhere s, median (worst) | the writers' pause s, median "
          "(worst) | lost | requests failed |\n|---|---|---|---|---|---|---|")
    span = lambda values: f"{statistics.median(values):.1f} ({max(values):.1f})" if values else "-"
    order = lambda key: (list(dict.fromkeys(fault for fault, _ in rows)).index(key[0]), list(NAMES).index(key[1].split("-")[0]))
    for fault, system in sorted(rows, key=order):
        results = rows[fault, system]
        took = [r["took"] for r in results if r["took"] is not None]
        stayed = len(results) - len(took)
        words = span(took) + (f", {stayed} in place" if stayed else "")
        # one that comes back in place has no first write elsewhere
        pause = [r["gap"] if r["gap"] is not None else r["longest_gap"] for r in results]
        failed = sum(r["http"]["failed"] for r in results) if results[0]["http"] else "-"
        print(f"| {fault} | {NAMES.get(system.split('-')[0], system)} | {len(results)} | {words} | "
              f"{span([p for p in pause if p is not None])} | {sum(r['lost'] for r in results)} | {failed} |")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--systems", default="ondol,d415-sync,t415-sync")
    arguments.add_argument("--faults", default="crash,pgkill,switchover,pause,cutsoft,cutsite")
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--lab", default="b")
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--report", action="store_true")
    arguments = arguments.parse_args()
    if arguments.report:
        return table(arguments.out)
    systems = arguments.systems.split(",")
    shared, lock = hadrive.Shared(len(systems)), threading.Lock()
    labs = [threading.Thread(target=lab, args=(number, system, arguments, shared, lock)) for number, system in enumerate(systems)]
    for it in labs:
        it.start()
    for it in labs:
        it.join()
    table(arguments.out)


if __name__ == "__main__":
    # what was set up is taken down again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()

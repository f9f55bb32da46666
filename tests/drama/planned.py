#!/usr/bin/env python3
"""Planned changes of the primary, to and fro: how long writers wait, and where the time goes, step by step.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol FAULTS_DIR=… python3 planned.py --runs 10 --lab NAME --out planned.json
Each run has writers over SQL that are pinned to each database, clients over HTTP, and the command's own writer.
"""
import argparse, json, os, re, statistics, subprocess, sys, threading, time

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

from datetime import datetime

from adapters.base import IP, NET
from clients import Client, judge, prepare
from hadrive import Worker, now
from ondol import FILE, Ondol

CLIENTS, WRITERS = 4, 2
LEVEL = '[log]\nlevel = "info,keeper=debug"\n'
# a run's writers before and after the change, in seconds
BEFORE, AFTER = 1.5, 1.


class Traced(Ondol):
    """Ours, with a log that tells each step."""

    def write_file(self):
        with open(f"{self.dir}/ondol.toml", "w") as file:
            file.write(FILE % self.policy + LEVEL)


def lines(adapter, since):
    """What the hosts' logs say from a moment on, in order: (moment, host, what)."""
    found = []
    for host in adapter.hosts:
        with open(f"{adapter.dir}/{host}.log", errors="replace") as file:
            for line in file:
                try:
                    said = json.loads(line)
                    at = datetime.fromisoformat(said["timestamp"].replace("Z", "+00:00")).timestamp()
                except (ValueError, KeyError, TypeError):
                    continue
                if at >= since:
                    rest = {k: v for k, v in said.items() if k not in ("timestamp", "level", "target", "message")}
                    found.append((at, host, f'{said["message"]} {rest or ""}'))
    return sorted(found)


def one(adapter, run):
    history, stop = [], threading.Event()
    old = adapter.primary()
    new = next(node for node in adapter.nodes if node != old)
    workers = [Worker(adapter, node, number, run, history, stop) for node in adapter.nodes for number in range(WRITERS)]
    clients = [Client(adapter, IP["w"], number, run, stop, pause=.01) for number in range(CLIENTS)]
    for thread in workers + clients:
        thread.start()
    time.sleep(BEFORE)
    since, begun = time.time(), now()
    said = adapter.switchover(old, new)
    time.sleep(AFTER)
    stop.set()
    for thread in workers + clients:
        thread.join(100)
    acks = sorted(h[1] for h in history if h[5] in ("ok", "warn"))
    gap = max((b - a for a, b in zip(acks, acks[1:]) if b > begun), default=None)
    told = re.search(r"waited (\d+) ms", said)
    result = dict(
        told=int(told[1]) / 1000 if told else None, sql=gap, http=max(client.longest for client in clients),
        failed=sum(len(client.failed) for client in clients), load=os.getloadavg()[0], said=said.strip().split("\n")[-1],
    )
    return result, lines(adapter, since), clients


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--runs", type=int, default=10)
    arguments.add_argument("--confirm", default="abroad")
    arguments.add_argument("--lab", default="p")
    arguments.add_argument("--trace", action="store_true", help="what the logs say of each run")
    arguments.add_argument("--out", required=True)
    arguments = arguments.parse_args()
    lab = {**os.environ, "LAB": arguments.lab}
    subprocess.run([NET, "down"], env=lab)
    subprocess.check_call([NET, "up"], env=lab)
    adapter = Traced(f"ondol-{arguments.lab}", arguments.lab, arguments.confirm)
    results = []
    try:
        adapter.enter()
        adapter.setup()
        api = prepare(adapter, IP["w"], CLIENTS)
        kept, counts = set(), {}
        for run in range(arguments.runs):
            adapter.wait(lambda: adapter.healthy()[0], 180, "all is well")
            time.sleep(1)
            result, told, clients = one(adapter, f"planned-{run}-{int(time.time())}")
            *wrong, kept = judge(api, clients, kept, counts)
            result["lost_doubled_miscounted"] = wrong
            results.append(result)
            print(json.dumps(result), flush=True)
            if arguments.trace:
                for at, host, what in told:
                    print(f"  {(at - told[0][0]) * 1000:7.0f} {host:3}{what}", flush=True)
    finally:
        adapter.teardown()
        subprocess.run([NET, "down"], env=lab)
    with open(arguments.out, "w") as file:
        json.dump(results, file)
    for name in ("told", "sql", "http"):
        figures = [result[name] for result in results if result[name] is not None]
        print(f"{name:5} median {statistics.median(figures):.2f}  worst {max(figures):.2f}  of {len(figures)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The drama: faults on true servers, writers over SQL and clients over HTTP, and a history that is checked.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol python3 drive.py --faults crash,pgkill --runs 1 --lab NAME --out results.jsonl
One JSON object per run. The driver, its writers and its check of the history are those of `FAULTS`; the clients are ours.
"""
import argparse, json, os, subprocess, sys, threading, time

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

import hadrive
from adapters.base import IP, NET
from clients import Client, judge, prepare
from ondol import Ondol
from outsider import what_opens

CLIENTS = 6
# how long a run's fault may be put off, in seconds
SPREAD = 2


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--faults", required=True)
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--confirm", default="abroad")
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--lab", default="1")
    arguments = arguments.parse_args()
    lab = {**os.environ, "LAB": arguments.lab}
    subprocess.run([NET, "down"], env=lab)
    subprocess.check_call([NET, "up"], env=lab)
    adapter = Ondol(f"ondol-{arguments.lab}", arguments.lab, arguments.confirm)
    try:
        adapter.enter()
        adapter.setup()
        wrong = what_opens(adapter)
        if wrong:
            sys.exit("the doors are not as they should be: " + "; ".join(wrong))
        api = prepare(adapter, IP["w"], CLIENTS)
        kept, counts = set(), {}
        for fault in arguments.faults.split(","):
            for run in range(arguments.runs):
                result, kept = drive(adapter, api, fault, f"{fault}-{run}-{int(time.time())}", kept, counts)
                with open(arguments.out, "a") as file:
                    file.write(json.dumps(result) + "\n")
                print(json.dumps(shown(result)), flush=True)
    finally:
        adapter.teardown()
        subprocess.run([NET, "down"], env=lab)


def drive(adapter, api, fault, name, kept, counts):
    adapter.wait(lambda: adapter.healthy()[0], 180, "all is well before the fault")
    stop = threading.Event()
    clients = [Client(adapter, IP["w"], number, name, stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        result, _ = hadrive.one(adapter, fault, name, SPREAD, hadrive.Shared(1))
    finally:
        stop.set()
    for client in clients:
        client.join(100)
    lost, doubled, miscounted, kept = judge(api, clients, kept, counts)
    failed = [why for client in clients for _, why in client.failed]
    result["http"] = dict(
        requests=sum(len(client.spans) for client in clients), failed=len(failed), why=failed[:3], lost=lost, doubled=doubled,
        miscounted=miscounted, longest=max(client.longest for client in clients),
    )
    result["status"] = adapter.command("status").split("\n")[0]
    return result, kept


def shown(result):
    keys = ("run", "fault", "old", "final_primary", "took", "gap", "longest_gap", "acks", "lost", "splitacks", "dual_lost",
            "old_last_ack_after_fault", "rejoin", "healthy", "http", "status")
    return {key: round(result[key], 2) if isinstance(result.get(key), float) else result.get(key) for key in keys}


if __name__ == "__main__":
    main()

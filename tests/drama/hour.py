#!/usr/bin/env python3
"""A long time under full load of all cores: nobody may take over, because nothing has failed. And what the keepers cost.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol FAULTS_DIR=… python3 hour.py --seconds 3600 --burners 2 --lab NAME --out hour.json
`--burners 0` measures the steady cost alone.
"""
import argparse, json, os, signal, subprocess, sys, threading, time

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

from adapters.base import IP, NET
from clients import Client, judge, prepare
from ondol import Ondol

CLIENTS = 2
PAUSE = .2
EVERY = 10
TICK = os.sysconf("SC_CLK_TCK")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=3600)
    arguments.add_argument("--burners", type=int, default=os.cpu_count())
    arguments.add_argument("--nice", type=int, default=0)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--lab", default="hour")
    arguments = arguments.parse_args()
    lab = {**os.environ, "LAB": arguments.lab}
    subprocess.run([NET, "down"], env=lab)
    subprocess.check_call([NET, "up"], env=lab)
    adapter = Ondol(f"hour-{arguments.lab}", arguments.lab)
    burners = []
    try:
        adapter.enter()
        adapter.setup()
        api = prepare(adapter, IP["w"], CLIENTS)
        adapter.wait(lambda: adapter.healthy()[0], 60, "all is well")
        stop = threading.Event()
        clients = [Client(adapter, IP["w"], number, "hour", stop, pause=PAUSE) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        result = watch(adapter, arguments, burners)
        for burner in burners:
            burner.kill()
        stop.set()
        for client in clients:
            client.join(100)
        lost, doubled, miscounted, _ = judge(api, clients, set(), {})
        failed = [why for client in clients for _, why in client.failed]
        result["http"] = dict(requests=sum(client.asked for client in clients), failed=len(failed), why=failed[:3], lost=lost,
                              doubled=doubled, miscounted=miscounted, longest=max(client.longest for client in clients))
        with open(arguments.out, "w") as file:
            json.dump(result, file, indent=1)
        print(json.dumps(result))
    finally:
        for burner in burners:
            burner.kill()
        adapter.teardown()
        subprocess.run([NET, "down"], env=lab)


def burn(arguments, burners, load):
    """So many of them burn, unless others fill the machine already."""
    burning = ["nice", "-n", str(arguments.nice), "sh", "-c", "while :; do :; done"]
    if not burners and load < 2 * os.cpu_count():
        burners += [subprocess.Popen(burning) for _ in range(arguments.burners)]
    elif burners and load > 2 * os.cpu_count() + arguments.burners:
        while burners:
            burner = burners.pop()
            burner.kill()
            burner.wait()


def watch(adapter, arguments, burners):
    begun = time.monotonic()
    hosts = {host: adapter.pids(host, "keeper")[0] for host in adapter.nodes}
    before, machine, first = {host: spent(pid) for host, pid in hosts.items()}, cores(), len(adapter.epochs())
    alone, loads, memory = 0, [], dict.fromkeys(hosts, 0)
    while time.monotonic() - begun < arguments.seconds:
        time.sleep(EVERY)
        loads.append(os.getloadavg()[0])
        burn(arguments, burners, loads[-1])
        sync = adapter.document("sync")
        alone += sync is not None and len(sync["eligible"]) < 2
        memory = {host: max(memory[host], resident(pid)) for host, pid in hosts.items()}
    took = time.monotonic() - begun
    busy, idle = (after - before for after, before in zip(cores(), machine))
    return dict(
        seconds=round(took), takeovers=len(adapter.epochs()) - first, looks=len(loads), looks_without_confirmation=alone,
        busy_of_machine=round(busy / (busy + idle), 3), load_min=min(loads), load_mean=round(sum(loads) / len(loads), 1),
        load_max=max(loads), primary=adapter.primary(),
        keeper_core_percent={host: round(100 * (spent(pid) - before[host]) / took, 2) for host, pid in hosts.items()},
        keeper_mib={host: round(kib / 1024, 1) for host, kib in memory.items()},
    )


def spent(pid):
    """Seconds of processor time of a process and of its guard, which is the same program."""
    def of(pid):
        with open(f"/proc/{pid}/stat") as file:
            words = file.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / TICK
    return of(pid) + sum(of(guard) for guard in guards(pid))


def resident(pid):
    def of(pid):
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return of(pid) + sum(of(guard) for guard in guards(pid))


def guards(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{name}/cmdline") as file:
                if parent == pid and "guard" in file.read():
                    found.append(int(name))
        except (OSError, ValueError):
            pass
    return found


def cores():
    """Busy and idle time of all cores."""
    with open("/proc/stat") as file:
        times = [int(word) for word in file.readline().split()[1:9]]
    idle = times[3] + times[4]
    return sum(times) - idle, idle


if __name__ == "__main__":
    # what was set up is taken down again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()

#!/usr/bin/env python3
"""What a write costs under a keeper, beside a pair of PostgreSQL that nobody looks after: the same server, the same settings, the
same synchronous commit, the same driver, in turns.

usage (as root):  FAULTS=…/peers/faults ONDOL=…/ondol FAULTS_DIR=… python3 cost.py --rounds 5 --seconds 10 --lab NAME --out cost.json
"""
import argparse, glob, json, os, pwd, shutil, signal, statistics, subprocess, sys, threading, time

sys.path[:0] = [os.environ["FAULTS"], os.path.dirname(os.path.abspath(__file__))]

import psycopg2
from adapters.base import IP, NET, Adapter, children, spawn
from hour import spent
from ondol import NICE, PORT, Ondol, where

SESSIONS = 4
SITE = """service = "drama"
confirm = "%s"
[left]
database = ["{n1}", "{n2}"]
[third]
witness = "{w}"
[database]
secret = "warm floor"
clients = ["10.77.0.0/24"]
"""
# what our servers are told, as far as it touches a write
SETTINGS = """listen_addresses = '*'
port = 5432
fsync = on
full_page_writes = on
synchronous_commit = on
wal_level = replica
wal_log_hints = on
hot_standby = on
hot_standby_feedback = on
max_connections = 200
shared_buffers = 128MB
max_wal_senders = 16
max_replication_slots = 16
wal_keep_size = 256MB
wal_receiver_status_interval = 1s
"""


class Pair(Adapter):
    """A primary and its synchronous replica, set up by PostgreSQL's own tools."""

    def __init__(self, lab):
        self.lab, self.up = lab, {}
        self.dir = os.path.abspath(os.path.join(os.environ["FAULTS_DIR"], f"pair-{lab}"))
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]

    def run(self, host, *words):
        done = spawn(host, list(words), f"{self.dir}/{host}.log", lab=self.lab)
        assert done.wait(120) == 0, f"{words}: see {self.dir}/{host}.log"

    def setup(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        account = pwd.getpwnam("postgres")
        for folder in [self.dir, *map(self.socket, ("n1", "n2"))]:
            os.makedirs(folder, exist_ok=True)
            os.chown(folder, account.pw_uid, account.pw_gid)
        self.run("n1", f"{self.bin}/initdb", "-D", f"{self.dir}/n1", "-k", "-A", "trust", "-U", "postgres")
        with open(f"{self.dir}/n1/postgresql.conf", "a") as file:
            file.write(SETTINGS)
        with open(f"{self.dir}/n1/pg_hba.conf", "a") as file:
            file.write("host all all 10.77.0.0/24 scram-sha-256\nhost replication all 10.77.0.0/24 trust\n")
        self.start("n1")
        self.ask("create role ondol superuser login password 'warm floor'", "create database ondol owner ondol")
        self.run("n2", f"{self.bin}/pg_basebackup", "-D", f"{self.dir}/n2", "-R", "-X", "stream", "-c", "fast", "-C", "-S", "n2", "-d",
                 f"host={IP['n1']} port={PORT} user=postgres application_name=n2")
        self.start("n2")
        self.ask("alter system set synchronous_standby_names = 'FIRST 1 (n2)'", "select pg_reload_conf()")
        while not self.ask("select 1 from pg_stat_replication where sync_state = 'sync'"):
            time.sleep(.2)

    def socket(self, host):
        return f"{self.dir}/socket-{host}"

    def start(self, host):
        self.up[host] = spawn(host, [f"{self.bin}/postgres", "-D", f"{self.dir}/{host}", "-k", self.socket(host)], f"{self.dir}/{host}.log", lab=self.lab)
        os.setpriority(os.PRIO_PROCESS, self.up[host].pid, NICE)
        for _ in range(300):
            try:
                return self.ask("select 1", host=host)
            except psycopg2.Error:
                time.sleep(.2)
        raise TimeoutError(f"{host}: see {self.dir}/{host}.log")

    def ask(self, *sentences, host="n1"):
        connection = psycopg2.connect(host=self.socket(host), port=PORT, user="postgres", dbname="postgres")
        connection.autocommit = True
        cursor = connection.cursor()
        for sentence in sentences:
            cursor.execute(sentence)
        told = cursor.fetchall() if cursor.description else None
        connection.close()
        return told

    def primary(self):
        return "n1"

    def processes(self):
        return [pid for up in self.up.values() for pid in [up.pid, *children(up.pid)]]

    def teardown(self):
        for up in reversed(self.up.values()):
            up.send_signal(signal.SIGQUIT)
            up.wait(30)


class Kept(Ondol):
    """Ours, with both databases in one site."""

    def write_file(self):
        with open(f"{self.dir}/ondol.toml", "w") as file:
            file.write(SITE.format(**IP) % self.confirm)

    def processes(self):
        return [pid for node in self.nodes for pid in self.database(node) + self.pids(node, "keeper")]


def measure(system, seconds):
    """Writes for a while: latencies in ms, and processor time of databases and keepers per write in µs."""
    latencies, stop = [], threading.Event()

    def write():
        system.enter()
        connection = psycopg2.connect(**where(system.primary()))
        connection.autocommit = True
        cursor = connection.cursor()
        while not stop.is_set():
            begun = time.perf_counter()
            cursor.execute("insert into cost(v) values (repeat('x', 200))")
            latencies.append((time.perf_counter() - begun) * 1000)
        connection.close()

    writers = [threading.Thread(target=write) for _ in range(SESSIONS)]
    for writer in writers:
        writer.start()
    time.sleep(.5)
    pids, count = system.processes(), len(latencies)
    before = sum(map(spent, pids))
    time.sleep(seconds)
    after, count = sum(map(spent, pids)), len(latencies) - count
    stop.set()
    for writer in writers:
        writer.join()
    latencies.sort()
    return dict(writes_per_s=count / seconds, median_ms=statistics.median(latencies), p99_ms=latencies[len(latencies) * 99 // 100],
                cpu_us_per_write=(after - before) * 1e6 / count)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=10)
    arguments.add_argument("--lab", default="cost")
    arguments.add_argument("--out", required=True)
    arguments = arguments.parse_args()
    systems = {"kept": Kept("cost-kept", f"{arguments.lab}1", "site"), "alone": Pair(f"{arguments.lab}2")}
    results = {name: [] for name in systems}
    try:
        for name, system in systems.items():
            environment = {**os.environ, "LAB": system.lab}
            subprocess.run([NET, "down"], env=environment)
            subprocess.check_call([NET, "up"], env=environment)
            system.enter()
            system.setup()
            connection = psycopg2.connect(**where(system.primary()))
            connection.autocommit = True
            connection.cursor().execute("create table cost(id bigserial primary key, v text)")
            connection.close()
        for _ in range(arguments.rounds):
            for name, system in systems.items():
                system.enter()
                results[name].append(measure(system, arguments.seconds))
                print(name, results[name][-1], os.getloadavg()[0], flush=True)
    finally:
        for system in systems.values():
            system.teardown()
            subprocess.run([NET, "down"], env={**os.environ, "LAB": system.lab})
    middle = {name: {key: statistics.median(r[key] for r in rows) for key in rows[0]} for name, rows in results.items()}
    middle["kept to alone"] = {key: middle["kept"][key] / middle["alone"][key] for key in middle["alone"]}
    with open(arguments.out, "w") as file:
        json.dump(dict(rounds=results, medians=middle), file, indent=1)
    print(json.dumps(middle, indent=1))


if __name__ == "__main__":
    # what was set up is taken down again
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()

"""The faults that the driver does not know: each is done up to its `yield`, and undone after it.

`it` is the stage (`history.py`): the adapter, the ground, who was primary (`old`), and who was not (`new`).
"""
import json, os, random, shutil, signal, subprocess, threading, time

import psycopg2

from adapters.base import IP

FAULTS = {}


class Fault:
    def __init__(self, act, expects, hold, etcd, ground, loses):
        self.act, self.expects, self.hold, self.etcd, self.ground, self.loses = act, expects, hold, etcd, ground, loses


def fault(expects, hold=3., etcd="w", ground=None, loses=False):
    """`expects`: "takeover" (somebody else leads), "stay" (nobody else does), or "any". `hold`: for how long the fault lasts
    after that. `etcd`: where its leader is put before. `ground`: what the lab must have: "disks" or "clocks". `loses`: a person accepts a loss in it."""
    def register(act):
        FAULTS[act.__name__.replace("_", "-")] = Fault(act, expects, hold, etcd, ground, loses)
        return act
    return register


# lines

@fault("takeover")
def oneway_out(it):
    """What the primary's site says to the others is lost; it hears them, and its clients reach it."""
    it.ground.deafen(it.old, it.new)
    it.ground.deafen(it.old, "w")
    yield
    it.adapter.heal()


@fault("takeover")
def oneway_in(it):
    """The primary's site hears nothing of the others; they hear it."""
    it.ground.deafen(it.new, it.old)
    it.ground.deafen("w", it.old)
    yield
    it.adapter.heal()


@fault("any", hold=4)
def flapping(it):
    """The primary's site comes and goes, eight times in 16 seconds."""
    for _ in range(8):
        it.adapter.cut(it.old, it.new)
        it.adapter.cut(it.old, "w")
        time.sleep(random.uniform(.5, 1.5))
        it.adapter.heal()
        time.sleep(random.uniform(.5, 1.5))
    yield


@fault("stay", hold=8)
def pair_primary(it):
    """The primary does not see the witness, where etcd's leader is and the web service runs; all others see each other."""
    it.adapter.cut(it.old, "w")
    yield
    it.adapter.heal()


@fault("stay", hold=8)
def pair_replica(it):
    """The replica does not see the witness."""
    it.adapter.cut(it.new, "w")
    yield
    it.adapter.heal()


@fault("stay", hold=8)
def bridge(it):
    """The databases see the witness only, and not each other."""
    it.adapter.cut(it.old, it.new)
    yield
    it.adapter.heal()


@fault("stay", hold=10)
def slow_primary(it):
    """The primary's line takes 60 ms in each direction."""
    it.ground.slow(it.old, 60)
    yield
    it.ground.fast()


@fault("takeover")
def slow_crash(it):
    """The replica's line takes 40 ms in each direction when the primary's host goes."""
    it.ground.slow(it.new, 40)
    time.sleep(3)
    it.mark()
    it.ground.kill(it.old)
    yield
    it.ground.fast()
    it.adapter.start(it.old)


# hosts and processes

@fault("takeover", etcd="old")
def host_killed(it):
    """Everything on the primary's host is killed, with etcd's leader."""
    it.ground.kill(it.old)
    yield
    it.adapter.start(it.old)


@fault("takeover", hold=4)
def suspended(it):
    """The primary's host stands still as a whole, and wakes after the takeover."""
    it.ground.suspend(it.old)
    yield
    it.ground.resume()
    time.sleep(6)


@fault("any")
def backend_killed(it):
    """One process of the primary's database is killed, as by the kernel when memory is short."""
    rows = it.adapter.ask(it.old, "select pid from pg_stat_activity where application_name = 'writer' and pid <> pg_backend_pid()")
    os.kill(random.choice(rows)[0], signal.SIGKILL)
    yield


@fault("stay", hold=3)
def guard_killed(it):
    """What guards the primary beside its keeper is killed."""
    for pid in it.ground.processes(it.old):
        if "guard" in arguments(pid):
            os.kill(pid, signal.SIGKILL)
    yield


@fault("any")
def crash_loop(it):
    """The primary's database is killed each time that it comes up, for ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        it.adapter.sig(it.old, "db", signal.SIGKILL)
        time.sleep(.3)
    yield


@fault("any")
def both_killed(it):
    """Both hosts with a database are killed at once, and come back after three seconds."""
    it.ground.kill(it.old)
    it.ground.kill(it.new)
    time.sleep(3)
    it.adapter.start(it.old)
    it.adapter.start(it.new)
    yield


@fault("any")
def promotion_killed(it):
    """The host that is about to take over is killed while it does."""
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    until = time.monotonic() + 20
    while time.monotonic() < until and it.adapter.primary() != it.new:
        time.sleep(.02)
    time.sleep(random.uniform(0, .6))
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    time.sleep(2)
    it.adapter.start(it.new)
    it.adapter.start(it.old)
    yield


@fault("takeover")
def return_killed(it):
    """The old primary is killed three times more while it comes back as a replica."""
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    yield
    for _ in range(3):
        it.adapter.start(it.old)
        time.sleep(random.uniform(.5, 3))
        it.adapter.sig(it.old, "all", signal.SIGKILL)
        time.sleep(.5)
    it.adapter.start(it.old)


@fault("stay", hold=6)
def receiver_stopped(it):
    """The process that receives the log on the replica stands still, alone."""
    pids = [pid for pid in it.adapter.database(it.new) if "walreceiver" in arguments(pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


@fault("stay")
def receiver_killed(it):
    """The process that receives the log on the replica is killed."""
    for pid in it.adapter.database(it.new):
        if "walreceiver" in arguments(pid):
            os.kill(pid, signal.SIGKILL)
    yield


@fault("stay", hold=20)
def full_load(it):
    """Eight processes that only compute, for twenty seconds."""
    burners = [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(8)]
    yield
    for burner in burners:
        burner.kill()
        burner.wait()


# etcd

@fault("stay", hold=6)
def etcd_killed(it):
    """The member of etcd that leads is killed; it is started again by its host."""
    it.adapter.sig("w", "etcd", signal.SIGKILL)
    yield


@fault("stay")
def voice_removed(it):
    """The replica's member of etcd is removed from among the others by hand; it comes in anew by itself."""
    def members():
        told = json.loads(it.adapter.etcdctl("w", "member", "list", "-w", "json") or "{}")
        return [member for member in told.get("members", []) if any(IP[it.new] in url for url in member.get("clientURLs", []))]
    removed = members()[0]["ID"]
    it.adapter.etcdctl("w", "member", "remove", format(removed, "x"))
    yield
    it.adapter.wait(lambda: [member["ID"] for member in members()] not in ([], [removed]), 60, "its etcd takes part again")


@fault("any", hold=6, etcd="old")
def etcd_stopped(it):
    """The member of etcd that leads, on the primary's host, stands still for some seconds."""
    it.adapter.sig(it.old, "etcd", signal.SIGSTOP)
    time.sleep(5)
    yield
    it.adapter.sig(it.old, "etcd", signal.SIGCONT)


@fault("any", hold=1)
def quorum_lost(it):
    """Two of three members of etcd stand still for eight seconds."""
    for host in ("w", it.new):
        it.adapter.sig(host, "etcd", signal.SIGSTOP)
    time.sleep(8)
    for host in ("w", it.new):
        it.adapter.sig(host, "etcd", signal.SIGCONT)
    yield


@fault("any")
def lease_revoked(it):
    """Somebody takes the primary's lease away by hand."""
    it.adapter.etcdctl("w", "lease", "revoke", format(it.adapter.lease(), "x"))
    yield


@fault("stay")
def etcd_moved(it):
    """etcd's leader is moved from host to host, six times."""
    for host in (it.old, it.new, "w") * 2:
        it.adapter.etcd_leads(host)
        time.sleep(.4)
    yield


@fault("stay", hold=8)
def replica_wiped(it):
    """The replica's host loses everything, its etcd too, and is started anew."""
    it.ground.kill(it.new)
    it.adapter.wipe(it.new)
    time.sleep(3)
    it.adapter.start(it.new)
    yield


# disks

@fault("takeover", hold=4, ground="disks")
def disk_full(it):
    """Not a block is left on the primary's disk, where etcd's data lie too."""
    it.ground.fill(it.old)
    yield
    it.ground.empty(it.old)


@fault("stay", hold=8, ground="disks")
def replica_disk_full(it):
    """Not a block is left on the replica's disk."""
    it.ground.fill(it.new)
    yield
    it.ground.empty(it.new)


@fault("takeover", hold=8, ground="disks")
def disk_hung(it):
    """The primary's disk takes nothing any more, and does not say no."""
    it.ground.hang(it.old)
    yield
    it.ground.thaw_disks()


@fault("stay", hold=10, ground="disks")
def replica_disk_hung(it):
    """The replica's disk takes nothing any more."""
    it.ground.hang(it.new)
    yield
    it.ground.thaw_disks()


# clocks

@fault("stay", hold=4, ground="clocks")
def clock_stepped(it):
    """The primary's time of day goes an hour forward, then two back, then right again."""
    for seconds in (3600, -3600, 0):
        it.ground.step(it.old, seconds)
        time.sleep(3)
    yield


# what people and clients do

@fault("takeover")
def busy_switchover(it):
    """A planned change while a long transaction writes on the primary and a long question is asked of the replica."""
    long = it.adapter.connect(it.old)
    long.cursor().execute("begin; insert into ha_w(run,node,wid,seq) values('long','',0,0)")
    question = it.adapter.connect(it.new)
    asks = threading.Thread(target=quietly, args=(question.cursor().execute, "select pg_sleep(30)"), daemon=True)
    asks.start()
    it.mark()
    it.say(it.adapter.switchover(it.old, it.new))
    yield
    quietly(long.close)  # the question ends by itself


@fault("any")
def switchover_twice(it):
    """A planned change, and back at once."""
    it.say(it.adapter.switchover(it.old, it.new))
    it.say(it.adapter.switchover(it.new, it.old))
    yield


@fault("takeover")
def cancels_and_crash(it):
    """Commits are cancelled by the hundred while the replica stands still, then the primary is killed."""
    stop = threading.Event()
    storm = threading.Thread(target=cancel, args=(it, stop), daemon=True)
    storm.start()
    time.sleep(2)
    it.adapter.sig(it.new, "db", signal.SIGSTOP)
    time.sleep(.7)
    it.mark()
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    it.adapter.sig(it.new, "db", signal.SIGCONT)
    stop.set()
    yield
    it.adapter.start(it.old)


@fault("takeover")
def paused_replay(it):
    """Somebody has paused the replica's replay when the primary is killed."""
    it.adapter.ask_within(it.new, "select pg_wal_replay_pause()")
    time.sleep(1)
    it.mark()
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    yield
    it.adapter.start(it.old)


@fault("stay", hold=6)
def name_taken(it):
    """A second host comes up under the replica's name."""
    other = it.adapter.impostor(it.new)
    yield
    it.adapter.dismiss(other)


@fault("stay", hold=8)
def stranger(it):
    """The replica's data are replaced by those of another service."""
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    it.adapter.replace_by_stranger(it.new)
    it.adapter.start(it.new)
    yield
    # it is not for a program to throw away what may be somebody's: a person moves it aside
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    it.adapter.wipe(it.new, "postgres")
    it.adapter.start(it.new)


@fault("stay", hold=4)
def old_copy(it):
    """The replica's data are replaced by an older copy of themselves."""
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    copy, now = it.adapter.copy_of_data(it.new)
    it.adapter.start(it.new)
    time.sleep(5)
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    shutil.rmtree(now)
    os.rename(copy, now)
    it.adapter.start(it.new)
    yield


@fault("takeover", loses=True)
def loss_accepted(it):
    """The primary goes on alone and is lost; a person lets the other one lead, and what only the lost one had is kept aside."""
    it.adapter.sig(it.new, "all", signal.SIGKILL)
    time.sleep(6)
    it.mark()
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    it.adapter.start(it.new)
    time.sleep(10)
    it.say(f"before a person spoke, {it.adapter.primary()} led")
    it.say(it.adapter.command("takeover", "--to", IP[it.new], "--accept-loss", "--yes"))
    yield
    it.adapter.start(it.old)
    it.adapter.wait(lambda: it.adapter.healthy()[0], 120, "all is well after a loss")
    it.say(f"kept aside: {len(it.adapter.kept_aside(it.old))} files")


# two at once

@fault("takeover", etcd="w")
def crash_and_etcd(it):
    """The primary is killed, and etcd's leader on another host."""
    it.adapter.sig("w", "etcd", signal.SIGKILL)
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    yield
    it.adapter.start(it.old)


@fault("takeover")
def crash_and_cut(it):
    """The primary is killed while the replica does not see the witness."""
    it.adapter.cut(it.new, "w")
    it.adapter.sig(it.old, "all", signal.SIGKILL)
    yield
    it.adapter.heal()
    it.adapter.start(it.old)


@fault("any")
def cut_during_return(it):
    """The primary's host is killed; while it comes back, the new primary is cut off from everybody for four seconds."""
    it.ground.kill(it.old)
    until = time.monotonic() + 20
    while time.monotonic() < until and it.adapter.primary() != it.new:
        time.sleep(.05)
    it.adapter.start(it.old)
    time.sleep(random.uniform(0, 3))
    it.adapter.cut(it.new, "w")
    it.adapter.cut(it.new, it.old)
    time.sleep(4)
    it.adapter.heal()
    yield


# parts of them

def cancel(it, stop):
    while not stop.is_set():
        quietly(it.adapter.ask_within, it.old, "select pg_cancel_backend(pid) from pg_stat_activity "
                "where application_name = 'writer' and random() < .5 and state = 'active'")
        time.sleep(.02)


def quietly(do, *arguments):
    try:
        do(*arguments)
    except psycopg2.Error:
        pass


def arguments(pid):
    try:
        with open(f"/proc/{pid}/cmdline") as file:
            return file.read().replace("\0", " ")
    except OSError:
        return ""

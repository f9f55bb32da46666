"""The ground that the hosts stand on, and what can be done to it: lines that are cut in one direction or are slow, disks that
are full or hang, hosts that stand still as a whole, clocks that step.

It adds to the driver's own namespaces (`net.sh`); everything is found and undone by the lab's name.
"""
import os, shutil, signal, subprocess, sys

from adapters.base import IP

# sparse files with a filesystem in each, so that a disk can be filled and frozen
DISK_MIB = 1400
SLOW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow.py")
FREEZER = "/sys/fs/cgroup/freezer"
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def sh(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


class Ground:
    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.slowed, self.disks, self.frozen = {}, {}, set()

    def namespace(self, host):
        return f"ha{self.lab}-{host}"

    def processes(self, host):
        """Everything that runs on the host."""
        return [int(pid) for pid in sh("ip", "netns", "pids", self.namespace(host)).split()]

    # lines

    def deafen(self, source, target):
        """What `source` says to `target` is dropped; the other direction is left."""
        sh("ip", "netns", "exec", self.namespace("sw"), "nft", "add", "rule", "bridge", "ha", "parted",
           "ip", "saddr", IP[source], "ip", "daddr", IP[target], "drop")

    def slow(self, host, milliseconds):
        """The host's line takes so much longer in each direction: this kernel has no netem, so a process carries the frames."""
        switch = self.namespace("sw")
        sh("ip", "-n", switch, "link", "add", f"q-{host}", "type", "veth", "peer", "name", f"r-{host}")
        sh("ip", "-n", switch, "link", "set", f"p-{host}", "nomaster")
        sh("ip", "-n", switch, "link", "set", f"r-{host}", "master", "br0", "up")
        sh("ip", "-n", switch, "link", "set", f"q-{host}", "up")
        command = ["ip", "netns", "exec", switch, sys.executable, SLOW, f"p-{host}", f"q-{host}", str(milliseconds)]
        self.slowed[host] = subprocess.Popen(command)

    def fast(self):
        for host, carrier in self.slowed.items():
            carrier.kill()
            carrier.wait()
            sh("ip", "-n", self.namespace("sw"), "link", "set", f"p-{host}", "master", "br0")
            sh("ip", "-n", self.namespace("sw"), "link", "del", f"q-{host}")
        self.slowed = {}

    # disks

    def make_disk(self, host, account):
        """The host's folder on a disk of its own."""
        at, image = f"{self.folder}/{host}", f"{self.folder}/{host}.disk"
        with open(image, "wb") as file:
            file.truncate(DISK_MIB << 20)
        sh("mkfs.ext4", "-q", "-F", "-m", "0", image)
        sh("mount", "-o", "loop", image, at)
        self.disks[host] = at
        shutil.rmtree(f"{at}/lost+found", ignore_errors=True)
        os.chown(at, account.pw_uid, account.pw_gid)

    def fill(self, host):
        """Not one block is left on the disk."""
        with open(f"{self.disks[host]}/filler", "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def empty(self, host):
        if os.path.exists(f"{self.disks[host]}/filler"):
            os.unlink(f"{self.disks[host]}/filler")

    def hang(self, host):
        """Whatever writes to the disk waits, and can't be killed while it does."""
        sh("fsfreeze", "-f", self.disks[host])

    def thaw_disks(self):
        for at in self.disks.values():
            sh("fsfreeze", "-u", at, check=False)

    # hosts as a whole

    def suspend(self, host):
        """All that runs on the host stands still at once, its guards and its etcd too."""
        self.frozen.add(host)
        if not os.path.isdir(FREEZER):
            # one after the other, where the kernel can't freeze them at once
            return self.signal(host, signal.SIGSTOP)
        group = f"{FREEZER}/{self.namespace(host)}"
        os.makedirs(group, exist_ok=True)
        # what they start meanwhile is in the group already
        for _ in range(2):
            for pid in self.processes(host):
                try:
                    with open(f"{group}/cgroup.procs", "w") as file:
                        file.write(str(pid))
                except OSError:
                    pass
        with open(f"{group}/freezer.state", "w") as file:
            file.write("FROZEN")

    def resume(self):
        for host in self.frozen:
            if not os.path.isdir(FREEZER):
                self.signal(host, signal.SIGCONT)
                continue
            with open(f"{FREEZER}/{self.namespace(host)}/freezer.state", "w") as file:
                file.write("THAWED")

    def signal(self, host, what):
        for pid in self.processes(host):
            try:
                os.kill(pid, what)
            except ProcessLookupError:
                pass

    def kill(self, host):
        """A power cut, as far as processes go."""
        for _ in range(3):
            self.signal(host, signal.SIGKILL)

    # clocks

    def clock(self, host):
        """What makes the host's program read its time of day from a file."""
        self.step(host, 0)
        return {"LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": self.clock_file(host), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1"}

    def step(self, host, seconds):
        with open(self.clock_file(host), "w") as file:
            file.write(f"{seconds:+d}")
        os.chmod(self.clock_file(host), 0o644)

    def clock_file(self, host):
        return f"{self.folder}/{host}.clock"

    # all of it

    def mend(self):
        self.resume()
        self.thaw_disks()
        self.fast()

    def clear(self):
        self.mend()
        for at in self.disks.values():
            sh("umount", "-l", at, check=False)
        self.disks = {}
        for host in self.frozen:
            sh("rmdir", f"{FREEZER}/{self.namespace(host)}", check=False)

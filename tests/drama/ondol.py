"""Ondol as the fault driver knows a system: `ondol up` on n1, n2 and w, in the driver's namespaces.

`FAULTS` names the folder of the driver, `ONDOL` the program, `FAULTS_DIR` where data and logs go.
"""
import base64, glob, json, os, pwd, shutil, signal, subprocess, threading, time

import psycopg2

from adapters.base import IP, Adapter, children, spawn
from ground import Ground

SECRET = "warm floor"
SERVICE = "drama"
PORT = 5432
NICE = -10
WEB = 8090
# longest that a killed program may take to be gone, in seconds
GONE = 60
# how soon one that has ended by itself is started again, as the unit that ships says, in seconds
AGAIN = 1
FILE = f"""service = "{SERVICE}"
confirm = "%s"
%s%s[third]
witness = "{IP['w']}"
web = "{IP['w']}"
[database]
secret = "{SECRET}"
clients = ["10.77.0.0/24"]
"""
# both in one site where the site's own confirmation is enough, else one in each
TOGETHER = f"""[left]
database = ["{IP['n1']}", "{IP['n2']}"]
"""
APART = f"""[left]
database = "{IP['n1']}"
[right]
database = "{IP['n2']}"
"""


class Session:
    """One session of SQL, pinned to a node. `reigns` learns on which line of history each write lies."""

    def __init__(self, node, run, place, reigns):
        self.node, self.run, self.reigns = node, run, reigns
        self.connection = psycopg2.connect(**place)
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute("select pg_is_in_recovery()")

    def write(self, worker, number):
        del self.connection.notices[:]
        self.cursor.execute("insert into ha_w(run,node,wid,seq) values(%s,%s,%s,%s) "
                            "returning left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)",
                            (self.run, self.node, worker, number))
        self.reigns[self.run, self.node, worker, number] = int(self.cursor.fetchone()[0], 16)
        return any("synchronous" in notice or "replicated" in notice for notice in self.connection.notices)

    def close(self):
        try:
            self.connection.close()
        except psycopg2.Error:
            pass


def where(node):
    return dict(host=IP[node], port=PORT, user="ondol", password=SECRET, dbname="ondol", connect_timeout=2,
                tcp_user_timeout=3000, keepalives_idle=2, keepalives_interval=1, keepalives_count=3,
                gssencmode="disable", sslmode="require", application_name="writer")


class Unit(threading.Thread):
    """Starts again what has ended by itself, as the unit that ships does; what was killed is the fault's to start."""

    def __init__(self, adapter):
        super().__init__(daemon=True)
        self.adapter, self.halt, self.ended = adapter, threading.Event(), []

    def run(self):
        while not self.halt.wait(AGAIN):
            for host, up in list(self.adapter.up.items()):
                if up.poll() not in (None, -signal.SIGKILL):
                    self.ended.append(f"{host} ended with {up.returncode}")
                    self.adapter.start(host)

    def told(self):
        """What has ended since this was asked last."""
        ended, self.ended = self.ended, []
        return ended

    def end(self):
        self.halt.set()
        if self.is_alive():
            self.join(8)


class Ondol(Adapter):
    hosts = ["n1", "n2", "w"]
    # faults that are not for it
    lacks = set()

    def __init__(self, name="ondol", lab="", confirm="abroad", has=(), reads="wait"):
        """`reads` as in the service file. `has`: "disks" gives each host a disk of its own, "clocks" a time of day of its own."""
        self.name, self.lab, self.confirm, self.has = name, lab, confirm, has
        self.policy = (confirm, f'reads = "{reads}"\n' if reads != "wait" else "", TOGETHER if confirm == "site" else APART)
        self.program = os.environ["ONDOL"]
        self.dir = os.path.abspath(os.path.join(os.environ.get("FAULTS_DIR", ".lab"), name))
        self.ground = Ground(lab, self.dir)
        self.up, self.seen_reigns = {}, {}
        self.starting, self.unit = threading.Lock(), Unit(self)

    # life cycle

    def setup(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        account = pwd.getpwnam("postgres")
        for folder in [self.dir, *(f"{self.dir}/{host}" for host in self.hosts)]:
            os.makedirs(folder)
            os.chown(folder, account.pw_uid, account.pw_gid)
        for node in self.nodes if "disks" in self.has else []:
            self.ground.make_disk(node, account)
        self.write_file()
        for host in self.hosts:
            self.start(host)
        self.unit.start()
        self.wait(lambda: self.healthy()[0], 120, "all is well")
        self.make_table()

    def make_table(self):
        self.ask(self.primary(), "create table if not exists ha_w(run text, node text, wid int, seq int, "
                 "at timestamptz default clock_timestamp(), primary key(run, node, wid, seq))")

    def write_file(self):
        with open(f"{self.dir}/ondol.toml", "w") as file:
            file.write(FILE % self.policy)

    def teardown(self):
        self.unit.end()
        self.ground.mend()
        for host in self.hosts:
            self.sig(host, "all", signal.SIGCONT)
        for up in self.up.values():
            up.terminate()
        for up in self.up.values():
            try:
                up.wait(30)
            except subprocess.TimeoutExpired:
                up.kill()
        for host in self.hosts:
            self.sig(host, "all", signal.SIGKILL)
            self.sig(host, "etcd", signal.SIGKILL)
        self.up = {}
        self.ground.clear()

    def start(self, host):
        # both a fault and the unit may want it
        with self.starting:
            up = self.up.get(host)
            if up and up.poll() is None:
                return
            command = [self.program, "up", "--file", f"{self.dir}/ondol.toml", "--dir", f"{self.dir}/{host}"]
            if "clocks" in self.has and host in self.nodes:
                # for the program alone, not for what starts it
                command = ["env", *(f"{name}={value}" for name, value in self.ground.clock(host).items()), *command]
            self.up[host] = spawn(host, command, f"{self.dir}/{host}.log", lab=self.lab)
            # as the unit that ships says
            os.setpriority(os.PRIO_PROCESS, self.up[host].pid, NICE)

    def sig(self, host, what, which):
        # the one that is there now: the unit may put another in its place
        up = self.up.get(host)
        super().sig(host, what, which)
        if which == signal.SIGKILL and what in ("all", "keeper") and up:
            # whoever is still writing to a busy disk is gone only after that, and is not started again before
            up.wait(GONE)

    def pids(self, host, what="all"):
        found = []
        up = self.up.get(host)
        if what in ("all", "keeper") and up and up.poll() is None:
            found.append(up.pid)
        if what in ("all", "db"):
            found += self.database(host)
        if what == "etcd":
            found += [pid for pid in [number(f"{self.dir}/{host}/etcd.pid")] if pid and "etcd" in comm(pid)]
        return found

    def database(self, host):
        postmaster = number(f"{self.dir}/{host}/postgres/data/postmaster.pid")
        if not postmaster or "postgres" not in comm(postmaster):
            return []
        return [postmaster, *children(postmaster)]

    # its own opinion, asked of etcd and of the servers themselves

    def primary(self):
        leader = self.document("leader")
        return leader and node_of(leader["host"])

    def healthy(self):
        leader, sync = self.document("leader"), self.document("sync")
        if not leader or not sync:
            return False, f"no primary: {leader} {sync}"
        primary = node_of(leader["host"])
        other = [node for node in self.nodes if node != primary][0]
        if set(sync["eligible"]) != {IP[node] for node in self.nodes}:
            return False, f"eligible are {sync['eligible']}"
        try:
            if self.follows(primary):
                return False, f"{primary} does not take writes yet"
            if not self.follows(other):
                return False, f"{other} takes writes"
        except Exception as error:
            # of whichever driver: it is told, and asked again
            return False, repr(error)
        return True, primary

    def follows(self, node):
        return self.ask(node, "select pg_is_in_recovery()")[0][0]

    def document(self, key):
        environment = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        endpoints = ",".join(f"https://{IP[host]}:2379" for host in self.hosts)
        command = ["ip", "netns", "exec", f"ha{self.lab}-c", "etcdctl", *self.papers(), "--endpoints", endpoints,
                   "--command-timeout=3s",
                   "get", f"/ondol/{SERVICE}/{key}", "--print-value-only"]
        told = subprocess.run(command, capture_output=True, text=True, env=environment)
        return json.loads(told.stdout) if told.returncode == 0 and told.stdout.strip() else None

    def papers(self):
        """A host's own: nobody else is heard by etcd."""
        keys = f"{self.dir}/w/keys"
        return ["--cacert", f"{keys}/authority.pem", "--cert", f"{keys}/host.pem", "--key", f"{keys}/host.key"]

    def connect(self, node, inside=False):
        connection = psycopg2.connect(**self.place(node, inside))
        connection.autocommit = True
        return connection

    def place(self, node, inside):
        """Where a database is reached: over the network, or through its own socket on its host, as a superuser."""
        if not inside:
            return where(node)
        return dict(host=f"{self.dir}/{node}/postgres/run", port=PORT, user="postgres", dbname="ondol", connect_timeout=2,
                    application_name="probe")

    def ask(self, node, sql, *values):
        return self.answer(self.connect(node), sql, values)

    def ask_within(self, node, sql, *values):
        return self.answer(self.connect(node, inside=True), sql, values)

    def answer(self, connection, sql, values):
        try:
            cursor = connection.cursor()
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def wait(self, is_so, seconds, what):
        until, last = time.time() + seconds, None
        while time.time() < until:
            try:
                if is_so():
                    return
            except Exception as error:
                last = error
            time.sleep(.25)
        raise TimeoutError(f"{what}: {self.healthy()}; last error: {last!r}")

    def what_opens(self, own):
        """What of the databases opens to somebody without the hosts' secret; each in a few words."""
        from outsider import what_databases_open
        return what_databases_open(self, own)

    # what the driver does to it

    def switchover(self, source, target):
        return self.command("takeover", "--to", IP[target])

    def command(self, *words, host="w", stdin=None):
        command = ["ip", "netns", "exec", f"ha{self.lab}-{host}", self.program, *words, "--file", f"{self.dir}/ondol.toml"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, input=stdin)
        return told.stdout + told.stderr

    def session(self, node, run, inside=False):
        return Session(node, run, self.place(node, inside), self.seen_reigns)

    def reigns(self, run):
        """On which line of history each write of a run lies, by node, writer and number."""
        return {key[1:]: reign for key, reign in self.seen_reigns.items() if key[0] == run}

    def read_ids(self, node, run):
        """What is kept of a run; on a machine that is full a connection may want more than one try."""
        found = []
        self.wait(lambda: found.append(self.ask(node, "select node,wid,seq from ha_w where run=%s", run)) or True, 30,
                  f"{node} can be read")
        return {tuple(row) for row in found[0]}

    def prepare_site_loss(self, node):
        """The site that is to vanish has etcd's leader too, as far as the keeper leaves it there."""
        self.etcd_leads(node)

    def lease(self):
        """The lease that the leader key lies on."""
        told = json.loads(self.etcdctl("n1", "get", f"/ondol/{SERVICE}/leader", "-w", "json"))
        return told["kvs"][0]["lease"]

    def epochs(self):
        """Every reign that is written down: its epoch, host and line of history, in order."""
        told = json.loads(self.etcdctl("w", "get", f"/ondol/{SERVICE}/history/", "--prefix", "-w", "json") or "{}")
        reigns = []
        for pair in told.get("kvs", []):
            epoch = int(base64.b64decode(pair["key"]).decode().rsplit("/", 1)[1])
            value = json.loads(base64.b64decode(pair["value"]))
            reigns.append((epoch, value["host"], value["position"]["timeline"]))
        return sorted(reigns)

    def sizes(self):
        """What must not grow without end: keys in etcd beside the history of reigns, slots, and the log."""
        told = json.loads(self.etcdctl("w", "get", "/", "--prefix", "--keys-only", "-w", "json") or "{}")
        keys = [base64.b64decode(pair["key"]).decode() for pair in told.get("kvs", [])]
        slots, log = self.measure()
        return dict(keys=len([key for key in keys if "/history/" not in key]), slots=slots, log_mib=int(log) >> 20)

    def measure(self):
        """The most slots, and the most bytes of log, that a database has."""
        slots, log = 0, 0
        for node in self.nodes:
            slots = max(slots, self.try_to(lambda: self.ask_within(node, "select count(*) from pg_replication_slots")[0][0]) or 0)
            log = max(log, self.try_to(lambda: self.ask_within(node, "select sum(size) from pg_ls_waldir()")[0][0]) or 0)
        return slots, log

    def try_to(self, do):
        try:
            return do()
        except psycopg2.Error:
            return None

    # what a host's data may meet

    def wipe(self, host, what=""):
        """What the host has is gone: all of it, or one folder."""
        folder = f"{self.dir}/{host}/{what}".rstrip("/")
        for name in [folder] if what else [f"{folder}/{name}" for name in os.listdir(folder)]:
            shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)

    def replace_by_stranger(self, host):
        data = f"{self.dir}/{host}/postgres/data"
        shutil.rmtree(data)
        initdb = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))[-1]
        subprocess.run(["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", initdb, "-D", data, "-k", "-U",
                        "postgres"], check=True, capture_output=True, cwd="/")

    def copy_of_data(self, host):
        data = f"{self.dir}/{host}/postgres/data"
        subprocess.run(["cp", "-a", data, f"{data}.old"], check=True)
        return f"{data}.old", data

    def kept_aside(self, host):
        """What of the host's log was taken back, and lies there for whoever wants to know."""
        return glob.glob(f"{self.dir}/{host}/postgres/audit/**/0*", recursive=True)

    def impostor(self, host):
        """A second program under the host's name, on the host of the clients."""
        folder = f"{self.dir}/impostor"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        command = [self.program, "up", "--file", f"{self.dir}/ondol.toml", "--dir", folder, "--as", IP[host]]
        return spawn("c", command, f"{self.dir}/impostor.log", lab=self.lab)

    def dismiss(self, impostor):
        impostor.terminate()
        try:
            impostor.wait(20)
        except subprocess.TimeoutExpired:
            impostor.kill()

    def etcd_leads(self, node):
        members = json.loads(self.etcdctl("w", "member", "list", "-w", "json"))["members"]
        ids = {member["name"]: format(member["ID"], "x") for member in members}
        for host in self.hosts:
            status = json.loads(self.etcdctl(host, "endpoint", "status", "-w", "json") or "[]")
            if status and status[0]["Status"]["leader"] == status[0]["Status"]["header"]["member_id"]:
                if host != node:
                    self.etcdctl(host, "move-leader", ids[IP[node]])
                return

    def etcdctl(self, host, *words):
        command = ["ip", "netns", "exec", f"ha{self.lab}-c", "etcdctl", *self.papers(), "--endpoints", f"https://{IP[host]}:2379",
                   "--command-timeout=3s", *words]
        environment = {"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        return subprocess.run(command, capture_output=True, text=True, env=environment).stdout


def node_of(address):
    return next(node for node, ip in IP.items() if ip == address)


def number(path):
    try:
        with open(path) as file:
            return int(file.readline())
    except (OSError, ValueError):
        return None


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read()
    except OSError:
        return ""

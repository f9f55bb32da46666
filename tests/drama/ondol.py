"""Ondol as the fault driver knows a system: `ondol up` on n1, n2 and w, in the driver's namespaces.

`FAULTS` names the folder of the driver, `ONDOL` the program, `FAULTS_DIR` where data and logs go.
"""
import json, os, pwd, shutil, signal, subprocess, time

import psycopg2

from adapters.base import IP, Adapter, children, spawn

SECRET = "warm floor"
SERVICE = "drama"
PORT = 5432
WEB = 8090
FILE = f"""service = "{SERVICE}"
confirm = "%s"
[left]
database = "{IP['n1']}"
[right]
database = "{IP['n2']}"
[third]
witness = "{IP['w']}"
web = "{IP['w']}"
[database]
secret = "{SECRET}"
clients = ["10.77.0.0/24"]
"""


class Session:
    """One session of SQL, pinned to a node."""

    def __init__(self, node, run):
        self.node, self.run = node, run
        self.connection = psycopg2.connect(**where(node))
        self.connection.autocommit = True
        self.cursor = self.connection.cursor()
        self.cursor.execute("select pg_is_in_recovery()")

    def write(self, worker, number):
        del self.connection.notices[:]
        self.cursor.execute("insert into ha_w(run,node,wid,seq) values(%s,%s,%s,%s)", (self.run, self.node, worker, number))
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


class Ondol(Adapter):
    hosts = ["n1", "n2", "w"]

    def __init__(self, name="ondol", lab="", confirm="abroad"):
        self.name, self.lab, self.confirm = name, lab, confirm
        self.program = os.environ["ONDOL"]
        self.dir = os.path.abspath(os.path.join(os.environ.get("FAULTS_DIR", ".lab"), name))
        self.up = {}

    # life cycle

    def setup(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        account = pwd.getpwnam("postgres")
        for folder in [self.dir, *(f"{self.dir}/{host}" for host in self.hosts)]:
            os.makedirs(folder)
            os.chown(folder, account.pw_uid, account.pw_gid)
        with open(f"{self.dir}/ondol.toml", "w") as file:
            file.write(FILE % self.confirm)
        for host in self.hosts:
            self.start(host)
        self.wait(lambda: self.healthy()[0], 120, "all is well")
        self.ask(self.primary(), "create table if not exists ha_w(run text, node text, wid int, seq int, "
                 "at timestamptz default clock_timestamp(), primary key(run, node, wid, seq))")

    def teardown(self):
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

    def start(self, host):
        up = self.up.get(host)
        if up and up.poll() is None:
            return
        command = [self.program, "up", "--file", f"{self.dir}/ondol.toml", "--dir", f"{self.dir}/{host}"]
        self.up[host] = spawn(host, command, f"{self.dir}/{host}.log", lab=self.lab)

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
            if self.ask(primary, "select pg_is_in_recovery()")[0][0]:
                return False, f"{primary} does not take writes yet"
            if not self.ask(other, "select pg_is_in_recovery()")[0][0]:
                return False, f"{other} takes writes"
        except psycopg2.Error as error:
            return False, repr(error)
        return True, primary

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

    def ask(self, node, sql, *values):
        connection = psycopg2.connect(**where(node))
        connection.autocommit = True
        try:
            cursor = connection.cursor()
            cursor.execute(sql, values or None)
            return cursor.fetchall() if cursor.description else None
        finally:
            connection.close()

    def wait(self, is_so, seconds, what):
        until = time.time() + seconds
        while time.time() < until:
            try:
                if is_so():
                    return
            except Exception:
                pass
            time.sleep(.25)
        raise TimeoutError(f"{what}: {self.healthy()}")

    # what the driver does to it

    def switchover(self, source, target):
        return self.command("takeover", "--to", IP[target])

    def command(self, *words, host="w", stdin=None):
        command = ["ip", "netns", "exec", f"ha{self.lab}-{host}", self.program, *words, "--file", f"{self.dir}/ondol.toml"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=120, input=stdin)
        return told.stdout + told.stderr

    def session(self, node, run):
        return Session(node, run)

    def read_ids(self, node, run):
        return {tuple(row) for row in self.ask(node, "select node,wid,seq from ha_w where run=%s", run)}

    def prepare_site_loss(self, node):
        """The site that is to vanish has etcd's leader too, as far as the keeper leaves it there."""
        self.etcd_leads(node)

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

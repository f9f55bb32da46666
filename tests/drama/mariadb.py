"""Ondol with MariaDB under it, as the fault driver knows a system."""
import ctypes, glob, os, ssl, threading

import pymysql

from adapters.base import IP
from ondol import FILE, SECRET, Ondol, comm, number

PORT = 3306
# what is done through PostgreSQL's own words or processes, and has no like here yet
POSTGRES_ONLY = {"backend-killed", "receiver-stopped", "receiver-killed", "busy-switchover", "cancels-and-crash", "paused-replay",
                 "stranger", "old-copy"}
_libc = ctypes.CDLL("libc.so.6", use_errno=True)
_here = threading.local()


class Session:
    """One session of SQL, pinned to a node. `reigns` learns on which line of history each write lies."""

    def __init__(self, connection, node, run, reigns):
        self.connection, self.node, self.run, self.reigns = connection, node, run, reigns
        self.cursor = connection.cursor()
        self.cursor.execute("select max(timeline) from ondol_keeper.reign")

    def write(self, worker, number):
        self.cursor.execute("insert into ha_w(run,node,wid,seq) values(%s,%s,%s,%s)", (self.run, self.node, worker, number))
        # asked after the answer: on a connection of this reign it is this reign's
        self.cursor.execute("select max(timeline) from ondol_keeper.reign")
        self.reigns[self.run, self.node, worker, number] = self.cursor.fetchone()[0]
        return False

    def close(self):
        try:
            self.connection.close()
        except pymysql.Error:
            pass


class OndolOnMariaDb(Ondol):
    lacks = POSTGRES_ONLY

    def write_file(self):
        with open(f"{self.dir}/ondol.toml", "w") as file:
            file.write(FILE.replace("[database]", "[database]\nengine = \"mariadb\"") % self.policy)

    def make_table(self):
        for node in self.nodes:
            connection = self.own(node)
            cursor = connection.cursor()
            cursor.execute("set sql_log_bin = 0")
            cursor.execute("select host from mysql.global_priv where user = 'ondol'")
            for (host,) in cursor.fetchall():
                cursor.execute("grant select on ondol_keeper.* to 'ondol'@%s", (host,))
            connection.close()
        self.ask(self.primary(), "create table if not exists ha_w(run varchar(80), node varchar(8), wid int, seq int, "
                 "at timestamp(6) default current_timestamp(6), primary key(run, node, wid, seq))")

    def database(self, host):
        server = number(f"{self.dir}/{host}/mariadb/run/mariadb.pid")
        return [server] if server and "mariadbd" in comm(server) else []

    def follows(self, node):
        return self.ask(node, "select @@global.read_only")[0][0] != 0

    def connect(self, node, inside=False):
        if inside:
            self.go_to(node)
        context = ssl.create_default_context(cafile=f"{self.dir}/w/keys/authority.pem")
        return pymysql.connect(host=IP[node], port=PORT, user="ondol", password=SECRET, database="ondol", autocommit=True,
                               connect_timeout=2, read_timeout=5, write_timeout=5, ssl=context)

    def go_to(self, node):
        """Moves the calling thread onto a host, where no cut of a line keeps it away."""
        if getattr(_here, "node", None) == (self.lab, node):
            return
        namespace = os.open(f"/var/run/netns/ha{self.lab}-{node}", os.O_RDONLY)
        if _libc.setns(namespace, 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(namespace)
        _here.node = (self.lab, node)

    def own(self, node):
        """Through the server's own socket, as the keeper."""
        return pymysql.connect(unix_socket=f"{self.dir}/{node}/mariadb/run/mariadb.sock", user="ondol_keeper", password=SECRET,
                               autocommit=True, connect_timeout=2, read_timeout=5)

    def ask_within(self, node, sql, *values):
        return self.answer(self.own(node), sql, values)

    def session(self, node, run, inside=False):
        return Session(self.connect(node, inside), node, run, self.seen_reigns)

    def measure(self):
        logs = [glob.glob(f"{self.dir}/{node}/mariadb/data/binlog.0*") for node in self.nodes]
        return 0, max(sum(os.path.getsize(log) for log in of) for of in logs)

    def kept_aside(self, host):
        return [path for path in glob.glob(f"{self.dir}/{host}/mariadb/audit/**", recursive=True) if os.path.isfile(path)]

    def what_opens(self, _):
        """What of the databases opens to somebody without the hosts' secret; each in a few words."""
        wrong = []
        for node in self.nodes:
            for what, changed in {
                "the database without encryption": dict(ssl_disabled=True),
                "the database with another password": dict(password="cold floor", ssl=unchecked()),
                "the log of the database without encryption": dict(user="ondol_replicator", database=None, ssl_disabled=True),
            }.items():
                place = dict(host=IP[node], port=PORT, user="ondol", password=SECRET, database="ondol", connect_timeout=2)
                try:
                    pymysql.connect(**{**place, **changed}).close()
                    wrong.append(f"{node}: {what} opens")
                except pymysql.Error:
                    pass
        def opens():
            self.connect(self.primary()).close()
            return True

        try:
            # on a machine that is full a handshake may take longer than the server waits for it
            self.wait(opens, 30, "the database opens")
        except TimeoutError as error:
            wrong.append(f"the database does not open to who has the password, and checks whom they speak with: {error}")
        return wrong


def unchecked():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context

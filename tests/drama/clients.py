"""Clients of the web service: each makes records and counts a counter of its own up, and knows what it was told. Beside them some who
only read, and hold each answer against what any of them was shown before."""
import http.client, json, threading, time

from ondol import WEB

now = time.monotonic
# a counter that nobody counts up
STILL = 99
ROOT = ("root@example.com", "warm floor")


class Api:
    """Asks the web service of one host. The thread that calls is in the clients' namespace."""

    def __init__(self, address, token=None):
        self.address, self.token, self.connection = address, token, None
        # whether the last answer said that a replica gave it
        self.by_replica = False

    def ask(self, method, path, body=None):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, WEB, timeout=90)
        headers = {"Content-Type": "application/json", "Authorization": self.token or ""}
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = self.connection.getresponse()
            self.by_replica = (answer.getheader("Ondol-Read") or "").startswith("replica")
            return answer.status, json.loads(answer.read() or b"null")
        except Exception:
            self.connection.close()
            self.connection = None
            raise


class Client(threading.Thread):
    """Creates, updates and reads in turn, until it is told to stop."""

    def __init__(self, adapter, address, number, run, stop, pause=.03):
        super().__init__(daemon=True)
        self.adapter, self.number, self.name, self.stop, self.pause = adapter, number, run, stop, pause
        self.api = Api(address)
        self.made, self.counted, self.failed = [], 0, []
        self.longest, self.asked = 0., 0
        self.told, self.stale = 0, 0

    def run(self):
        self.adapter.enter()
        turn = 0
        while not self.stop.is_set():
            turn += 1
            begun = now()
            try:
                (self.create, self.count, self.look)[turn % 3](turn)
            except Exception as error:
                self.failed.append((begun, repr(error)))
            self.asked += 1
            self.longest = max(self.longest, now() - begun)
            time.sleep(self.pause)

    def create(self, turn):
        key = f"{self.name} {self.number}-{turn}"
        status, body = self.api.ask("POST", "/api/collections/notes/records", {"key": key})
        self.made.append(key) if status == 200 else self.failed.append((now(), f"{status} {body}"))

    def count(self, _):
        path = f"/api/collections/counters/records/{counter(self.number)}"
        status, body = self.api.ask("PATCH", path, {"count+": 1})
        if status != 200:
            self.failed.append((now(), f"{status} {body}"))
            return
        self.counted += 1
        self.told = max(self.told, body["count"])

    def look(self, _):
        """What was answered once is not taken back: no later answer shows less."""
        status, body = self.api.ask("GET", f"/api/collections/counters/records/{counter(self.number)}")
        if status != 200:
            self.failed.append((now(), f"{status} {body}"))
        elif body["count"] < self.told:
            self.stale += 1
        else:
            self.told = body["count"]


class Shown:
    """The most that anybody was shown of each counter."""

    def __init__(self):
        self.lock, self.most = threading.Lock(), {}

    def of(self, number):
        with self.lock:
            return self.most.get(number, 0)

    def show(self, number, count):
        with self.lock:
            self.most[number] = max(count, self.most.get(number, 0))


class Reader(threading.Thread):
    """Reads some counters in turn, until it is told to stop."""

    def __init__(self, adapter, address, numbers, shown, stop, pause=.02):
        super().__init__(daemon=True)
        self.adapter, self.numbers, self.shown, self.stop, self.pause = adapter, numbers, shown, stop, pause
        self.api = Api(address)
        self.asked, self.longest, self.stale, self.by_replica, self.failed = 0, 0., 0, 0, []

    def run(self):
        self.adapter.enter()
        while not self.stop.is_set():
            number, begun = self.numbers[self.asked % len(self.numbers)], now()
            before = self.shown.of(number)
            try:
                status, body = self.api.ask("GET", f"/api/collections/counters/records/{counter(number)}")
                if status != 200:
                    self.failed.append((begun, f"{status} {body}"))
                else:
                    self.stale += body["count"] < before
                    self.shown.show(number, body["count"])
            except Exception as error:
                self.failed.append((begun, repr(error)))
            self.asked += 1
            self.by_replica += self.api.by_replica
            self.longest = max(self.longest, now() - begun)
            time.sleep(self.pause)

    def told(self):
        return dict(asked=self.asked, longest=round(self.longest, 3), by_replica=self.by_replica)


def counter(number):
    return f"counter{number:08}"


def prepare(adapter, address, count):
    """A superuser, two open collections, and the clients' counters."""
    adapter.wait(lambda: "root@example.com" in adapter.command(
        "superuser", "upsert", ROOT[0], "--password-file", "-", "--dir", f"{adapter.dir}/w", stdin=ROOT[1]), 60, "a superuser")
    api = Api(address)
    adapter.wait(lambda: api.ask("GET", "/api/health")[0] == 200, 60, "the web service answers")
    status, body = api.ask("POST", "/api/collections/_superusers/auth-with-password", {"identity": ROOT[0], "password": ROOT[1]})
    assert status == 200, body
    api.token = body["token"]
    rules = {rule: "" for rule in ("listRule", "viewRule", "createRule", "updateRule")}
    for name, field in (("notes", {"name": "key", "type": "text"}), ("counters", {"name": "count", "type": "number"})):
        status, body = api.ask("POST", "/api/collections", {"name": name, "type": "base", "fields": [field], **rules})
        assert status == 200, body
    for number in [*range(count), STILL]:
        status, body = api.ask("POST", "/api/collections/counters/records", {"id": counter(number), "count": 0})
        assert status == 200, body
    return api


def read(api, path):
    """One answer to a question that may be asked twice: a connection that rested may be closed while it is used."""
    try:
        status, body = api.ask("GET", path)
    except (http.client.HTTPException, OSError):
        status, body = api.ask("GET", path)
    assert status == 200, body
    return body


def judge(api, clients, base, counts):
    """What the service has, against what it said: (lost, doubled, miscounted)."""
    have = []
    page = 1
    while True:
        body = read(api, f"/api/collections/notes/records?perPage=500&page={page}&fields=key&sort=id")
        have += [item["key"] for item in body["items"]]
        if page >= body["totalPages"]:
            break
        page += 1
    told = set(base) | {key for client in clients for key in client.made}
    lost = len(told - set(have))
    doubled = len(have) - len(set(have))
    miscounted = 0
    for client in clients:
        body = read(api, f"/api/collections/counters/records/{counter(client.number)}")
        miscounted += abs(body["count"] - counts.get(client.number, 0) - client.counted)
        counts[client.number] = body["count"]
    return lost, doubled, miscounted, set(have)

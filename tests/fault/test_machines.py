#!/usr/bin/env python3
"""Two servers over a primary and its streaming replica, each as on a machine of its own.

What one server writes the other sees; reads go to the replica, but never miss what their client wrote; when the primary is
killed under load and the replica promoted, no acknowledged write is lost and the servers go on by themselves.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Client, Dev, wait_until
from writers import NO_ANSWER, Writer, basic, check


class Cluster:
    """A PostgreSQL on a unix socket of its own; data belong to their owner."""

    def __init__(self, data, settings=()):
        self.data = pathlib.Path(data)
        self.socket, owner = self.data.parent, self.data.stat()
        self.bin = pathlib.Path("/usr/lib/postgresql") / (self.data / "PG_VERSION").read_text().strip() / "bin"
        self.become = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
        options = [o for s in (f"unix_socket_directories={self.socket}", "listen_addresses=", *settings) for o in ("-c", s)]
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "QUIT", self.bin / "postgres", "-D", self.data, *options],
                                        cwd=self.data, stderr=subprocess.DEVNULL, **self.become)
        if not wait_until(lambda: self.ask("SELECT 1") == "1"):
            raise RuntimeError("PostgreSQL does not start")

    def ask(self, text):
        return subprocess.run(["psql", "-XAtq", "-h", self.socket, "-U", "postgres", "-d", "kagari", "-c", text],
                              capture_output=True, text=True).stdout.strip()

    def replica(self, data):
        """A copy that follows it."""
        subprocess.run(["setpriv", "--pdeathsig", "QUIT", self.bin / "pg_basebackup", "-h", self.socket, "-U", "postgres", "-D",
                        data, "-R", "-X", "stream", "--checkpoint=fast", "--no-sync"], cwd=self.data, check=True, **self.become)
        return Cluster(data, ["hot_standby=on"])

    def kill(self):
        """As if its machine were gone."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)


class Server:
    def __init__(self, dev, *settings):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.dev = dev
        options = [o for s in (f"http.port={self.port}", *settings) for o in ("--set", s)]
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", kagari.BINARY, "serve", "--config",
                                         dev.data / "kagari.conf", *options], stderr=subprocess.DEVNULL)

    def client(self, **options):
        return Client(self.port, self.dev.token, str(self.dev.data / "tls.crt"), **options)

    def ready(self):
        try:
            return self.client().request("GET", "/health/ready").status == 200
        except NO_ANSWER:
            return False

    def end(self):
        self.process.terminate()
        if self.process.wait(30):
            raise RuntimeError("a server did not end well")

    def replica_reads(self):
        return int(re.search(r"^kagari_db_replica_reads_total (\d+)", self.client().request("GET", "/metrics").body.decode(), re.M)[1])


def text_of(answer):
    return answer.json["code"]["text"] if answer.status == 200 else answer.status


class Machines(unittest.TestCase):
    """In the order of their names: the failover comes last."""

    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())
        cls.dev.stop()
        data = cls.dev.data / "postgres/data"
        cls.primary = Cluster(data, ["wal_level=replica", "max_wal_senders=5"])
        cls.addClassCleanup(cls.primary.stop)
        other = cls.dev.data / "replica"
        other.mkdir()
        os.chown(other, data.stat().st_uid, data.stat().st_gid)
        cls.replica = cls.primary.replica(other / "data")
        cls.addClassCleanup(cls.replica.stop)
        cls.primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
        cls.primary.ask("SELECT pg_reload_conf()")
        if not wait_until(lambda: cls.primary.ask("SELECT sync_state FROM pg_stat_replication") == "sync"):
            raise RuntimeError("the replica does not follow")
        hosts = f"host={cls.primary.socket},{cls.replica.socket} user=kagari dbname=kagari"
        cls.servers = [Server(cls.dev, "db.conninfo=" + hosts, "db.replicas=" + hosts) for _ in range(2)]
        for server in cls.servers:
            cls.addClassCleanup(server.end)
        for server in cls.servers:
            if not wait_until(server.ready):
                raise RuntimeError("a server does not become ready")
        cls.clients = [s.client() for s in cls.servers]

    def tearDown(self):
        self.assertEqual([s.process.poll() for s in self.servers], [None, None])

    def put(self, client, rid, text):
        """What its answer says of its position."""
        answer = client.request("PUT", "Basic/" + rid, basic(text, id=rid))
        self.assertIn(answer.status, (200, 201), answer.body)
        return {"Kagari-Position": answer.headers["Kagari-Position"]}

    def servers_see_each_other(self):
        one, two = self.clients
        self.put(one, "seen", "a")
        self.assertEqual(text_of(two.request("GET", "Basic/seen")), "a")
        self.put(two, "seen", "b")
        self.assertEqual(text_of(one.request("GET", "Basic/seen")), "b")
        self.assertEqual(one.request("GET", "Basic?code:text=b").json["entry"][0]["resource"]["id"], "seen")
        for client, code in ((one, "x"), (two, "y")):  # code systems are followed
            answer = client.request("PUT", "CodeSystem/c", {
                "resourceType": "CodeSystem", "id": "c", "url": "http://x.test/c", "status": "active", "content": "complete",
                "concept": [{"code": code}]})
            self.assertIn(answer.status, (200, 201), answer.body)
            other = two if client is one else one
            answer = other.request("GET", f"CodeSystem/$validate-code?url=http://x.test/c&code={code}")
            self.assertTrue(answer.json["parameter"][0]["valueBoolean"], answer.body)
        parameter = {"resourceType": "SearchParameter", "id": "note", "url": "http://x.test/note", "name": "Note",
                     "status": "active", "description": "d", "code": "note", "base": ["Basic"], "type": "string",
                     "expression": "Basic.code.text"}
        self.assertEqual(one.request("PUT", "SearchParameter/note", parameter).status, 201)
        for client in self.clients:
            found = lambda: client.request("GET", "Basic?note=b", headers={"Prefer": "handling=strict"})
            self.assertTrue(wait_until(lambda: (a := found()).status == 200 and a.json.get("entry")), "not found by " + "note")

    def clients_see_what_they_wrote(self):
        one, two = self.clients
        before = [s.replica_reads() for s in self.servers]
        for i in range(200):  # by the other server, at once
            position = self.put(one, "own", str(i))
            self.assertEqual(text_of(two.request("GET", "Basic/own", headers=position)), str(i))
            if i % 10 == 0:
                found = two.request("GET", f"Basic?code:text={i}&_id=own", headers=position)
                self.assertEqual(len(found.json.get("entry", [])), 1, i)
        cookie = one.request("PUT", "Basic/own", basic("cookie", id="own")).headers["Set-Cookie"].split(";")[0]
        for i in range(20):
            self.assertEqual(text_of(two.request("GET", "Basic/own", headers={"Cookie": "a=b; " + cookie})), "cookie")
            time.sleep(0.01)
        bundle = one.request("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": basic("bundle", id="own"), "request": {"method": "PUT", "url": "Basic/own"}}]})
        position = {"Kagari-Position": bundle.headers["Kagari-Position"]}
        self.assertEqual(text_of(two.request("GET", "Basic/own", headers=position)), "bundle")
        self.assertGreater(self.servers[1].replica_reads(), before[1], "nothing was read from the replica")

    def a_replica_that_is_behind(self):
        one, two = self.clients
        self.assertTrue(wait_until(lambda: self.replica.ask("SELECT pg_wal_replay_pause(); SELECT pg_get_wal_replay_pause_state()")
                                   .endswith("paused")))
        position = self.put(one, "own", "behind")
        for _ in range(5):
            self.assertEqual(text_of(two.request("GET", "Basic/own", headers=position)), "behind")
            self.assertEqual(text_of(two.request("GET", "Basic/own")), "behind")  # carries none: from the primary
        old = two.request("GET", "Basic/own", headers={"Kagari-Position": "0"})  # any state will do
        self.assertEqual(text_of(old), "bundle")
        self.put(one, "fresh", "fresh")  # what the replica does not find is asked of the primary
        self.assertEqual(text_of(two.request("GET", "Basic/fresh", headers={"Kagari-Position": "0"})), "fresh")
        self.replica.ask("SELECT pg_wal_replay_resume()")
        read = lambda: text_of(two.request("GET", "Basic/own", headers={"Kagari-Position": "0"}))
        self.assertTrue(wait_until(lambda: read() == "behind"), "the replica does not follow")

    def pages_are_whole(self):
        entry = [{"resource": basic("page", id=f"page{i}"), "request": {"method": "PUT", "url": f"Basic/page{i}"}}
                 for i in range(60)]
        answer = self.clients[0].request("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entry})
        position = {"Kagari-Position": answer.headers["Kagari-Position"]}
        seen, url = [], "Basic?code:text=page&_count=7"
        while url:
            page = self.clients[len(seen) % 2].request("GET", url, headers=position).json
            seen += [e["resource"]["id"] for e in page["entry"]]
            url = next((l["url"].split("/fhir/")[1] for l in page["link"] if l["relation"] == "next"), None)
        self.assertEqual(sorted(seen), sorted({f"page{i}" for i in range(60)}))

    def test_1_replica(self):
        self.servers_see_each_other()
        self.clients_see_what_they_wrote()
        self.a_replica_that_is_behind()
        self.pages_are_whole()

    def test_2_failover(self):
        writers = [Writer(self.servers[i % 2]) for i in range(4)]
        for writer in writers:
            writer.start()

        def more(n):
            before = [len(w.created) for w in writers]
            return wait_until(lambda: all(len(w.created) > m + n for w, m in zip(writers, before)))

        self.assertTrue(more(20), "the writers do not get on")
        self.primary.kill()
        for client in self.clients:
            answer = client.request("PUT", "Basic/x", basic("x", id="x"))
            self.assertEqual((answer.status, bool(answer.headers["Retry-After"])), (503, True))
        self.assertEqual(self.replica.ask("SELECT pg_promote()"), "t")
        promoted = time.monotonic()
        self.assertTrue(wait_until(lambda: all(s.ready() for s in self.servers)), "the servers do not find the new primary")
        self.assertLess(time.monotonic() - promoted, 10)
        self.assertTrue(more(20), "the writers do not get on after the failover")
        for writer in writers:
            writer.ending.set()
        for writer in writers:
            writer.join(30)
        for client in self.clients:
            check(self, client, writers)


if __name__ == "__main__":
    kagari.main()

#!/usr/bin/env python3
"""kill -9 under write load: of the server, of a PostgreSQL backend, of the whole cluster.

Every acknowledged write is there afterwards, no transaction is half there, the index agrees with the resources,
and the server recovers without being started again. $KAGARI_FAULT_ROUNDS repeats each kill (1).
"""
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

ROUNDS = int(os.environ.get("KAGARI_FAULT_ROUNDS", "1"))
SYSTEM = "urn:kagari:test"
BUNDLE = 8
NO_ANSWER = (OSError, http.client.HTTPException)


def basic(value, **more):
    return {"resourceType": "Basic", "identifier": [{"system": SYSTEM, "value": value}], "code": {"text": value}, **more}


class Writer(threading.Thread):
    """Creates, updates and transactions, one after the other; remembers what was answered."""

    def __init__(self, dev):
        super().__init__(daemon=True)
        self.dev, self.ending = dev, threading.Event()
        self.created = {}    # id: value, acknowledged
        self.counter = "counter-" + uuid.uuid4().hex
        self.sent = self.acknowledged = 0
        self.bundles = {}    # value: acknowledged?
        self.wrong = []      # answers that must not be

    def send(self, client, method, path, body):
        """The answer when it is a success; None when there is none or PostgreSQL was away."""
        try:
            answer = client.request(method, path, body)
        except NO_ANSWER:
            time.sleep(0.02)
            return None
        if answer.status in (200, 201):
            return answer
        if answer.status != 503 or not answer.headers.get("Retry-After"):
            self.wrong.append(f"{method} {path}: {answer.status} {answer.headers.get('Retry-After')} {answer.body[:300]}")
        time.sleep(0.01)
        return None

    def run(self):
        client = self.dev.client(timeout=20)
        while not self.ending.is_set():
            value = uuid.uuid4().hex
            if self.send(client, "PUT", "Basic/" + value, basic(value, id=value)):
                self.created[value] = value
            answer = self.send(client, "POST", "Basic", basic(value))
            if answer:
                self.created[answer.headers["Location"].split("/Basic/")[1].split("/")[0]] = value
            self.sent += 1
            if self.send(client, "PUT", "Basic/" + self.counter, basic(str(self.sent), id=self.counter)):
                self.acknowledged = self.sent
            value = "bundle-" + value
            self.bundles[value] = False
            self.bundles[value] = self.send(client, "POST", "", {
                "resourceType": "Bundle", "type": "transaction",
                "entry": [{"resource": basic(value), "request": {"method": "POST", "url": "Basic"}}
                          for _ in range(BUNDLE)]}) is not None
        client.close()


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())

    def setUp(self):
        self.writers = [Writer(self.dev) for _ in range(4)]
        for writer in self.writers:
            writer.start()
        self.wait_for_writes()

    def wait_for_writes(self):
        """Each writer has written something since now."""
        before = [len(w.created) for w in self.writers]
        self.assertTrue(wait_until(lambda: all(len(w.created) > n + 5 for w, n in zip(self.writers, before))),
                        "the writers do not get on")

    def finish(self):
        """Ends the load and compares what is there with what was acknowledged."""
        for writer in self.writers:
            writer.ending.set()
        for writer in self.writers:
            writer.join(30)
        client = self.dev.client()
        for writer in self.writers:
            self.assertEqual(writer.wrong, [])
            for rid, value in writer.created.items():
                answers = []  # a loop that has not yet found out that its connection is gone says 503: ask again
                wait_until(lambda: answers.append(client.request("GET", "Basic/" + rid)) or answers[-1].status != 503)
                answer = answers[-1]
                self.assertEqual(answer.status, 200, f"acknowledged and lost: {rid}")
                self.assertEqual(answer.json["code"]["text"], value)
            for value in list(writer.created.values())[-20:]:
                found = client.request("GET", f"Basic?identifier={SYSTEM}|{value}&_summary=count").json["total"]
                self.assertGreaterEqual(found, 1, "acknowledged and not found by search")
            counter = client.request("GET", "Basic/" + writer.counter).json
            self.assertGreaterEqual(int(counter["code"]["text"]), writer.acknowledged)
            versions = client.request("GET", f"Basic/{writer.counter}/_history?_summary=count").json["total"]
            self.assertEqual(versions, int(counter["meta"]["versionId"]))
            for value, acknowledged in writer.bundles.items():
                found = client.request("GET", f"Basic?identifier={SYSTEM}|{value}&_summary=count").json["total"]
                self.assertIn(found, [BUNDLE] if acknowledged else [0, BUNDLE], f"{value} {acknowledged}")

    def test_server(self):
        for _ in range(ROUNDS):
            self.dev.stop(signal.SIGKILL)
            self.dev.start()
            for writer in self.writers:  # the port is a new one
                writer.ending.set()
                writer.join(30)
            self.finish()
            self.setUp()
        self.finish()

    def test_backend(self):
        """PostgreSQL then throws all connections away and goes through its recovery."""
        for _ in range(ROUNDS):
            os.kill(self.dev.backends()[-1], signal.SIGKILL)
            self.wait_for_writes()
        self.finish()

    def test_cluster(self):
        """While it is away: 503 with Retry-After, not ready, but alive."""
        for _ in range(ROUNDS):
            postmaster = self.dev.postmaster()
            keeper = int(pathlib.Path(f"/proc/{postmaster}/stat").read_text().split(")")[1].split()[1])
            os.kill(keeper, signal.SIGSTOP)
            for pid in [postmaster, *self.dev.backends()]:
                os.kill(pid, signal.SIGKILL)
            client = self.dev.client()
            status = lambda path: client.request("GET", path).status
            self.assertTrue(wait_until(lambda: status("/health/ready") == 503), "ready without PostgreSQL")
            self.assertEqual(status("/health/live"), 200)
            self.assertEqual(status("metadata"), 200)
            for method, path, body in (("GET", "Basic/x", None), ("GET", "Basic?code=x", None), ("GET", "Basic/x/_history", None),
                                       ("PUT", "Basic/x", basic("x", id="x")), ("POST", "Basic", basic("x")),
                                       ("DELETE", "Basic/x", None),
                                       ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
                                           {"request": {"method": "GET", "url": "Basic/x"}}]})):
                answer = client.request(method, path, body)
                self.assertEqual(answer.status, 503, f"{method} {path}")
                self.assertTrue(answer.headers["Retry-After"], f"{method} {path}")
                self.assertEqual(answer.json["resourceType"], "OperationOutcome")
            os.kill(keeper, signal.SIGCONT)
            self.assertTrue(wait_until(lambda: status("/health/ready") == 200), "does not become ready again")
            self.wait_for_writes()
        self.finish()


class Absent(unittest.TestCase):
    def test_at_start(self):
        """PostgreSQL is away when the server starts, and comes later."""
        with Dev() as dev:
            dev.stop()
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                dev.port = s.getsockname()[1]
            server = subprocess.Popen([kagari.BINARY, "serve", "--config", str(dev.data / "kagari.conf"),
                                       "--set", f"http.port={dev.port}"], stderr=subprocess.DEVNULL)
            postgres = None
            try:
                client = dev.client()

                def status(path):
                    try:
                        return client.request("GET", path).status
                    except NO_ANSWER:
                        return 0

                self.assertTrue(wait_until(lambda: status("/health/live") == 200), "does not start without PostgreSQL")
                self.assertEqual(status("/health/ready"), 503)
                answer = client.request("GET", "Basic/x")
                self.assertEqual((answer.status, bool(answer.headers["Retry-After"])), (503, True))
                data = dev.data / "postgres/data"
                owner = data.stat()
                version = (data / "PG_VERSION").read_text().strip()
                become = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
                postgres = subprocess.Popen([f"/usr/lib/postgresql/{version}/bin/postgres", "-D", str(data)],
                                            cwd=data, stderr=subprocess.DEVNULL, **become)
                self.assertTrue(wait_until(lambda: status("/health/ready") == 200), "does not become ready")
                self.assertEqual(client.request("GET", "Basic/x").status, 404)
            finally:
                server.terminate()
                self.assertEqual(server.wait(30), 0)
                if postgres:
                    postgres.send_signal(signal.SIGINT)
                    postgres.wait(30)


if __name__ == "__main__":
    kagari.main()

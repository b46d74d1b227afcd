#!/usr/bin/env python3
"""kill -9 under write load: of the server, of a PostgreSQL backend, of the whole cluster.

Every acknowledged write is there afterwards, no transaction is half there, the index agrees with the resources,
and the server recovers without being started again. $KAGARI_FAULT_ROUNDS repeats each kill (1).
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until
from writers import NO_ANSWER, Writer, basic, check

ROUNDS = int(os.environ.get("KAGARI_FAULT_ROUNDS", "1"))


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())

    def setUp(self):
        self.writers = [Writer(self.dev) for _ in range(8)]  # more than statements under way: some gather
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
        check(self, self.dev.client(), self.writers)

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

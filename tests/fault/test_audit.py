#!/usr/bin/env python3
"""kill -9 of the server and of PostgreSQL under load: no answered access is missing in the audit log, no write that was
committed, answered or not, and none comes twice.

$KAGARI_FAULT_ROUNDS repeats each kill (1).
"""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until
from writers import NO_ANSWER, Writer, basic

ROUNDS = int(os.environ.get("KAGARI_FAULT_ROUNDS", "1"))


# Versions without their entry or with several, and entries of versions that there are not
WRITES = """SELECT coalesce(v.rid, a.rid), v.ver, a.ver, a.n FROM res_history v
FULL JOIN (SELECT rtype, rid, ver, count(*) AS n FROM audit WHERE op IN (4, 5, 6, 7) AND status < 300 AND rid IS NOT NULL AND ver > 0
           GROUP BY 1, 2, 3) a ON (a.rtype, a.rid, a.ver) = (v.rtype, v.rid, v.ver) WHERE a.n IS DISTINCT FROM 1 OR v.ver IS NULL"""


class Reader(threading.Thread):
    """Reads and searches, each with an X-Request-Id of its own; remembers those that were answered."""

    def __init__(self, dev):
        super().__init__(daemon=True)
        self.dev, self.ending, self.answered = dev, threading.Event(), []

    def run(self):
        client = self.dev.client(timeout=20)
        while not self.ending.is_set():
            request, path = str(uuid.uuid4()), ("Basic/seen", "Basic?code=x", "Basic/seen/_history", "Basic/none")[len(self.answered) % 4]
            try:
                if client.request("GET", path, headers={"X-Request-Id": request}).status < 500:
                    self.answered.append(request)
            except NO_ANSWER:
                time.sleep(0.02)


class Audit(unittest.TestCase):
    def ask(self, text):
        command = ["psql", "-XAtq", "-h", (self.dev.data / "postgres").resolve(), "-U", "kagari", "-d", "kagari", "-c", text]

        def run():  # it may be on its way back
            done = subprocess.run(command, capture_output=True, text=True)
            return [done.stdout] if done.returncode == 0 else None
        answer = wait_until(run)
        self.assertTrue(answer, "PostgreSQL does not answer")
        return answer[0].split()

    def load(self):
        readers = [Reader(self.dev) for _ in range(4)]
        self.writers = [Writer(self.dev) for _ in range(4)]
        for client in readers + self.writers:
            client.start()
        self.assertTrue(wait_until(lambda: all(len(r.answered) > 50 for r in readers)), "the readers do not get on")
        self.assertTrue(wait_until(lambda: all(len(w.deleted) > 2 for w in self.writers)), "the writers do not get on")
        return readers

    def check(self, readers):
        for client in readers + self.writers:
            client.ending.set()
        for client in readers + self.writers:
            client.join(30)
        self.assertEqual(self.ask(WRITES), [], "versions and their entries")
        answered = [request for reader in readers for request in reader.answered]

        def missing():
            there = self.ask("SELECT encode(request, 'hex') FROM audit WHERE length(request) = 16 AND op NOT IN (4, 5, 6, 7, 14)")
            self.assertEqual(len(there), len(set(there)), "an entry came twice")
            return {request.replace("-", "") for request in answered} - set(there)
        self.assertTrue(wait_until(lambda: not missing()), f"{len(missing())} of {len(answered)} answered reads left no entry")
        verified = subprocess.run([kagari.BINARY, "audit", "verify", "--config", str(self.dev.data / "kagari.conf")],
                                  capture_output=True, text=True)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertIn("as they were written", verified.stdout)

    def test_kills(self):
        with Dev() as self.dev:
            self.assertEqual(self.dev.client().request("PUT", "Basic/seen", basic("x", id="seen")).status, 201)
            for _ in range(ROUNDS):
                readers = self.load()
                self.dev.stop(signal.SIGKILL)
                for client in readers + self.writers:
                    client.ending.set()
                self.dev.start()
                self.check(readers)
                readers = self.load()
                os.kill(self.dev.backends()[-1], signal.SIGKILL)
                self.check(readers)
            # within a second, under load
            readers = self.load()
            late = self.ask("SELECT count(*) FROM audit a WHERE at < (extract(epoch FROM now() - interval '1 second') * 1000000)::int8 "
                            "AND (pos, block) > (SELECT pos, k FROM audit_seal ORDER BY n DESC LIMIT 1)")
            self.check(readers)
            self.assertEqual(late, ["0"], "entries older than a second are not sealed")
            # and one that somebody changes is found
            self.ask("UPDATE audit_block SET status[1] = 404 WHERE ctid = (SELECT max(ctid) FROM audit_block WHERE status[1] = 200)")
            verified = subprocess.run([kagari.BINARY, "audit", "verify", "--config", str(self.dev.data / "kagari.conf")],
                                      capture_output=True, text=True)
            self.assertEqual(verified.returncode, 1, verified.stdout + verified.stderr)
            self.assertIn("were altered", verified.stdout)


if __name__ == "__main__":
    kagari.main()

#!/usr/bin/env python3
"""kill -9 under the bench's load (crud, create and bundle at once): of the server, of a PostgreSQL backend, of the cluster.

The load generator keeps a journal of its writes; afterwards every acknowledged one is there, what was deleted is gone, and
of each transaction there is everything or nothing.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "bench")]
import instance
import kagari
import suites
from kagari import Dev

SYSTEM = "urn:kagari:transaction"
SECONDS, BEFORE = 6, 3  # of load, and of those before the kill
THERE, GONE, UNKNOWN = "there", "gone", "unknown"


def marked(bundle):
    """The transaction's running number in each Observation, and how many these are."""
    n = 0
    for entry in bundle["entry"]:
        if entry["resource"]["resourceType"] == "Observation":
            entry["resource"]["identifier"] = [{"system": SYSTEM, "value": "~~~~~~~~"}]
            n += 1
    return bundle, n


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())
        requests = instance.Requests(cls.dev.data, cls.dev.token)
        rng = random.Random(4)
        bundle, cls.observations = marked(suites.admission(rng))
        cls.files = [(requests.file("crud", suites.crud_requests(requests, 3)), 6, ["--each"]),
                     (requests.file("create", suites.create_requests(requests, 20)), 8, []),
                     (requests.file("bundle", [requests.one("POST", "", bundle, instance.MINIMAL)]), 4, [])]
        cls.number = 0

    def under_load(self, kill):
        loads = []
        for path, connections, options in self.files:
            type(self).number += 1_000_000
            loads.append(subprocess.Popen(
                [instance.BUILD / "bench-load", "--port", str(self.dev.port), "--tls", "--connections", str(connections),
                 "--seconds", str(SECONDS), "--first", str(self.number), "--journal", *options, path],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        time.sleep(BEFORE)
        kill()
        lines = [line.split() for load in loads for line in load.communicate(timeout=60)[0].splitlines()
                 if line[0] in "+?"]
        self.dev.stop()  # and what is asked for comes from the database
        self.dev.start()
        self.check(lines)

    def check(self, lines):
        resources, transactions = {}, {}
        for mark, method, path, number, *answer in lines:
            good = mark == "+" and answer[0][0] == "2"
            if method == "POST" and path == "/fhir":
                transactions[number] = good
            elif method == "POST" and good:
                resources["/".join(answer[1].split("/")[-4:-2])] = THERE
            elif method != "POST":
                resources[path.removeprefix("/fhir/")] = UNKNOWN if not good else GONE if method == "DELETE" else THERE
        client = self.dev.client()
        known = {url: state for url, state in resources.items() if state != UNKNOWN}
        self.assertGreater(list(known.values()).count(THERE), 20, "too little load")
        self.assertIn(True, transactions.values())
        for url, state in known.items():
            self.assertIn(client.request("GET", url).status, [200] if state == THERE else [404, 410], f"{url} was {state}")
        for number, acknowledged in transactions.items():
            found = client.request("GET", f"Observation?identifier={SYSTEM}|{number}&_summary=count").json["total"]
            self.assertIn(found, [self.observations] if acknowledged else [0, self.observations],
                          f"transaction {number}, acknowledged: {acknowledged}")
        client.close()

    def test_server(self):
        self.under_load(lambda: self.dev.stop(signal.SIGKILL))

    def test_backend(self):
        self.under_load(lambda: os.kill(self.dev.backends()[-1], signal.SIGKILL))

    def test_cluster(self):
        def kill():
            for pid in [self.dev.postmaster(), *self.dev.backends()]:
                os.kill(pid, signal.SIGKILL)
        self.under_load(kill)


if __name__ == "__main__":
    kagari.main()

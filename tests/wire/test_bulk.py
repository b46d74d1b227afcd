#!/usr/bin/env python3
"""NDJSON over real sockets: memory stays flat whatever the body's length, and who breaks off leaves whole batches."""
import gzip
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import socket
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

ROWS = 100  # a batch
NDJSON = {"Content-Type": "application/fhir+ndjson"}


def line(tag, text="x", id=None):
    resource = {"resourceType": "Basic", "code": {"coding": [{"system": "http://x.test/bulk", "code": tag}], "text": text}}
    if id:
        resource["id"] = id
    return json.dumps(resource).encode() + b"\n"


class Bulk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # under the address sanitizer, what is freed is kept back: not what the peak is to say
        os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        cls.dev = cls.enterClassContext(Dev("--set", f"bulk.rows={ROWS}", "--set", "search.total_limit=100000"))

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.dev.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def total(self, tag):
        found = self.dev.client().request("GET", f"Basic?code=http://x.test/bulk|{tag}&_summary=count")
        return found.json["total"]

    def counts(self, answer):
        self.assertEqual(answer.status, 200, answer.body[:500])
        return {e["url"]: int(e["valueDecimal"]) for e in answer.json["extension"][0]["extension"]}

    def test_memory_is_flat(self):
        """50 MB in one body need hardly more than 5 MB did."""
        text = "x" * 5000

        def send(n, tag):
            connection = http.client.HTTPSConnection("127.0.0.1", self.dev.port, timeout=300, context=self.context())
            connection.request("POST", "/fhir", (line(tag, text) for _ in range(n)),
                               {**NDJSON, "Authorization": "Bearer " + self.dev.token}, encode_chunked=True)
            answer = connection.getresponse()
            answer = kagari.Response(answer.status, answer.headers, answer.read())
            connection.close()
            self.assertEqual(self.counts(answer), {"lines": n, "created": n, "updated": 0, "refused": 0})

        send(1000, "small")
        before = self.peak_mb()
        send(10000, "large")
        self.assertLess(self.peak_mb(), before + 25)
        self.assertEqual(self.total("large"), 10000)

    def test_compressed(self):
        body = gzip.compress(b"".join(line("zip", str(i)) for i in range(1000)))
        answer = self.dev.client().request("POST", "", body, {**NDJSON, "Content-Encoding": "gzip"})
        self.assertEqual(self.counts(answer)["created"], 1000)
        damaged = self.dev.client().request("POST", "", body[:len(body) // 2], {**NDJSON, "Content-Encoding": "gzip"})
        self.assertEqual(damaged.status, 400)
        self.assertIn("fatal", [i["severity"] for i in damaged.json["issue"]])

    def context(self):
        return ssl.create_default_context(cafile=str(self.dev.data / "tls.crt"))

    def begin(self, tag, n):
        """A connection on which n lines of a longer body have been sent."""
        s = self.context().wrap_socket(socket.create_connection(("127.0.0.1", self.dev.port)), server_hostname="127.0.0.1")
        s.sendall(f"POST /fhir HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.dev.token}\r\n"
                  "Content-Type: application/fhir+ndjson\r\nContent-Length: 100000000\r\n\r\n".encode())
        s.sendall(b"".join(line(tag, str(i)) for i in range(n)))
        return s

    def test_who_breaks_off_leaves_whole_batches(self):
        with self.begin("broken", 5 * ROWS + 50):
            self.assertTrue(wait_until(lambda: self.total("broken") == 5 * ROWS), "not all whole batches were written")
        metrics = lambda: self.dev.client().request("GET", "/metrics").body.decode()
        self.assertTrue(wait_until(lambda: re.search(r"^kagari_http_requests_active 1$", metrics(), re.M)))
        self.assertEqual(self.total("broken"), 5 * ROWS)

    def test_killed(self):
        """Batches are whole after kill -9, too; the same body again, with ids, completes it."""
        with self.begin("killed", 20 * ROWS):
            self.assertTrue(wait_until(lambda: self.total("killed") > 0))
            self.dev.stop(signal.SIGKILL)
        self.dev.start()
        self.assertEqual(self.total("killed") % ROWS, 0)
        body = b"".join(line("again", id=f"bulk-{i}") for i in range(300))
        for outcome in ("created", "updated"):
            self.assertEqual(self.counts(self.dev.client().request("POST", "", body, NDJSON))[outcome], 300)
        self.assertEqual(self.total("again"), 300)


if __name__ == "__main__":
    kagari.main()

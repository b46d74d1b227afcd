#!/usr/bin/env python3
"""Two servers with a cache over one database, and the history of what their clients saw.

Versions of a resource are numbered, so a history is linearizable when no read shows less than what anybody had been told
of before it was sent, and nothing but what was written. In strict mode that holds for all clients together; in bounded
mode for those of each server, and for others as of cache.max_age ago.
"""
import collections
import json
import os
import pathlib
import random
import re
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import FHIR_JSON, Dev
from test_machines import Server

SECONDS, CLIENTS, KEYS, MAX_AGE = 4, 3, 4, 0.4
TEXT = re.compile(rb'"text":"([^"]*)"')
ETAG = re.compile(rb'W/"(\d+)"')

Event = collections.namedtuple("Event", "server wrote key sent told version text")


class Client:
    """One connection without TLS, as fast as this language is."""

    def __init__(self, server):
        self.head = f"Host: x\r\nAccept: {FHIR_JSON}\r\nAuthorization: Bearer {server.dev.token}\r\n"
        self.socket = socket.create_connection(("127.0.0.1", server.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def request(self, method, path, body=None, headers="", media=FHIR_JSON):
        """Status, head and body."""
        content = json.dumps(body, separators=(",", ":")) if body is not None else ""
        sent = f"{method} /fhir/{path} HTTP/1.1\r\n{self.head}{headers}"
        if body is not None:
            sent += f"Content-Type: {media}\r\nContent-Length: {len(content)}\r\n"
        self.socket.sendall((sent + "\r\n" + content).encode())
        text = b""
        while b"\r\n\r\n" not in text:
            text += self.more()
        head, _, rest = text.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        while length and len(rest) < int(length[1]):
            rest += self.more()
        return int(head[9:12]), head, rest

    def more(self):
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("closed")
        return part


def basic(key, text):
    return {"resourceType": "Basic", "id": key, "code": {"text": text}}


def transaction(keys, text):
    return {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": basic(k, text), "request": {"method": "PUT", "url": "Basic/" + k}} for k in keys]}


def work(client, number, seed, until):
    """Events of one client, which does one thing after the other."""
    rng, events = random.Random(seed), []
    while time.monotonic() < until:
        key, text, what = f"key{rng.randrange(KEYS)}", f"{seed}-{len(events)}", rng.random()
        sent = time.monotonic()
        if what < .9:
            status, head, body = client.request("GET", "Basic/" + key)
            told = time.monotonic()
            version = ETAG.search(head)
            if status not in (200, 404, 410) or (status != 404 and not version):
                raise AssertionError(f"GET {status} {body[:300]}")
            events.append(Event(number, False, key, sent, told, int(version[1]) if version else 0,
                                TEXT.search(body)[1].decode() if status == 200 else None))
            continue
        if what < .95:
            answer = client.request("PUT", "Basic/" + key, basic(key, text))
            keys = [key]
        elif what < .97:
            answer = client.request("PATCH", "Basic/" + key, [{"op": "replace", "path": "/code/text", "value": text}],
                                    media="application/json-patch+json")
            keys = [key]
        elif what < .99:
            keys = sorted({key, f"key{rng.randrange(KEYS)}"})
            answer = client.request("POST", "", transaction(keys, text))
        else:
            answer = client.request("DELETE", "Basic/" + key)
            keys, text = [key], None
        told = time.monotonic()
        status, head, body = answer
        if status in (404, 409, 410, 412):
            continue  # nothing to patch, or too many at the same time
        if status not in (200, 201, 204):
            raise AssertionError(f"{status} {body[:300]}")
        versions = [int(v) for v in ETAG.findall(head if len(keys) == 1 and "entry" not in body[:2000].decode() else
                                                 body.replace(b'\\"', b'"'))]
        for k, v in zip(keys, versions):
            events.append(Event(number, True, k, sent, told, v, text))
    return events


def history(servers):
    """What the clients of all of them saw; each is a process."""
    until, pipes = time.monotonic() + SECONDS, []
    for i in range(CLIENTS * len(servers)):
        end, begin = os.pipe()
        if os.fork() == 0:
            os.close(end)
            try:
                said = json.dumps(work(Client(servers[i % len(servers)]), i % len(servers), i, until))
            except BaseException as e:
                said = json.dumps(repr(e))
            with open(begin, "w") as f:
                f.write(said)
            os._exit(0)
        os.close(begin)
        pipes.append(end)
    events = []
    for end in pipes:
        with open(end) as f:
            said = json.load(f)
        os.wait()
        if isinstance(said, str):
            raise AssertionError(said)
        events += [Event(*e) for e in said]
    return events


def too_old(events, counts, age=0):
    """Reads that show less than what they had to: the newest version that another event which counts told of before they
    were sent, age seconds ago."""
    wrong, newest = [], collections.Counter()
    told = sorted((e for e in events if counts(e)), key=lambda e: e.told)
    reads = sorted((e for e in events if not e.wrote), key=lambda e: e.sent)
    i = 0
    for r in reads:
        while i < len(told) and told[i].told < r.sent - age:
            newest[told[i].key] = max(newest[told[i].key], told[i].version)
            i += 1
        if r.version < newest[r.key]:
            wrong.append((r, newest[r.key]))
    return wrong


class Cached(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())

    def serve(self, *settings):
        options = (*settings, "http.tls_cert=", "http.tls_key=", f"db.conninfo=host={(self.dev.data / 'postgres').resolve()} "
                   "user=kagari dbname=kagari")
        servers = [Server(self.dev, *options) for _ in range(2)]
        for s in servers:
            self.addCleanup(s.end)
        for s in servers:
            self.assertTrue(kagari.wait_until(lambda: self.ready(s)), "a server does not become ready")
        return servers

    @staticmethod
    def ready(server):
        try:
            return Client(server).request("GET", "metadata")[0] == 200
        except OSError:
            return False

    def hits(self, server):
        client = Client(server)
        client.socket.sendall(f"GET /metrics HTTP/1.1\r\n{client.head}Connection: close\r\n\r\n".encode())
        text = b""
        while part := client.socket.recv(65536):
            text += part
        return int(re.search(rb"\nkagari_cache_hits_total (\d+)", text)[1])

    def nothing_but_what_was_written(self, events):
        written = {(e.key, e.version): e.text for e in events if e.wrote}
        for r in events:
            if not r.wrote and (r.key, r.version) in written:
                self.assertEqual(r.text, written[r.key, r.version])

    def test_strict(self):
        servers = self.serve("cache.reads=strict")
        events = history(servers)
        self.nothing_but_what_was_written(events)
        self.assertEqual(too_old(events, lambda e: True), [])
        self.assertGreater(min(map(self.hits, servers)), 20)

    def test_bounded(self):
        servers = self.serve("cache.reads=bounded", f"cache.max_age={int(MAX_AGE * 1000)}ms")
        events = history(servers)
        self.nothing_but_what_was_written(events)
        for number in range(len(servers)):
            here = [e for e in events if e.server == number]
            self.assertEqual(too_old(here, lambda e: True), [], "this server's own writes and reads")
        self.assertEqual(too_old(events, lambda e: e.wrote, MAX_AGE), [], "older than cache.max_age")
        self.assertGreater(min(map(self.hits, servers)), 20)
        self.assertGreater(len(too_old(events, lambda e: e.wrote)), 0, "the servers do not differ: was there a cache?")

    def test_own_writes_by_position(self):
        one, two = map(Client, self.serve("cache.reads=bounded", "cache.max_age=2s"))
        for i in range(50):
            status, head, body = one.request("PUT", "Basic/own", basic("own", str(i)))
            self.assertIn(status, (200, 201), body)
            position = re.search(rb"\r\n(Kagari-Position: \d+\r\n)", head)[1].decode()
            body = two.request("GET", "Basic/own", headers=position)[2]
            self.assertEqual(TEXT.search(body)[1].decode(), str(i))
            two.request("GET", "Basic/own")  # keeps it


if __name__ == "__main__":
    kagari.main()

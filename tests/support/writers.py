"""Clients that write without pause, and what has to be there afterwards of what they were told.

Python's standard library only.
"""
import http.client
import threading
import time
import uuid

from kagari import wait_until

SYSTEM = "urn:kagari:test"
BUNDLE = 8
NO_ANSWER = (OSError, http.client.HTTPException)


def basic(value, **more):
    return {"resourceType": "Basic", "identifier": [{"system": SYSTEM, "value": value}], "code": {"text": value}, **more}


class Writer(threading.Thread):
    """Creates, updates, deletes and transactions, one after the other; remembers what was answered. Writes of some writers
    go together, as one statement."""

    """server: what has client()."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ending = server, threading.Event()
        self.created = {}    # id: value, acknowledged
        self.deleted = []    # ids, acknowledged
        self.ledger = "ledger-" + uuid.uuid4().hex  # each transaction makes a version of it
        self.counter = "counter-" + uuid.uuid4().hex
        self.sent = self.acknowledged = 0
        self.bundles = {}    # value: acknowledged?
        self.wrong = []      # answers that must not be

    def send(self, client, method, path, body=None):
        """The answer when it is a success; None when there is none or PostgreSQL was away."""
        try:
            answer = client.request(method, path, body)
        except NO_ANSWER:
            time.sleep(0.02)
            return None
        if answer.status in (200, 201, 204):
            return answer
        if answer.status != 503 or not answer.headers.get("Retry-After"):
            self.wrong.append(f"{method} {path}: {answer.status} {answer.headers.get('Retry-After')} {answer.body[:300]}")
        time.sleep(0.01)
        return None

    @staticmethod
    def entry(method, resource):
        url = "Basic/" + resource["id"] if method == "PUT" else "Basic"
        return {"resource": resource, "request": {"method": method, "url": url}}

    def run(self):
        client = self.server.client(timeout=20)
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
            gone = "gone-" + value
            if self.send(client, "PUT", "Basic/" + gone, basic(gone, id=gone)) and self.send(client, "DELETE", "Basic/" + gone):
                self.deleted.append(gone)
            value = "bundle-" + value
            self.bundles[value] = False
            self.bundles[value] = self.send(client, "POST", "", {
                "resourceType": "Bundle", "type": "transaction",
                "entry": [self.entry("POST", basic(value)) for _ in range(BUNDLE - 2)] +
                         [self.entry("PUT", basic(value, id=f"{value}-{i}")) for i in range(2)] +
                         [self.entry("PUT", {"resourceType": "Basic", "id": self.ledger, "code": {"text": value}})]}) is not None
        client.close()


def check(test, client, writers):
    """Every acknowledged write is there, no transaction is half there, the index agrees with the resources."""
    for writer in writers:
        test.assertEqual(writer.wrong, [])
        for rid, value in writer.created.items():
            answers = []  # a loop that has not yet found out that its connection is gone says 503: ask again
            wait_until(lambda: answers.append(client.request("GET", "Basic/" + rid)) or answers[-1].status != 503)
            answer = answers[-1]
            test.assertEqual(answer.status, 200, f"acknowledged and lost: {rid}")
            test.assertEqual(answer.json["code"]["text"], value)
        for value in list(writer.created.values())[-20:]:
            found = client.request("GET", f"Basic?identifier={SYSTEM}|{value}&_summary=count").json["total"]
            test.assertGreaterEqual(found, 1, "acknowledged and not found by search")
        counter = client.request("GET", "Basic/" + writer.counter).json
        test.assertGreaterEqual(int(counter["code"]["text"]), writer.acknowledged)
        versions = client.request("GET", f"Basic/{writer.counter}/_history?_summary=count").json["total"]
        test.assertEqual(versions, int(counter["meta"]["versionId"]))
        for rid in writer.deleted:
            test.assertEqual(client.request("GET", "Basic/" + rid).status, 410, f"a delete was acknowledged and lost: {rid}")
        written = []
        for value, acknowledged in writer.bundles.items():
            found = client.request("GET", f"Basic?identifier={SYSTEM}|{value}&_summary=count").json["total"]
            test.assertIn(found, [BUNDLE] if acknowledged else [0, BUNDLE], f"{value} {acknowledged}")
            written += [value] if found else []
        ledger = client.request("GET", "Basic/" + writer.ledger).json
        test.assertEqual((int(ledger["meta"]["versionId"]), ledger["code"]["text"]), (len(written), written[-1]))

#!/usr/bin/env python3
"""kill -9 while a SearchParameter is being built, beside writers: the job goes on where it was, and in the end the index
says of every resource what the resource says."""
import http.client
import pathlib
import random
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

PATIENTS, NAMES, BUNDLE = 2000, 40, 250
PARAMETER = {"resourceType": "SearchParameter", "id": "nick", "url": "http://x.test/nick", "name": "Nick",
             "status": "active", "description": "d", "code": "nick", "base": ["Patient"], "type": "string",
             "expression": "Patient.name.where(use = 'nickname').given"}


def patient(i, name):
    return {"resourceType": "Patient", "id": f"p{i}", "name": [{"use": "nickname", "given": [f"Name{name:02}"]}]}


class Writer(threading.Thread):
    def __init__(self, dev):
        super().__init__(daemon=True)
        self.client, self.ending, self.written = dev.client(timeout=10), threading.Event(), 0
        self.start()

    def run(self):
        while not self.ending.is_set():
            i = random.randrange(PATIENTS)
            try:
                if self.client.request("PUT", f"Patient/p{i}", patient(i, random.randrange(NAMES))).status == 200:
                    self.written += 1
            except (OSError, http.client.HTTPException):
                return
            time.sleep(0.02)


class Kill(unittest.TestCase):
    def state(self, client):
        """ "" when the parameter is not there, and its job."""
        for resource in client.request("GET", "metadata").json["rest"][0]["resource"]:
            for p in resource["searchParam"] if resource["type"] == "Patient" else []:
                if p["name"] == "nick":
                    text = p.get("documentation", "")
                    return p["extension"][0]["valueCode"], text[text.find("_job/"):].split(" ")[0]
        return "", ""

    def done(self, client, job):
        values = {p["name"]: p for p in client.request("GET", job).json["parameter"]}
        return values["done"]["valueDecimal"]

    def everyone(self, client, query):
        found, answer = {}, client.request("GET", query).json
        while True:
            for entry in answer.get("entry", []):
                if entry["search"]["mode"] == "match":
                    self.assertNotIn(entry["resource"]["id"], found)
                    found[entry["resource"]["id"]] = entry["resource"]
            following = [link["url"] for link in answer["link"] if link["relation"] == "next"]
            if not following:
                return found
            answer = client.request("GET", following[0].split("/fhir/")[1]).json

    def test_build(self):
        with Dev() as dev:
            client = dev.client()
            for first in range(0, PATIENTS, BUNDLE):
                answer = client.request("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
                    {"resource": patient(i, i % NAMES), "request": {"method": "PUT", "url": f"Patient/p{i}"}}
                    for i in range(first, first + BUNDLE)]})
                self.assertEqual(answer.status, 200)
            writers = [Writer(dev) for _ in range(3)]
            self.assertEqual(client.request("PUT", "SearchParameter/nick", PARAMETER).status, 201)
            self.assertTrue(wait_until(lambda: self.state(client)[0] == "building"))
            job = self.state(client)[1]
            self.assertTrue(wait_until(lambda: self.done(client, job) > PATIENTS // 10))
            before = self.done(client, job)
            dev.stop(signal.SIGKILL)
            dev.start()
            writers += [Writer(dev) for _ in range(3)]
            client = dev.client()
            self.assertEqual(self.state(client), ("building", job))
            after = self.done(client, job)
            self.assertLess(after, PATIENTS)
            self.assertGreaterEqual(after, before // 2, "it did not go on where it was")
            answer = client.request("GET", "Patient?nick=Name01", headers={"Prefer": "handling=strict"})
            self.assertEqual(answer.status, 400)
            self.assertTrue(wait_until(lambda: self.state(client)[0] == "ready", timeout=120))
            for writer in writers:
                writer.ending.set()
                writer.join(30)
                self.assertGreater(writer.written, 0)
            says = {rid: r["name"][0]["given"][0] for rid, r in self.everyone(client, "Patient?_count=500").items()}
            self.assertEqual(len(says), PATIENTS)
            for name in range(NAMES):
                value = f"Name{name:02}"
                self.assertEqual(set(self.everyone(client, f"Patient?nick={value}&_count=500")),
                                 {rid for rid in says if says[rid] == value})


if __name__ == "__main__":
    kagari.main()

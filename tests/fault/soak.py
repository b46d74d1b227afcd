#!/usr/bin/env python3
"""soak.py [SECONDS]: a mixed load over TLS (600 s), and the server's memory every 30 s.

Four clients create, read, update, delete, search, page, patch and post transactions as clinics do. Fails when an answer
is not the expected one, when the server's resident memory passes 100 MB, or when it grows by more than a tenth in the
second half of the run.
"""
import pathlib
import random
import sys
import threading
import time
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 600
LIMIT_KB = 100 * 1024


def resident_kb(pid):
    for line in open("/proc/%d/status" % pid):
        if line.startswith("VmRSS:"):
            return int(line.split()[1])


def expect(response, *status):
    if response.status not in status:
        raise AssertionError("%d instead of %s: %.300s" % (response.status, status, response.body))
    return response


class Clinic(threading.Thread):
    def __init__(self, dev, end, seed):
        super().__init__(daemon=True)
        self.client, self.end, self.random, self.count, self.failure = dev.client(), end, random.Random(seed), 0, None
        self.patients = []

    def call(self, method, path, *status, **more):
        self.count += 1
        return expect(self.client.request(method, path, **more), *status)

    def observation(self, patient):
        r = self.random
        return {"resourceType": "Observation", "status": "final", "subject": {"reference": patient},
                "code": {"coding": [{"system": "http://loinc.org", "code": r.choice(["8867-4", "8310-5", "29463-7"])}]},
                "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                          "code": "vital-signs"}]}],
                "effectiveDateTime": "20%02d-%02d-%02dT08:00:00Z" % (r.randint(10, 25), r.randint(1, 12), r.randint(1, 28)),
                "valueQuantity": {"value": r.randint(30, 180), "unit": "1", "system": "http://unitsofmeasure.org",
                                  "code": "1"}}

    def transaction(self):
        urn = "urn:uuid:" + str(uuid.UUID(int=self.random.getrandbits(128)))
        entries = [{"fullUrl": urn, "request": {"method": "POST", "url": "Patient"},
                    "resource": {"resourceType": "Patient", "birthDate": "19%02d-01-02" % self.random.randint(20, 99),
                                 "name": [{"family": "山田%d" % self.random.randint(0, 99), "given": ["花子"]}]}}]
        entries += [{"request": {"method": "POST", "url": "Observation"}, "resource": self.observation(urn)}
                    for _ in range(self.random.randint(1, 40))]
        made = self.call("POST", "", 200, body={"resourceType": "Bundle", "type": "transaction", "entry": entries}).json
        self.patients.append("/".join(made["entry"][0]["response"]["location"].split("/")[-4:-2]))
        del self.patients[:-200]

    def read_and_change(self):
        path = self.random.choice(self.patients)
        patient = self.call("GET", path, 200).json
        patient["active"] = self.random.random() < .5
        self.call("PUT", path, 200, 412, body=patient, headers={"If-Match": 'W/"%s"' % patient["meta"]["versionId"]})
        self.call("PATCH", path, 200, body=[{"op": "add", "path": "/gender", "value": "female"}],
                  headers={"Content-Type": "application/json-patch+json"})
        self.call("GET", path + "/_history", 200)

    def search(self):
        path = self.random.choice(self.patients)
        query = self.random.choice([
            "Observation?patient=%s&code=8867-4&_sort=-date&_count=10" % path, "Patient?name=%E5%B1%B1&_count=20",
            "Observation?subject=%s&_include=Observation:subject" % path, "Patient?birthdate=lt1950&_summary=true",
            "Observation?code=http://loinc.org%7C8867-4&value-quantity=gt100&_count=5", path + "/*?_count=50"])
        bundle = self.call("GET", query, 200).json
        for _ in range(3):
            following = [link["url"] for link in bundle.get("link", []) if link["relation"] == "next"]
            if not following:
                break
            bundle = self.call("GET", following[0].split("/fhir/")[1], 200).json

    def create_and_delete(self):
        made = self.call("POST", "Observation", 201, body=self.observation(self.random.choice(self.patients))).json
        self.call("DELETE", "Observation/" + made["id"], 204)
        self.call("GET", "Observation/" + made["id"], 410)

    def refused(self):
        self.call("POST", "Patient", 400, body={"resourceType": "Patient", "gender": "none of these"})
        self.call("GET", "Patient/" + str(uuid.UUID(int=self.random.getrandbits(128))), 404)

    def run(self):
        try:
            self.transaction()
            while time.monotonic() < self.end:
                self.random.choice([self.transaction, self.read_and_change, self.search, self.search,
                                    self.create_and_delete, self.refused])()
        except Exception as failure:
            self.failure = failure


def main():
    with kagari.Dev() as dev:
        end = time.monotonic() + SECONDS
        clinics = [Clinic(dev, end, seed) for seed in range(4)]
        for clinic in clinics:
            clinic.start()
        samples = []
        while time.monotonic() < end and not any(c.failure for c in clinics):
            time.sleep(min(30, max(1, SECONDS / 20)))
            samples.append(resident_kb(dev.process.pid))
            print("%5d s  %8d requests  %7.1f MB" % (SECONDS - (end - time.monotonic()), sum(c.count for c in clinics),
                                                     samples[-1] / 1024), flush=True)
        for clinic in clinics:
            clinic.join()
        failures = [repr(c.failure) for c in clinics if c.failure]
        middle = max(samples[:len(samples) // 2 + 1])
        if max(samples) > LIMIT_KB:
            failures.append("resident memory passed %d MB" % (LIMIT_KB // 1024))
        if samples[-1] > middle * 1.1:
            failures.append("resident memory grew from %d to %d kB in the second half" % (middle, samples[-1]))
        print("\n".join(failures) or "memory is flat")
        print("%d passed, %d failed" % (not failures, bool(failures)))
        return bool(failures)


sys.exit(main())

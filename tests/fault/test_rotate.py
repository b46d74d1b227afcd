#!/usr/bin/env python3
"""Data keys of sealed identities change while the server reads and writes; whoever is killed meanwhile goes on; with a lost
or another key nothing happens."""
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev

PATIENTS, BUNDLE = 3000, 500


class Rotate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev("--set", "identity.seal=on"))
        cls.client = cls.dev.client(timeout=120)
        for first in range(0, PATIENTS, BUNDLE):
            entries = [{"resource": cls.patient(i), "request": {"method": "PUT", "url": f"Patient/p{i}"}}
                       for i in range(first, first + BUNDLE)]
            answer = cls.client.request("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert answer.status == 200, answer.body[:500]

    @staticmethod
    def patient(i, family=None):
        return {"resourceType": "Patient", "id": f"p{i}", "name": [{"family": family or f"Family{i:05}"}]}

    def psql(self, *texts):
        return ["psql", "-XAtq", "-h", str((self.dev.data / "postgres").resolve()), "-U", "kagari",
                *(part for text in texts for part in ("-c", text)), "kagari"]

    def sql(self, text):
        return subprocess.run(self.psql(text), check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def used(self):
        """Which data keys something is sealed with."""
        return self.sql("SELECT string_agg(DISTINCT get_byte(sealed, 2)::text, ' ') FROM (SELECT sealed FROM res UNION ALL "
                        "SELECT sealed FROM res_history) x WHERE sealed IS NOT NULL")

    def rotate(self, *options):
        return subprocess.Popen([kagari.BINARY, "key", "rotate", "identities", "--config",
                                 str(self.dev.data / "kagari.conf"), "--set", "identity.seal=on", *options],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_1_lost_or_another_key(self):
        other = self.dev.data / "other.key"
        other.write_text("ab" * 32 + "\n")
        for path, said in ((other, "is not the key"), (self.dev.data / "none.key", "none.key")):
            process = self.rotate("--set", f"identity.key={path}")
            _, error = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 1)
            self.assertIn(said, error)
        self.assertEqual(self.sql("SELECT count(*) FROM identity_key"), "1")
        self.assertEqual(self.used(), "1")

    def test_2_killed_and_gone_on(self):
        stop, failures, answered = threading.Event(), [], 0

        def work():
            nonlocal answered
            client, i = self.dev.client(), 0
            while not stop.is_set():
                i = (i + 7) % PATIENTS
                read = client.request("GET", f"Patient/p{i}")
                found = client.request("GET", f"Patient?family=Family{i:05}&_count=1")
                written = client.request("PUT", f"Patient/p{i}", self.patient(i))
                history = client.request("GET", f"Patient/p{i}/_history")
                for answer in (read, found, written, history):
                    if answer.status != 200:
                        failures.append(answer.body[:300])
                if read.json["name"] != self.patient(i)["name"] or found.json.get("total") != 1:
                    failures.append((i, read.json))
                answered += 1

        # a row that somebody holds keeps it from coming to its end
        holder = subprocess.Popen(self.psql("BEGIN", "SELECT FROM res WHERE rid = 'p0' FOR UPDATE", "SELECT pg_sleep(300)"),
                                  stderr=subprocess.DEVNULL)
        holders = "FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)'"
        kagari.wait_until(lambda: self.sql("SELECT count(*) " + holders) == "1", 30)
        worker = threading.Thread(target=work)
        worker.start()
        try:
            process = self.rotate()
            kagari.wait_until(lambda: "2" in self.used().split(), 60)
            process.kill()
            process.communicate()
            self.sql("SELECT pg_terminate_backend(pid) " + holders)
            holder.wait()
            self.assertEqual(self.sql("SELECT count(*) FROM identity_key"), "2")
            self.assertEqual(self.used(), "1 2")
            process = self.rotate()
            output, error = process.communicate(timeout=240)
            self.assertEqual(process.returncode, 0, error)
            self.assertIn("data key 2", output)
        finally:
            stop.set()
            worker.join()
        self.assertEqual(failures[:3], [])
        self.assertGreater(answered, 10)
        self.assertEqual(self.sql("SELECT count(*) FROM identity_key"), "2")
        self.assertEqual(self.used(), "2")

    def test_3_after_a_restart(self):
        self.dev.stop()
        self.dev.start()
        client = self.dev.client()
        for i in (0, 1, PATIENTS - 1):
            self.assertEqual(client.request("GET", f"Patient/p{i}").json["name"], self.patient(i)["name"])
            self.assertEqual(client.request("GET", f"Patient/p{i}/_history/1").json["name"], self.patient(i)["name"])

    def test_4_another_key_encryption_key(self):
        def rotate(*options):
            return subprocess.run([kagari.BINARY, "key", "rotate", "wrapping", "--config",
                                   str(self.dev.data / "kagari.conf"), "--set", "identity.seal=on", *options],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)

        file, wrapped = self.dev.data / "identity.key", "SELECT string_agg(encode(wrapped, 'hex'), ' ' ORDER BY number) " \
            "FROM identity_key"
        old, new, before = file.read_text(), "cd" * 32 + "\n", self.sql(wrapped)
        other = self.dev.data / "other.key"
        other.write_text(new)
        failed = rotate("--set", f"identity.key={other}")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("is not the key", failed.stderr)
        self.assertEqual(self.sql(wrapped), before)
        file.write_text(new + old)
        done = rotate()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 of 2", done.stdout)
        self.assertNotEqual(self.sql(wrapped), before)
        self.assertEqual(self.dev.client().request("GET", "Patient/p1").json["name"], self.patient(1)["name"])
        self.assertIn("0 of 2", rotate().stdout)
        file.write_text(new)
        self.test_3_after_a_restart()

    def test_5_blind_key(self):
        def rotate():
            done = subprocess.run([kagari.BINARY, "key", "rotate", "index", "--config", str(self.dev.data / "kagari.conf"),
                                   "--set", "identity.seal=on"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        def found():
            return client.request("GET", "Patient?family=Family00001&_total=accurate").json["total"]

        client = self.dev.client()
        self.assertIn("blind key 1 is made: in", rotate())
        self.assertIn("is not in all of the index yet: in", rotate())
        self.assertEqual(found(), 1)
        self.sql("UPDATE blind_key SET made = made - interval '1 minute'")
        self.assertIn("POST", rotate())
        time.sleep(1)  # servers look four times a second
        job = client.request("POST", "$reindex", {"resourceType": "Parameters"}, headers={"Prefer": "respond-async"})
        where = urllib.parse.urlsplit(job.headers["Content-Location"]).path
        self.assertTrue(kagari.wait_until(lambda: found() == 1 and client.request("GET", where).status == 200, 120))
        self.assertEqual(self.sql("SELECT count(*) FROM blind_key WHERE done IS NOT NULL"), "1")
        time.sleep(1)
        self.assertEqual(found(), 1)
        self.assertIn("blind key 2 is made", rotate())


if __name__ == "__main__":
    kagari.main()

#!/usr/bin/env python3
"""`kagari dev`: first and later starts, what it leaves behind, how it ends."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

# Seconds; a build with sanitizers starts more slowly.
SECOND_START = 2 if "/san/" not in kagari.BINARY else 6


class Life(unittest.TestCase):
    """One instance, started again and again."""

    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev(samples=True))

    def running(self):
        if self.dev.process.poll() is not None:
            self.dev.start()
        return self.dev

    def test_curl_line(self):
        """What it prints for copying works as it stands."""
        line = re.search(r"^curl .*$", "".join(self.running().output), re.M)[0]
        out = subprocess.run(["sh", "-c", line + " --silent --show-error --fail"], capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertIn('"searchset"', out.stdout)

    def test_samples(self):
        """A name in kanji, one with a character outside the BMP, and a decimal, come back as they were written."""
        client = self.running().client()
        self.assertIn("髙橋", client.request("GET", "Patient/takahashi-kenta").body.decode())
        self.assertIn("𠮷田", client.request("GET", "Patient/yoshida-misaki").body.decode())
        self.assertIn(b"7.20", client.request("GET", "Observation/sato-hanako-hba1c-1").body)
        self.assertEqual(client.request("GET", "Patient?_summary=count").json["total"], 6)

    def test_secrets_are_private(self):
        dev = self.running()
        for name in ("token", "token.key", "tls.key", "hash.key", "kagari.conf"):
            self.assertEqual((dev.data / name).stat().st_mode & 0o077, 0, name)
        self.assertEqual((dev.data / "postgres").stat().st_mode & 0o077, 0)

    def test_postgres_is_private(self):
        """No TCP port, and not root."""
        pid = self.running().postmaster()
        self.assertNotEqual(os.stat(f"/proc/{pid}").st_uid, 0)
        sockets = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        for table in ("tcp", "tcp6"):
            for row in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                self.assertNotIn(f"socket:[{row.split()[9]}]", sockets)

    def test_second_start(self):
        """Everything is there again, at once, and a client's data with it."""
        dev = self.running()
        dev.client().request("PUT", "Basic/kept", {"resourceType": "Basic", "id": "kept", "code": {"text": "x"}})
        times = []
        for _ in range(3):  # others may keep the machine busy
            self.assertEqual(dev.stop(), 0)
            times.append(dev.start().seconds)
        self.assertLess(min(times), SECOND_START)
        self.assertEqual(dev.client().request("GET", "Basic/kept").status, 200)
        self.assertNotIn("loading sample patients", "".join(dev.output))

    def test_only_one(self):
        dev = self.running()
        with self.assertRaisesRegex(RuntimeError, "another `kagari dev` is running in"):
            Dev(data=dev.data).start()
        self.assertEqual(dev.client().request("GET", "metadata").status, 200)

    def test_ends_with_its_postgres(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            dev = self.running()
            pid = dev.postmaster()
            self.assertNotEqual(pid, 0)
            self.assertEqual(dev.stop(number), 0)
            self.assertFalse(os.path.exists(f"/proc/{pid}"), number)

    def test_killed(self):
        """PostgreSQL does not outlive it, and the next start works at once."""
        dev = self.running()
        pid = dev.postmaster()
        dev.stop(signal.SIGKILL)
        dev.start()
        self.assertTrue(wait_until(lambda: not os.path.exists(f"/proc/{pid}")))
        self.assertEqual(dev.client().request("GET", "metadata").status, 200)

    def test_stale_pid(self):
        """postmaster.pid of a crash, naming what is now another process."""
        dev = self.running()
        dev.stop()
        owner = (dev.data / "postgres").stat()
        stale = dev.data / "postgres/data/postmaster.pid"
        stale.write_text(f"{os.getpid()}\n")
        os.chown(stale, owner.st_uid, owner.st_gid)
        dev.start()

    def test_other_hash_key(self):
        """A server that would search an index made with another key does not start."""
        dev = self.running()
        dev.stop()
        key = dev.data / "hash.key"
        saved = key.read_text()
        key.write_text("0" * 32)
        try:
            with self.assertRaisesRegex(RuntimeError, "hash.key .store.hash_key. is not the key"):
                dev.start()
        finally:
            key.write_text(saved)
        dev.start()

    def test_postgres_restarted(self):
        """Killed, PostgreSQL is there again at once; tests/fault looks closer."""
        dev = self.running()
        before = dev.postmaster()
        os.kill(before, signal.SIGKILL)
        client = dev.client()
        self.assertTrue(wait_until(lambda: dev.postmaster() not in (0, before)))
        self.assertTrue(wait_until(lambda: client.request("GET", "Patient?_count=1").status == 200))
        dev.stop()


class Options(unittest.TestCase):
    def run_dev(self, *options):
        return subprocess.run([kagari.BINARY, "dev", *options], capture_output=True, text=True, timeout=30)

    def test_help(self):
        out = self.run_dev("--help")
        self.assertEqual((out.returncode, out.stderr), (0, ""))
        for option in ("--data", "--port", "--token-file", "--no-samples", "--set"):
            self.assertIn(option, out.stdout)

    def test_wrong(self):
        for options in (["--no-such"], ["operand"], ["--port"]):
            self.assertEqual(self.run_dev(*options).returncode, 2, options)

    def test_long_path_and_settings(self):
        """A path without room for a socket's name, --token-file and --set."""
        with tempfile.TemporaryDirectory(prefix="kagari-test-") as top:
            os.chmod(top, 0o711)
            data = pathlib.Path(top, "a folder, " + "x" * 100)
            token = pathlib.Path(top, "elsewhere")
            with Dev("--token-file", str(data / "token"), "--set", "search.count=7", data=data) as dev:
                self.assertEqual(dev.client().request("GET", "Patient?_summary=count").json["total"], 0)
                dev.stop()
            out = self.run_dev("--data", str(data), "--port", "0", "--token-file", str(token), "--set", "http.port=x")
            self.assertEqual(out.returncode, 1)
            self.assertIn("http.port is a number", out.stderr)
            self.assertTrue(token.exists())


if __name__ == "__main__":
    kagari.main()

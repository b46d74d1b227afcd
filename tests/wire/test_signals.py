#!/usr/bin/env python3
"""SIGHUP and SIGTERM, and what the service manager is told."""
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from kagari import Dev, wait_until

BASIC = {"resourceType": "Basic", "code": {"text": "x"}}


class Reload(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dev = cls.enterClassContext(Dev())
        client = cls.dev.client()
        for _ in range(5):
            assert client.request("POST", "Basic", BASIC).status == 201

    def setUp(self):
        self.settings = self.dev.data / "kagari.conf"
        self.saved = self.settings.read_text()

    def tearDown(self):
        self.settings.write_text(self.saved)
        self.dev.process.send_signal(signal.SIGHUP)

    def reload(self, more=""):
        self.settings.write_text(self.saved + more)
        self.dev.process.send_signal(signal.SIGHUP)

    def served_certificate(self):
        return ssl.get_server_certificate(("127.0.0.1", self.dev.port))

    def test_setting(self):
        client = self.dev.client()
        page = lambda: len(client.request("GET", "Basic").json["entry"])
        self.assertEqual(page(), 5)
        self.reload("search.count = 3\n")
        self.assertTrue(wait_until(lambda: page() == 3))

    def test_wrong_setting(self):
        """It says so and goes on as it was, the setting before the wrong one included."""
        client = self.dev.client()
        self.reload("search.count = 2\nno.such = 1\n")
        self.assertTrue(wait_until(lambda: "no.such" in "".join(self.dev.output)))
        self.assertEqual(len(client.request("GET", "Basic").json["entry"]), 5)

    def test_setting_that_needs_a_restart(self):
        self.reload("http.connections = 100\n")
        self.assertTrue(wait_until(lambda: "http.connections" in "".join(self.dev.output)))

    def test_certificate(self):
        """New connections see the new one; one that is open goes on."""
        client = self.dev.client()
        self.assertEqual(client.request("GET", "metadata").status, 200)
        connection = client.connection
        before = self.served_certificate()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", self.dev.data / "tls.key", "-out", self.dev.data / "tls.crt"],
                       check=True, capture_output=True)
        self.reload()
        self.assertTrue(wait_until(lambda: self.served_certificate() != before))
        self.assertEqual(client.request("GET", "metadata").status, 200)
        self.assertIs(client.connection, connection)
        self.assertEqual(self.dev.client().request("GET", "metadata").status, 200)

    def test_no_request_is_dropped(self):
        wrong, ending = [], threading.Event()

        def ask():
            client = self.dev.client()
            while not ending.is_set():
                try:
                    status = client.request("GET", "Basic?_count=1").status
                except Exception as error:
                    status = repr(error)
                if status != 200:
                    wrong.append(status)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            self.reload()
            time.sleep(0.02)
        ending.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class End(unittest.TestCase):
    def test_drain(self):
        """A request that has begun is answered; then the process ends."""
        with Dev() as dev:
            context = ssl.create_default_context(cafile=str(dev.data / "tls.crt"))
            body = b'{"resourceType": "Basic", "code": {"text": "last"}}'
            head = (f"POST /fhir/Basic HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {dev.token}\r\n"
                    f"Content-Type: application/fhir+json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
            with context.wrap_socket(socket.create_connection(("127.0.0.1", dev.port)), server_hostname="127.0.0.1") as s:
                s.sendall(head + body[:10])
                time.sleep(0.3)
                dev.process.send_signal(signal.SIGTERM)
                time.sleep(0.3)
                s.sendall(body[10:])
                answer = s.recv(4096)
                self.assertTrue(answer.startswith(b"HTTP/1.1 201 "), answer[:100])
            self.assertEqual(dev.process.wait(30), 0)

    def test_deferred(self):
        """A request that is answered later does not hold the end up, and whoever asks is told that it is lost."""
        with Dev() as dev:
            holder = dev.psql("BEGIN; LOCK TABLE idx_str; SELECT pg_sleep(60)")
            time.sleep(0.5)
            client = dev.client()
            answer = client.request("GET", "Patient?name=x", headers={"Prefer": "respond-async"})
            self.assertEqual(answer.status, 202)
            status = answer.headers["Content-Location"].split("/fhir/")[1]
            self.assertEqual(client.request("GET", status).status, 202)
            client.close()
            begun = time.monotonic()
            self.assertEqual(dev.stop(), 0)
            self.assertLess(time.monotonic() - begun, 20)
            holder.wait(10)
            dev.start()
            answer = dev.client().request("GET", status)
            self.assertEqual(answer.status, 500)
            self.assertIn("again", answer.json["issue"][0]["diagnostics"])


class Manager(unittest.TestCase):
    def test_notifications(self):
        with Dev() as dev, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            name = f"kagari-test-{os.getpid()}"
            manager.bind("\0" + name)
            manager.settimeout(30)
            server = subprocess.Popen(
                [kagari.BINARY, "serve", "--config", str(dev.data / "kagari.conf"), "--set", "http.port=0"],
                env={**os.environ, "NOTIFY_SOCKET": "@" + name, "WATCHDOG_USEC": "400000"}, stderr=subprocess.DEVNULL)

            def expect(word):
                end = time.monotonic() + 30
                while time.monotonic() < end:
                    if manager.recv(4096).decode().startswith(word):
                        return
                self.fail(f"no {word}")

            try:
                for word, number in (("READY=1", None), ("WATCHDOG=1", signal.SIGHUP), ("RELOADING=1", None),
                                     ("READY=1", None), ("WATCHDOG=1", signal.SIGTERM), ("STOPPING=1", None)):
                    expect(word)
                    if number:
                        server.send_signal(number)
                self.assertEqual(server.wait(30), 0)
            finally:
                server.kill()
                server.wait()


if __name__ == "__main__":
    kagari.main()

"""For the tests that run the real server: a development instance, a client, and the line that counts the tests.

$KAGARI is the binary, build/release/kagari by default. Python's standard library only.
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("KAGARI", str(ROOT / "build/release/kagari"))
FHIR_JSON = "application/fhir+json"
IDLE = 60  # seconds; the server closes what is idle for longer (http.idle_timeout)


class Response:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One connection, opened again when it is lost. Not thread safe."""

    def __init__(self, port, token=None, cafile=None, timeout=30):
        self.port, self.token, self.timeout = port, token, timeout
        self.context = ssl.create_default_context(cafile=cafile)
        self.connection = None
        self.answered = 0

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def request(self, method, path, body=None, headers=None, auth=True):
        """path is relative to /fhir unless it begins with /. Raises OSError or HTTPException without an answer."""
        sent = {"Accept": FHIR_JSON, **(headers or {})}
        if auth and self.token:
            sent.setdefault("Authorization", "Bearer " + self.token)
        if body is not None:
            sent.setdefault("Content-Type", FHIR_JSON)
            if not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            if isinstance(body, str):
                body = body.encode()
        if time.monotonic() - self.answered > IDLE:
            self.close()
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection(
                    "127.0.0.1", self.port, timeout=self.timeout, context=self.context)
            self.connection.request(method, path if path.startswith("/") else "/fhir/" + path, body, sent)
            answer = self.connection.getresponse()
            response = Response(answer.status, answer.headers, answer.read())
            self.answered = time.monotonic()
            if answer.will_close:
                self.close()
            return response
        except BaseException:
            self.close()
            raise


class Dev:
    """A `kagari dev` of its own: `with Dev() as dev: dev.client().request("GET", "Patient")`."""

    def __init__(self, *options, data=None, samples=False):
        self.temporary = None if data else tempfile.mkdtemp(prefix="kagari-test-")
        self.data = pathlib.Path(data or self.temporary)
        seal = ["--set", "identity.seal=on"] if os.environ.get("KAGARI_TEST_SEAL") else []
        self.options = seal + list(options) + ([] if samples else ["--no-samples"])
        self.process = None
        self.output = []

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.stop()
        self.remove()

    def start(self, timeout=60):
        """Returns when the server is ready; raises RuntimeError with what it said when it ends instead."""
        self.output = []
        started = time.monotonic()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM",  # however the test ends
             BINARY, "dev", "--data", str(self.data), "--port", "0", *self.options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        ready = threading.Event()

        def read(process=self.process):
            for line in process.stdout:
                self.output.append(line)
                if line.startswith("ready "):
                    ready.set()
            ready.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        ready.wait(timeout)
        match = re.search(r"^ready https://127\.0\.0\.1:(\d+)/fhir$", "".join(self.output), re.M)
        if not match:
            self.process.kill()
            self.process.wait()
            raise RuntimeError("kagari dev did not become ready:\n" + "".join(self.output))
        self.seconds = time.monotonic() - started
        self.port = int(match[1])
        self.base = f"https://127.0.0.1:{self.port}/fhir"
        self.token = (self.data / "token").read_text().strip()
        return self

    def client(self, **options):
        return Client(self.port, self.token, str(self.data / "tls.crt"), **options)

    def stop(self, number=signal.SIGTERM, timeout=60):
        """Ends it; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout) if self.process else 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        if self.process:
            self.reader.join(5)
        return status

    def remove(self):
        if self.temporary:
            shutil.rmtree(self.temporary, ignore_errors=True)

    def postmaster(self):
        """The pid of its PostgreSQL, 0 without one."""
        try:
            pid = int((self.data / "postgres/data/postmaster.pid").read_text().split("\n")[0])
            os.kill(pid, 0)
            return pid
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return 0

    def psql(self, text):
        """A process that runs these statements."""
        return subprocess.Popen(["psql", "-q", "-h", (self.data / "postgres").resolve(), "-U", "kagari", "-d", "kagari",
                                 "-c", text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def backends(self):
        """The pids of the postmaster's children."""
        pid = self.postmaster()
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] if pid else []


def wait_until(condition, timeout=30, step=0.02):
    """The first true value of condition(), or what it was at the end."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


def main():
    """Runs the tests of the calling module, or those named, and ends with the line that counts them."""
    loader, module = unittest.defaultTestLoader, sys.modules["__main__"]
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else loader.loadTestsFromModule(module))
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    # A class that could not be set up is an error, but none of the tests that ran.
    passed = result.testsRun - len(result.skipped) - failed + sum(
        not isinstance(test, unittest.TestCase) for test, _ in result.errors)
    print(f"{passed} passed, {failed} failed")
    sys.exit(bool(failed))

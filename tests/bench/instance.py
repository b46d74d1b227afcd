"""What the bench runs against: servers on a development instance's database, its data, and requests for them."""
import json
import os
import pathlib
import re
import subprocess
import time

import kagari

BUILD = kagari.ROOT / "build/release"
JSON, NDJSON = "application/fhir+json", "application/fhir+ndjson"
PLAIN = ("http.tls_cert=", "http.tls_key=")
MINIMAL = "Prefer: return=minimal\r\n"


class Server:
    """`kagari serve` on the instance's database; its log goes to a file, as a service's would."""

    def __init__(self, dev, log, *settings):
        self.log = open(log, "ab")
        self.start = os.fstat(self.log.fileno()).st_size
        begun = time.monotonic()
        options = [x for s in settings for x in ("--set", s)]
        self.process = subprocess.Popen([kagari.BINARY, "serve", "--config", str(dev.data / "kagari.conf"),
                                         "--set", "http.port=0", *options], stderr=self.log)
        with open(log, "rb") as f:
            f.seek(self.start)
            text = b""
            while b'"event":"ready"' not in text:
                if self.process.poll() is not None or time.monotonic() > begun + 30:
                    raise RuntimeError("the server did not start:\n" + text.decode())
                text += f.read()
                time.sleep(.0005)
        self.seconds = time.monotonic() - begun
        self.port = int(re.search(rb'"ready","port":(\d+)', text)[1])
        self.path = log

    def forget_log(self):
        os.truncate(self.path, 0)

    def cpu(self):
        return cpu_of(self.process.pid)

    def rss_mb(self, field="VmRSS"):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(field + r":\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def cpu_of(pid):
    """Seconds of CPU."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def conninfo(dev, database="kagari", user="kagari"):
    own = re.search(r"^db\.conninfo = (.*)$", (dev.data / "kagari.conf").read_text(), re.M)[1]
    return own.replace("dbname=kagari", f"dbname={database}").replace("user=kagari", f"user={user}")


def postgres_cpu(dev):
    """Seconds of CPU of all of PostgreSQL's processes, those that have ended included."""
    fields = pathlib.Path(f"/proc/{dev.postmaster()}/stat").read_text().rpartition(")")[2].split()
    return sum(map(cpu_of, dev.backends())) + (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


def sql(dev, *texts, **whom):
    """Each text is a transaction of its own."""
    return subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", conninfo(dev, **whom), *(x for t in texts for x in ("-c", t))], check=True, text=True,
                          stdout=subprocess.PIPE, env={**os.environ, "PGOPTIONS": "-c client_min_messages=error"}
                          ).stdout.strip()


def text_of(resource):
    return json.dumps(resource, ensure_ascii=False, separators=(",", ":"))


class Requests:
    """Files of prepared requests for the load generator."""

    def __init__(self, folder, token):
        self.folder = folder
        self.headers = f"Host: 127.0.0.1\r\nAccept: {JSON}\r\nAuthorization: Bearer {token}\r\n"

    def one(self, method, path, body=None, headers="", name=""):
        """body: a resource, or the bytes of NDJSON. name: what load.c reads behind the length."""
        text = f"{method} /fhir{path} HTTP/1.1\r\n{self.headers}{headers}"
        content = b""
        if body is not None:
            lines = isinstance(body, bytes)
            content = body if lines else text_of(body).encode()
            text += f"Content-Type: {NDJSON if lines else JSON}\r\nContent-Length: {len(content)}\r\n"
        whole = text.encode() + b"\r\n" + content
        return b"%d%s\n%s" % (len(whole), name.encode(), whole)

    def file(self, name, requests):
        path = self.folder / f"{name}.requests"
        with open(path, "wb") as f:
            f.writelines(requests)
        return path

    def gets(self, name, paths):
        return self.file(name, (self.one("GET", p) for p in paths))


def transaction(entries):
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def send(server, path, connections, *options):
    """Lets the load generator (load.c) send a file of requests; what it measured."""
    answer = subprocess.run([BUILD / "bench-load", "--port", str(server.port), "--connections", str(connections), *options,
                             path], stdout=subprocess.PIPE, text=True)
    if not answer.stdout:
        raise RuntimeError("the load generator failed")
    return json.loads(answer.stdout)

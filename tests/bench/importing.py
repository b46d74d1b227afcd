"""Transactions of whole patients, and the yardstick of their import: a durable COPY of the rows that they became.

Bundles are the project's own (chart.py), or with BENCH_SYNTHEA=N the Synthea bundles of ../shared: those are imported, and
N times as many are there before, each time under new ids and identifiers.
"""
import collections
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tarfile

import chart
import instance
import kagari

ARCHIVE = kagari.ROOT.parent / "shared/data/synthea-r4-124-bundles.tar.xz"
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
COPIES = int(os.environ.get("BENCH_SYNTHEA", 0))
OWN, CLIENTS = 60, 20


def synthea(copy):
    """The bundles with ids and identifiers of their own; those of organizations and practitioners first."""
    def anew(match):
        h = hashlib.blake2b(match[0], digest_size=16, key=b"%d" % copy).hexdigest()
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-8{h[17:20]}-{h[20:]}".encode()

    with tarfile.open(ARCHIVE) as archive:
        texts = {m.name: archive.extractfile(m).read() for m in archive if m.name.endswith(".json")}
    for name in sorted(texts, key=lambda name: "Information" not in name):
        yield json.loads(UUID.sub(anew, texts[name]))


def bundles(copy):
    if COPIES:
        return list(synthea(copy))
    rng = random.Random(copy)
    return [chart.journey(rng) for _ in range(OWN)]


def load(dev, server, requests):
    """The copies that are not there yet: copy n ≥ 1, since the suite imports copy 0."""
    state = dev.data / "synthea"
    for copy in range(int(state.read_text()) if state.exists() else 0, COPIES):
        path = requests.file("synthea", (requests.one("POST", "", x, instance.MINIMAL) for x in synthea(copy + 1)))
        result = instance.send(server, path, CLIENTS, "--once")
        if result["failed"]:
            raise RuntimeError("the Synthea bundles could not be loaded")
        state.write_text(str(copy + 1))
        print(f"Synthea: {copy + 1} of {COPIES}, {result['n']} bundles in {result['seconds']:.0f} s", file=sys.stderr)


class Import:
    """One set of bundles for all rounds: every entry of a transaction is a POST, and becomes another resource each time."""

    def __init__(self, b):
        self.b, self.dev = b, b.dev
        made = bundles(0)
        self.resources = sum(len(x["entry"]) for x in made)
        b.requests.file("staff", (b.requests.one("PUT", f"/{r['resourceType']}/{r['id']}", r) for r in chart.staff()))
        instance.send(b.plain, b.folder / "staff.requests", 1, "--once")
        b.requests.file("import", (b.requests.one("POST", "", x, instance.MINIMAL) for x in made))
        self.scripts = []

    def through_server(self):
        begun = instance.sql(self.dev, "SELECT pg_current_xact_id()")
        result = self.b.load(self.b.plain, "import", CLIENTS, "--once")
        if not self.scripts:
            self.take_rows(begun)
        result["rate"] = self.resources / result["seconds"]
        for field in ("server_us", "postgres_us", "load_us"):
            result[field] *= result["n"] / self.resources
        return result

    def take_rows(self, xid):
        """Scripts of COPY with the rows that were written since, each transaction of the server's one of theirs; and the
        tables that they go to, empty ones in a schema of their own."""
        tables = instance.sql(self.dev, """SELECT table_name FROM information_schema.columns WHERE table_schema = 'public'
                                           AND column_name = 'k' AND table_name ~ '^(res|contained|idx_)' ORDER BY 1""").split()
        instance.sql(self.dev, "DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench;" + "".join(
            f"CREATE TABLE bench.{t} (LIKE public.{t} INCLUDING ALL);" for t in tables))
        instance.sql(self.dev, f"""CREATE TABLE bench.batch AS WITH r AS (
            SELECT k, dense_rank() OVER (ORDER BY xid) AS n FROM res WHERE xid > '{xid}'::xid8)
            SELECT * FROM r UNION ALL SELECT c.k, r.n FROM contained c JOIN r ON c.ck = r.k""")
        batches = collections.defaultdict(lambda: collections.defaultdict(list))
        for table in tables:
            rows = instance.sql(self.dev, f"COPY (SELECT n, t.* FROM {table} t JOIN bench.batch USING (k)) TO STDOUT")
            for row in rows.splitlines():
                n, _, rest = row.partition("\t")
                batches[int(n)][table].append(rest)
        clock = "SELECT extract(epoch FROM clock_timestamp());\n"
        for client in range(CLIENTS):
            self.scripts.append(self.b.folder / f"copy{client}.sql")
            with open(self.scripts[-1], "w") as f:
                f.write(clock)
                for n in sorted(batches)[client::CLIENTS]:
                    f.write("BEGIN;\n")
                    for table, rows in batches[n].items():
                        f.write(f"COPY bench.{table} FROM STDIN;\n" + "\n".join(rows) + "\n\\.\n")
                    f.write("COMMIT;\n")
                f.write(clock)
        self.tables = tables

    def by_copy(self):
        if not self.scripts:
            self.through_server()
        instance.sql(self.dev, "TRUNCATE " + ", ".join("bench." + t for t in self.tables))
        clients = [subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", instance.conninfo(self.dev), "-f", script],
                                    stdout=subprocess.PIPE, text=True) for script in self.scripts]
        times = [list(map(float, c.communicate()[0].split())) for c in clients]
        if any(c.returncode for c in clients):
            raise RuntimeError("COPY failed")
        return {"rate": self.resources / (max(t[1] for t in times) - min(t[0] for t in times))}

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
import resource
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


COPY = "kagari_copy"  # the database that the yardstick writes to


def forget_copy(dev):
    instance.sql(dev, f"DROP DATABASE IF EXISTS {COPY} WITH (FORCE)", database="postgres", user="postgres")


def make_copy(dev):
    """File by file: tables and indexes with all that is in them. Servers notice that their connections are gone."""
    forget_copy(dev)
    instance.sql(dev, "ALTER DATABASE kagari ALLOW_CONNECTIONS false",
                 "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'kagari'",
                 f"CREATE DATABASE {COPY} TEMPLATE kagari OWNER kagari STRATEGY file_copy",
                 "ALTER DATABASE kagari ALLOW_CONNECTIONS true", database="postgres", user="postgres")


def checkpoint(dev):
    """So that the log has whole pages of both, or of neither."""
    instance.sql(dev, "CHECKPOINT", user="postgres")


class Import:
    """One set of bundles for all rounds: every entry of a transaction is a POST, and becomes another resource each time.
    The yardstick copies what the last import has written into tables that have what the server's had before, so that both
    grow from round to round."""

    def __init__(self, b):
        self.b, self.dev = b, b.dev
        made = bundles(0)
        self.resources = sum(len(x["entry"]) for x in made)
        b.requests.file("staff", (b.requests.one("PUT", f"/{r['resourceType']}/{r['id']}", r) for r in chart.staff()))
        instance.send(b.plain, b.folder / "staff.requests", 1, "--once")
        b.requests.file("import", (b.requests.one("POST", "", x, instance.MINIMAL) for x in made))
        self.tables = instance.sql(self.dev, """SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attname = 'k' AND relname ~ '^(res|contained|idx_)'
            """).split()
        self.scripts = []

    def through_server(self):
        if not self.scripts:
            make_copy(self.dev)
        begun = instance.sql(self.dev, "SELECT pg_current_xact_id()")
        checkpoint(self.dev)
        result = self.b.load(self.b.plain, "import", CLIENTS, "--once")
        self.take_rows(begun)
        result["rate"] = self.resources / result["seconds"]
        for field in ("server_us", "postgres_us", "load_us"):
            result[field] *= result["n"] / self.resources
        return result

    def take_rows(self, xid):
        """Scripts of COPY with the rows that were written since, each transaction of the server's one of theirs."""
        instance.sql(self.dev, f"""DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench;
            CREATE TABLE bench.batch AS WITH r AS (SELECT k, xid FROM res WHERE xid > '{xid}'::xid8)
            SELECT * FROM r UNION ALL SELECT c.k, r.xid FROM contained c JOIN r ON c.ck = r.k""")
        batches = collections.defaultdict(lambda: collections.defaultdict(list))
        for table in self.tables:
            rows = instance.sql(self.dev, f"COPY (SELECT b.xid, t.* FROM {table} t JOIN bench.batch b USING (k)) TO STDOUT")
            for row in rows.split("\n") if rows else ():
                n, _, rest = row.partition("\t")
                batches[int(n)][table].append(rest)
        clock = "SELECT extract(epoch FROM clock_timestamp());\n"
        self.scripts = []
        for client in range(CLIENTS):
            self.scripts.append(self.b.folder / f"copy{client}.sql")
            with open(self.scripts[-1], "w") as f:
                f.write(clock)
                for n in sorted(batches)[client::CLIENTS]:
                    f.write("BEGIN;\n")
                    for table, rows in batches[n].items():
                        f.write(f"COPY {table} FROM STDIN;\n" + "\n".join(rows) + "\n\\.\n")
                    f.write("COMMIT;\n")
                f.write(clock)

    def by_copy(self):
        if not self.scripts:
            self.through_server()
        checkpoint(self.dev)
        database, own = instance.postgres_cpu(self.dev), resource.getrusage(resource.RUSAGE_CHILDREN)
        clients = [subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", instance.conninfo(self.dev, COPY), "-f",
                                     script], stdout=subprocess.PIPE, text=True) for script in self.scripts]
        times = [list(map(float, c.communicate()[0].split())) for c in clients]
        if any(c.returncode for c in clients):
            raise RuntimeError("COPY failed")
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {"rate": self.resources / (max(t[1] for t in times) - min(t[0] for t in times)),
                "postgres_us": (instance.postgres_cpu(self.dev) - database) / self.resources * 1e6,
                "load_us": (load.ru_utime + load.ru_stime - own.ru_utime - own.ru_stime) / self.resources * 1e6}

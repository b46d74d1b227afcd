"""One measurement: of the server by the load generator, or of PostgreSQL alone by pgbench."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import importing
import instance
import kagari
import loading
import yardstick


ATTEMPTS = 3


@contextlib.contextmanager
def opened(seconds, scale):
    """A Bench on the instance in $BENCH_DATA, or on one that ends with it, with the data of this scale."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kagari-bench-"))
    folder.chmod(0o711)  # PostgreSQL runs as another user when this one is root
    try:
        with kagari.Dev(data=os.environ.get("BENCH_DATA") or str(folder / "instance")) as dev:
            loader = instance.Server(dev, folder / "loader.log", *instance.PLAIN)
            try:
                loading.load(dev, loader, folder, scale)
                importing.load(dev, loader, instance.Requests(folder, dev.token))
                instance.sql(dev, "VACUUM ANALYZE")
            finally:
                loader.stop()  # those that are measured start with the statistics of the data
            bench = Bench(dev, folder, seconds, scale)
            try:
                yield bench
            finally:
                bench.stop()
                importing.forget_copy(dev)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Bench:
    """An instance with its data, a plain and a TLS server on it, and the files of requests and scripts."""

    def __init__(self, dev, folder, seconds, scale):
        self.dev, self.folder, self.seconds, self.scale = dev, folder, seconds, scale
        self.requests = instance.Requests(self.folder, dev.token)
        self.yardstick = yardstick.Yardstick(instance.BUILD / "bench-statement", dev.data / "kagari.conf", self.folder)
        self.number = int(time.time()) % 50_000_000  # what the load generator writes for ~~~~~~~~
        self.plain = self.server(*instance.PLAIN)
        self.tls = self.server()
        self.caching = {}

    def server(self, *settings):
        return instance.Server(self.dev, self.folder / "server.log", *settings)

    def stop(self):
        self.plain.stop()
        self.tls.stop()
        for server in self.caching.values():
            server.stop()

    def load(self, server, name, connections, *options):
        """The load generator with a file of requests; also µs of CPU a request of the server and of PostgreSQL."""
        self.number += 500_000
        before, database = server.cpu(), instance.postgres_cpu(self.dev)
        for _ in range(ATTEMPTS):  # many resources: what a search reads may have to come from the disk, once
            result = instance.send(server, self.folder / f"{name}.requests", connections, "--first", str(self.number), *options)
            if result["n"]:
                break
        else:
            raise RuntimeError(f"{name}: no request was answered within {self.seconds} s")
        if result["failed"]:
            print(f"{name}: {result['failed']} of {result['n']} requests failed", file=sys.stderr)
        result["server_us"] = (server.cpu() - before) / result["answered"] * 1e6
        result["postgres_us"] = (instance.postgres_cpu(self.dev) - database) / result["answered"] * 1e6
        result["rss_mb"] = server.rss_mb()
        server.forget_log()
        return result

    def serve(self, name, connections, *options, tls=False, times=1):
        """For `times` as long as other measurements."""
        return self.load(self.tls if tls else self.plain, name, connections, "--seconds", str(self.seconds * times), *options,
                         *(["--tls"] if tls else []))

    def cached(self, mode, name, connections):
        """The same by a server with a cache, which is filled before."""
        if mode not in self.caching:
            self.caching[mode] = self.server(*instance.PLAIN, f"cache.reads={mode}", "cache.size=256M")
            self.load(self.caching[mode], name, connections, "--once")
        return self.load(self.caching[mode], name, connections, "--seconds", str(self.seconds))

    def pgbench(self, scripts, clients, times=1):
        """Transactions a second of the server's statements."""
        seconds = max(1, round(self.seconds * times))
        # every run continues the surrogate keys where the run before it cannot have come to
        self.yardstick.k += 1 << 40
        text = "".join(s.read_text() for s in scripts)
        defines = {"n": 0, "base": self.yardstick.k,
                   **{n: v for n, v in self.yardstick.defines.items() if ":" + n in text}}
        output = subprocess.run(
            ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds),
             *(f"-D{n}={v}" for n, v in defines.items()), *(x for s in scripts for x in ("-f", s)),
             instance.conninfo(self.dev)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"})
        tps = re.search(r"^tps = ([\d.]+) \(without", output.stdout, re.M)
        failed = re.search(r"^number of failed transactions: (\d+)", output.stdout, re.M)
        if not tps or (failed and int(failed[1])) or "abort" in output.stderr:
            raise RuntimeError(output.stdout + output.stderr)
        return {"rate": float(tps[1]), "mean_us": clients / float(tps[1]) * 1e6}

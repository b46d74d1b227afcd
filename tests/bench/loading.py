#!/usr/bin/env python3
"""Loads the invented patients (data.py) through the server, piece by piece, and follows the growth of the database.

    loading.py FOLDER [SCALE]   loads them into the instance in FOLDER; without SCALE: only prints its growth

A folder may be loaded further, to a larger scale, and a load that was broken off goes on where it was: FOLDER/loaded says
how many patients are there, FOLDER/growth.ndjson has the size of every table and index after each piece. Progress goes to
stderr, the bytes a resource takes to stdout, as JSON.
"""
import collections
import concurrent.futures
import http.client
import json
import multiprocessing
import os
import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import data
import instance
import kagari

PIECE = 300  # patients that are made while those before them are loaded: 30,000 resources, 40 MB
PATIENCE = 600  # seconds that a piece may take
SIZES = """SELECT json_object_agg(c.relname, pg_relation_size(c.oid) + CASE c.relkind WHEN 'r' THEN
  pg_table_size(c.oid) - pg_relation_size(c.oid) ELSE 0 END) FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'i') AND pg_relation_size(c.oid) > 100000"""


def make(path, first, last):
    """A piece as NDJSON; how many resources are in it."""
    n = 0
    with open(path, "w") as f:
        for resource in data.resources(first, last):
            f.write(instance.text_of(resource) + "\n")
            n += 1
    return path, n


def send(server, token, path, n):
    """One request; fails unless all its lines were written."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    with open(path, "rb") as f:
        connection.request("POST", "/fhir", f, {"Content-Type": instance.NDJSON, "Authorization": "Bearer " + token,
                                                "Content-Length": str(os.fstat(f.fileno()).st_size)})
        answer = connection.getresponse()
        outcome = json.loads(answer.read())
    connection.close()
    counts = {e["url"]: e["valueDecimal"] for extension in outcome.get("extension", []) for e in extension["extension"]}
    if answer.status != 200 or counts["created"] + counts["updated"] != n:
        raise RuntimeError(f"the data could not be loaded: {answer.status} {json.dumps(outcome)[:2000]}")


def load(dev, server, folder, scale):
    target = int(data.PATIENTS * scale)
    state = dev.data / "loaded"
    done = json.loads(state.read_text()) if state.exists() else {"patients": 0, "resources": 0}
    begun, at_first = time.monotonic(), done["resources"]
    pieces = [(p, min(p + PIECE, target)) for p in range(done["patients"], target, PIECE)]
    to_come = (target - done["patients"]) * data.EACH
    # begun as a process of its own, not forked: this one has threads
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as maker, \
            open(dev.data / "growth.ndjson", "a") as growth:
        def submit(piece):
            return maker.submit(make, folder / f"patients-{piece[0]}", *piece)

        made = collections.deque(map(submit, pieces[:1]))
        for i, (_, last) in enumerate(pieces):
            made.extend(map(submit, pieces[i + 1:i + 2]))
            path, n = made.popleft().result()
            send(server, dev.token, path, n)
            path.unlink()
            server.forget_log()
            done = {"patients": last, "resources": done["resources"] + n}
            state.with_suffix(".new").write_text(json.dumps(done))
            state.with_suffix(".new").rename(state)
            seconds, n = time.monotonic() - begun, done["resources"] - at_first
            sizes = json.loads(instance.sql(dev, SIZES))
            growth.write(json.dumps({**done, "seconds": round(seconds, 1), "bytes": sizes}) + "\n")
            growth.flush()
            print(f"{done['resources']:,} resources, {n / seconds:,.0f} a second, {sum(sizes.values()) / 1e9:.1f} GB, "
                  f"{max(0, to_come - n) / n * seconds / 60:.0f} minutes to go", file=sys.stderr, flush=True)


def growth(folder):
    """Bytes a resource, a line for each table and index: of all, and of those loaded last (a third of them or more)."""
    lines = [json.loads(line) for line in open(pathlib.Path(folder) / "growth.ndjson")]
    end = lines[-1]
    before = max((line for line in lines if line["resources"] <= end["resources"] * 2 / 3),
                 key=lambda line: line["resources"], default={"resources": 0, "bytes": {}})
    for sizes in (end["bytes"], before["bytes"]):
        sizes["total"] = sum(sizes.values())
    last = end["resources"] - before["resources"]
    yield {"resources": end["resources"], "last": last}
    for name, size in sorted(end["bytes"].items(), key=lambda item: -item[1]):
        yield {"relation": name, "each": round(size / end["resources"], 1),
               "each_of_last": round((size - before["bytes"].get(name, 0)) / last, 1)}


def main():
    folder = pathlib.Path(sys.argv[1])
    if len(sys.argv) > 2:
        with kagari.Dev(data=str(folder)) as dev, tempfile.TemporaryDirectory(prefix="kagari-bench-") as temporary:
            server = instance.Server(dev, pathlib.Path(temporary) / "log", *instance.PLAIN)
            try:
                load(dev, server, pathlib.Path(temporary), float(sys.argv[2]))
            finally:
                server.stop()
    print("\n".join(map(json.dumps, growth(folder))))


if __name__ == "__main__":
    main()

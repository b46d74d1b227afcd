#!/usr/bin/env python3
"""compare.py [--seed N] [--count N] [--url URL]: the project's own data set against a development instance.

Each question goes to the server and to the scan; a difference is printed with what a reader needs to judge it. The last
line counts the questions.
"""
import argparse
import json
import pathlib
import random
import sys
import time
import urllib.parse

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1] / "support")]
import facts
import kagari
import queries
import scan
import values

MANY = 300  # more matches are counted, and their first page is compared


def encode(pairs):
    return "&".join(f"{urllib.parse.quote(n, safe=':')}={urllib.parse.quote(v, safe='')}" for n, v in pairs)


class Comparison:
    def __init__(self, client, base, resources, seed=1, log=sys.stdout):
        self.client, self.base, self.log = client, base, log
        self.scan = scan.Scan(facts.Facts(), base, resources)
        self.generator = queries.Generator(self.scan, random.Random(seed))
        self.passed = self.failed = 0

    def report(self, url, text):
        self.log.write(f"DIFFERENT: {urllib.parse.unquote(url)}\n    {url}\n    {text}\n")

    # ---- asking

    def get(self, url, pairs=(), post=False):
        if post:
            path, _, query = url.partition("?")
            answer = self.client.request("POST", path + "/_search", query, {"Content-Type": "application/x-www-form-urlencoded"})
        else:
            answer = self.client.request("GET", url)
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.body[:400].decode(errors='replace')}")
        return json.loads(answer.body)

    def pages(self, url, post=False, limit=None):
        """The Bundles from the first to the last, or a first few."""
        while url and limit != 0:
            bundle = self.get(url, post=post)
            yield bundle
            url = next((l["url"][len(self.base) + 1:] for l in bundle["link"] if l["relation"] == "next"), None)
            post, limit = False, limit and limit - 1

    def entries(self, bundle, mode):
        return [(e["resource"]["resourceType"], e["resource"]["id"]) for e in bundle.get("entry", []) if e["search"]["mode"] == mode]

    # ---- comparing

    def url(self, q, extra=()):
        pairs = list(q.criteria) + q.result + list(extra)
        if q.sort:
            pairs.append(("_sort", q.sort))
        for reverse, iterate, text in q.includes:
            pairs.append((("_revinclude" if reverse else "_include") + (":iterate" if iterate else ""), text))
        path = "/".join(q.compartment) + "/" if q.compartment else ""
        return f"{path}{q.kinds[0]}?{encode(pairs)}"

    def differences(self, q):
        expected = self.scan.matches(q.kinds, q.criteria, q.compartment)
        want, many = set(expected), len(expected) > MANY
        size = q.count if q.count and len(expected) < 60 else 50 if many else 1000
        url = self.url(q, [("_count", str(size))])
        got, total, pages = [], None, 0
        for bundle in self.pages(url, q.post and not q.compartment, limit=1 if many else None):
            pages += 1
            page = self.entries(bundle, "match")
            got += page
            if len(page) > size:
                yield f"{len(page)} matches on a page of {size}"
            if "total" in bundle:
                if bundle["total"] != len(want):
                    yield f"total {bundle['total']} instead of {len(want)}"
            elif ("_total", "accurate") in q.result:
                yield "no total"
            unknown = [e["resource"] for e in bundle.get("entry", []) if e["search"]["mode"] == "outcome"]
            if unknown:
                yield f"outcome: {json.dumps(unknown)[:300]}"
            if ("_summary", "count") in q.result:
                if page:
                    yield "entries with _summary=count"
                return
            if q.includes and not many:
                included, wanted = set(self.entries(bundle, "include")), self.scan.included(page, q.includes)
                wanted -= want if not q.count else set()
                if included - want != wanted - want:
                    yield f"includes: {len(included)} instead of {len(wanted)}; not expected {sorted(included - wanted)[:3]}, missing {sorted(wanted - included)[:3]}"
        if len(set(got)) != len(got):
            yield f"repeated: {[r for r in got if got.count(r) > 1][:3]}"
        if set(got) - want or (not many and want - set(got)):
            yield f"{len(set(got))} instead of {len(want)}; not expected {self.show(set(got) - want, q)}, missing {self.show(want - set(got), q)}"
            return
        if q.sort and not self.scan.is_sorted(q.kinds[0], [i for _, i in got], q.sort):
            keys = [(c.lstrip("-"), c.startswith("-")) for c in q.sort.split(",")]
            yield f"not in order of {q.sort}: {[[self.scan.sort_value(*r, c, d) for c, d in keys] for r in got][:40]}"
        if pages > 1:
            once = self.entries(self.get(self.url(q, [("_count", "1000")])), "match")
            if once != got:
                yield f"another order on one page: {once[:8]} … {got[:8]}"

    def show(self, rows, q):
        out = []
        for kind, id in sorted(rows)[:3]:
            said = {}
            for name, _ in q.criteria:
                p = self.scan.parameters[kind].get(name.split(":")[0].split(".")[0])
                if p and p.kind != "composite":
                    said[p.code] = self.scan.values(p, self.scan.resources[kind, id])
            out.append(f"{kind}/{id} {str(said)[:700]}")
        return out

    def ask(self, q):
        self.scan.now = values.micros(__import__("datetime").datetime.now(values.ZONE))
        found = None
        try:
            found = list(self.differences(q))
        except ValueError as e:
            found = [str(e)]
        for text in found:
            self.report(self.url(q), text)
        self.passed, self.failed = self.passed + (not found), self.failed + bool(found)

    def run(self, count):
        for _ in range(count):
            self.ask(self.generator.query())


def load(client, resources):
    """PUTs all in a few batches; the resources with the server's lastUpdated."""
    out = []
    for n in range(0, len(resources), 50):
        part = resources[n:n + 50]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in part]}
        answer = client.request("POST", "", facts.write(bundle))
        if answer.status != 200:
            raise SystemExit(f"loading: {answer.status} {answer.body[:2000].decode()}")
        for r, e in zip(part, answer.json["entry"]):
            if not e["response"]["status"].startswith("20"):
                raise SystemExit(f"loading {r['resourceType']}/{r['id']}: {json.dumps(e)[:1000]}")
            stored = facts.parse(facts.write(r))
            stored.setdefault("meta", {})["lastUpdated"] = e["response"]["lastModified"]
            out.append(stored)
    return out


def main():
    import data
    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=500)
    options = options.parse_args()
    with kagari.Dev() as dev:
        client = dev.client()
        started = time.monotonic()
        comparison = Comparison(client, dev.base, load(client, data.resources()), options.seed)
        loaded = time.monotonic()
        comparison.run(options.count)
        print(f"loaded in {loaded - started:.1f} s, compared in {time.monotonic() - loaded:.1f} s")
        print(f"{comparison.passed} passed, {comparison.failed} failed")
    sys.exit(bool(comparison.failed))


if __name__ == "__main__":
    main()

"""The project's own data set against a development instance: main(), with --seed N and --count N.

Each question goes to the server and to the scan; a difference is printed with what a reader needs to judge it. The last
line counts the questions.
"""

import argparse
import collections
import concurrent.futures
import datetime
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

sys.path[:0] = [
    str(pathlib.Path(__file__).resolve().parent),
    str(pathlib.Path(__file__).resolve().parents[1] / "support"),
]
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
        self.scan = scan.Scan(facts.Facts(), base, resources, set())
        self.random = random.Random(seed)
        self.deleted = []
        self.passed = self.failed = 0

    def report(self, url, text):
        self.log.write(f"DIFFERENT: {urllib.parse.unquote(url)}\n    {url}\n    {text}\n")

    # ---- asking

    def get(self, url, post=False):
        if post:  # some of the parameters in the URL, the others in the body
            path, _, query = url.partition("?")
            pairs = query.split("&")
            some = self.random.randint(0, len(pairs) - 1)
            answer = self.client.request(
                "POST",
                (path + "/" if path else "") + "_search" + ("?" + "&".join(pairs[:some]) if some else ""),
                "&".join(pairs[some:]),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
        else:
            answer = self.client.request("GET", url)
        if answer.status != 200:
            raise ValueError(f"{answer.status} {answer.body[:400].decode(errors='replace')}")
        return json.loads(answer.body)

    def pages(self, url, post=False, limit=None, relation="next"):
        """The Bundles from the first to the last, or a first few."""
        while url and limit != 0:
            bundle = self.get(url, post)
            yield bundle
            url = self.link(bundle, relation)
            post, limit = False, limit and limit - 1

    def link(self, bundle, relation):
        return next((l["url"][len(self.base) :].lstrip("/") for l in bundle["link"] if l["relation"] == relation), None)

    def entries(self, bundle, mode):
        return [
            (
                e["resource"]["resourceType"],
                e["fullUrl"][len(self.base) + 1 :] if "#" in e.get("fullUrl", "") else e["resource"]["id"],
            )
            for e in bundle.get("entry", [])
            if e["search"]["mode"] == mode
        ]

    # ---- comparing

    def url(self, q, extra=()):
        pairs = list(q.criteria) + q.result + list(extra)
        if q.sort:
            pairs.append(("_sort", q.sort))
        if q.contained:
            pairs += [("_contained", q.contained[0]), ("_containedType", q.contained[1])]
        for reverse, iterate, text in q.includes:
            pairs.append((("_revinclude" if reverse else "_include") + (":iterate" if iterate else ""), text))
        path = "/".join(q.compartment) + "/" if q.compartment else ""
        if len(q.kinds) > 1:
            pairs.insert(0, ("_type", ",".join(q.kinds)))
        return f"{path}{q.kinds[0] if len(q.kinds) == 1 else '*' if path else ''}?{encode(pairs)}"

    def differences(self, q):
        if q.contained:
            itself = q.contained[1] == "contained"
            expected = self.scan.matches_contained(q.kinds[0], q.criteria, q.contained[0], itself)
        else:
            expected = self.scan.matches(q.kinds, q.criteria, q.compartment)
        want, many = set(expected), len(expected) > MANY
        size = q.count if q.count and len(expected) < 60 else 50 if many else 1000
        url = self.url(q, [("_count", str(size))])
        got, pages = [], []
        asked = collections.Counter((n, t) for n, t in q.criteria)
        for bundle in self.pages(url, q.post and not q.compartment, limit=1 if many else None):
            page = self.entries(bundle, "match")
            pages.append(page)
            got += page
            if len(page) > size:
                yield f"{len(page)} matches on a page of {size}"
            if "total" in bundle:
                if bundle["total"] != len(want):
                    yield f"total {bundle['total']} instead of {len(want)}"
            elif ("_total", "accurate") in q.result:
                yield "no total"
            said = collections.Counter(
                urllib.parse.parse_qsl(urllib.parse.urlparse(self.link(bundle, "self")).query, keep_blank_values=True)
            )
            if asked - said:
                yield f"not in the self link: {asked - said}"
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
        if q.sort and not self.scan.is_sorted(got, expected, q.sort):
            keys = [(c.lstrip("-"), c.startswith("-")) for c in q.sort.split(",")]
            yield f"not in order of {q.sort}: {[[self.scan.sort_value(*r, c, d) for c, d in keys] for r in got][:40]}"
        if any(n in ("_text", "_content") for n, _ in q.criteria) and not (q.sort or q.compartment or many):
            ranked = self.get(self.url(q, [("_count", "1000"), ("_sort", "_score")]))
            scores = [e["search"]["score"] for e in ranked.get("entry", []) if e["search"]["mode"] == "match"]
            if scores != sorted(scores, reverse=True) or len(scores) != len(want):
                yield f"not in order of _score: {scores[:40]}"
        if len(pages) > 1:
            back = [self.entries(b, "match") for b in self.pages(self.link(bundle, "previous"), relation="previous")]
            if back[::-1] != pages[:-1]:
                yield f"backwards: {back[::-1]} instead of {pages[:-1]}"
            once = self.entries(self.get(self.url(q, [("_count", "1000")])), "match")
            if once != got:
                yield f"another order on one page: {once[:8]} … {got[:8]}"

    def show(self, rows, q):
        out = []
        for kind, id in sorted(rows)[:3]:
            said = {}
            for name, _ in q.criteria:
                p = self.scan.parameters[kind].get(name.split(":")[0].split(".")[0])
                if p and p.kind not in ("composite", "special") and (id in self.scan.by_type.get(kind, ()) or "#" in id):
                    said[p.code] = self.scan.values(p, self.scan.at(kind, id))
            out.append(f"{kind}/{id} {str(said)[:700]}")
        return out

    def ask(self, q):
        self.scan.now = values.micros(datetime.datetime.now(values.ZONE))
        found = None
        try:
            found = list(self.differences(q))
        except ValueError as e:
            found = [str(e)]
        except BaseException:
            self.report(self.url(q), "no answer")
            raise
        for text in found:
            self.report(self.url(q), text)
        self.passed, self.failed = self.passed + (not found), self.failed + bool(found)

    def run(self, count, kinds=None):
        generator = queries.Generator(self.scan, self.random, kinds)
        for n in range(count):
            self.ask(generator.query())
            if n % 10 == 0:
                self.refused(*generator.wrong())

    def run_beside_a_writer(self, client_of, count, kinds):
        """Of all kinds but Basic, while somebody writes such: that changes no answer."""
        done = threading.Event()

        def write():
            client, random_ = client_of(), random.Random(count)
            while not done.is_set():
                id = f"beside{random_.randrange(40)}"
                body = {
                    "resourceType": "Basic",
                    "id": id,
                    "code": {"coding": [{"system": "http://example.org/b", "code": f"x{random_.randrange(5)}"}]},
                    "created": f"20{random_.randrange(10, 30)}-01-01",
                }
                self.check(
                    client.request("DELETE", f"Basic/{id}")
                    if random_.random() < 0.2
                    else client.request("PUT", f"Basic/{id}", body)
                )

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            writer = pool.submit(write)
            try:
                self.run(count, set(kinds) - {"Basic"})
            finally:
                done.set()
            writer.result()

    def refused(self, kind, name, text):
        url = f"{kind}?{encode([(name, text)])}"
        answer = self.client.request("GET", url)
        self.passed, self.failed = self.passed + (answer.status == 400), self.failed + (answer.status != 400)
        if answer.status != 400:
            self.report(url, f"{answer.status} instead of 400: {answer.body[:200].decode()}")

    # ---- writing in between

    def change(self, n):
        """Some resources get the content of another one of their type, some are deleted, some come again."""
        resources = list(self.scan.resources.values())
        spare = self.deleted + self.random.sample(resources, n)
        self.deleted, changed = [], []
        for r in spare:
            other = self.random.choice([o for o in resources if o["resourceType"] == r["resourceType"]] or [r])
            if self.random.random() < 0.2:
                self.check(self.client.request("DELETE", f"{r['resourceType']}/{r['id']}"))
                self.deleted.append(r)
            else:
                changed.append({**other, "id": r["id"]})
        gone = {(r["resourceType"], r["id"]) for r in spare}
        kept = [r for k, r in self.scan.resources.items() if k not in gone]
        self.scan = scan.Scan(
            self.scan.facts,
            self.base,
            kept + load(self.client, changed),
            self.scan.gone | {(r["resourceType"], r["id"]) for r in self.deleted},
        )

    def check(self, answer):
        if answer.status not in (200, 201, 204):
            raise ValueError(f"{answer.status} {answer.body[:400].decode(errors='replace')}")
        return answer

    def walks(self, client_of, seconds):
        """Pages are turned while others write: what stays as it was comes once, in order; what changes at most once."""
        still, moving = ([f"walk-{name}{n}" for n in range(count)] for name, count in (("s", 60), ("m", 30)))
        text = {
            id: {
                "resourceType": "Observation",
                "id": id,
                "status": "final",
                "code": {"coding": [{"system": "http://example.org/walk", "code": f"c{n % 7}"}]},
                "meta": {"tag": [{"code": "walk"}]},
                "effectiveDateTime": f"2020-01-{n % 9 + 1:02d}",
                "valueQuantity": {"value": n % 5, "unit": "x"},
            }
            for n, id in enumerate(still + moving)
        }
        load(self.client, list(text.values()))
        end = time.monotonic() + seconds

        def write(part):
            client, random_ = client_of(), random.Random(part)
            while time.monotonic() < end:
                id = random_.choice(moving[part::2])
                body = {
                    **text[id],
                    "effectiveDateTime": f"2020-01-{random_.randint(1, 28):02d}",
                    "valueQuantity": {"value": random_.randint(0, 9), "unit": "x"},
                }
                self.check(
                    client.request("DELETE", f"Observation/{id}")
                    if random_.random() < 0.3
                    else client.request("PUT", f"Observation/{id}", body)
                )

        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            writers = [pool.submit(write, part) for part in range(2)]
            while time.monotonic() < end:
                sort = self.random.choice(
                    [
                        "",
                        "date",
                        "-date",
                        "code",
                        "-value-quantity,_id",
                        "_lastUpdated",
                        "-_lastUpdated",
                        "_id",
                        "code,-date",
                    ]
                )
                criteria = self.random.choice(
                    [
                        [("_tag", "walk")],
                        [("_tag", "walk"), ("date", "ge2020")],
                        [("code", "http://example.org/walk|")],
                        [("status", "final"), ("code", "c1,c2,c3,c4,c5,c6,c0"), ("_tag", "walk")],
                    ]
                )
                url = "Observation?" + encode(
                    criteria + [("_count", str(self.random.randint(1, 20)))] + ([("_sort", sort)] if sort else [])
                )
                got = [id for bundle in self.pages(url) for _, id in self.entries(bundle, "match")]
                twice = {id for id in got if got.count(id) > 1}
                missing = set(still) - set(got)
                self.passed, self.failed = self.passed + (not twice and not missing), self.failed + bool(
                    twice or missing
                )
                if twice or missing:
                    self.report(url, f"while others write: twice {sorted(twice)[:5]}, missing {sorted(missing)[:5]}")
            for w in writers:
                w.result()


def load(client, resources):
    """PUTs all in a few batches; the resources with the server's meta."""
    out = []
    for n in range(0, len(resources), 50):
        part = resources[n : n + 50]
        bundle = {
            "resourceType": "Bundle",
            "type": "batch",
            "entry": [
                {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in part
            ],
        }
        answer = client.request("POST", "", facts.write(bundle), {"Prefer": "return=representation"})
        for r, e in zip(part, answer.json["entry"]):
            if not e["response"]["status"].startswith("20"):
                raise ValueError(f"loading {r['resourceType']}/{r['id']}: {json.dumps(e)[:1000]}")
            out.append(
                {**facts.parse(facts.write(r)), "meta": e["resource"]["meta"]}
            )  # labels of the version before stay
    return out


def main():
    import data

    options = argparse.ArgumentParser()
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--count", type=int, default=500)
    options = options.parse_args()
    with kagari.Dev() as dev:
        started = time.monotonic()
        comparison = Comparison(dev.client(), dev.base, load(dev.client(), data.resources()), options.seed)
        loaded = time.monotonic()
        for n in range(0, options.count, 100):
            comparison.change(20)
            comparison.run(min(100, options.count - n))
        compared = time.monotonic()
        comparison.walks(dev.client, 2)
        print(
            f"loaded in {loaded - started:.1f} s, compared in {compared - loaded:.1f} s, with {(len(comparison.deleted))} deleted"
        )
        print(f"{comparison.passed} passed, {comparison.failed} failed")
    sys.exit(bool(comparison.failed))

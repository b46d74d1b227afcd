"""The suites: what each needs is made when it is called, and what it measures are rows of the table.

A row's ratio compares measurements of one round: OF says with what. floor must be held, goal is where this goes.
"""
import itertools
import random
import re
import subprocess
import typing

import chart
import data
import importing
import instance
import mix
import searches


LINES = 500  # of Observations in a body
CHECKED = 3  # searches of each kind whose totals are counted


class Row(typing.NamedTuple):
    name: str
    measure: typing.Callable | None  # None: a ratio of what another row has measured
    of: str = ""
    floor: float | None = None
    goal: float | None = None
    factor: float = 1  # what one request counts for: the resources of a transaction


def best(round, what):
    """Of some numbers of clients."""
    return max((v for n, v in round.items() if n.startswith(f"pgbench {what}, ")), key=lambda v: v["rate"])


def rate_to(what):
    return lambda r, row: r[row.name]["rate"] * row.factor / best(r, what)["rate"]


def base(row):
    return row.name.partition(": ")[0]


class Of(typing.NamedTuple):
    needs: tuple  # rows that are measured for it
    ratio: typing.Callable
    lower_is_better: bool = False
    absolute: bool = False  # a figure of this machine, no ratio


# R, W: pgbench reading by primary key, creating; both with the server's own statements
OF = {
    "R": Of(("pgbench read, 8", "pgbench read, 16"), rate_to("read")),
    "W": Of(("pgbench create, 8", "pgbench create, 16"), rate_to("create")),
    "pgbench": Of(("pgbench crud, 8", "pgbench crud, 16"), lambda r, row: r[row.name]["rate"] / 36 / best(r, "crud")["rate"]),
    "COPY": Of(("COPY of its rows, 20",), lambda r, row: r[row.name]["rate"] / r["COPY of its rows, 20"]["rate"]),
    "JSON": Of((), lambda r, row: r["validate"][row.name.rpartition(" ")[2]] / r["validate"]["JSON"]),
    "plain": Of((), lambda r, row: r[row.name]["rate"] / r[row.name.replace(" over TLS", "")]["rate"]),
    "read p50": Of(("read, 1",), lambda r, row: r[row.name]["p50_us"] / r["read, 1"]["p50_us"], True),
    "its p50": Of((), lambda r, row: r[base(row)]["p99_us"] / r[base(row)]["p50_us"], True),
    # p99 within 15 ms where one of R's reads takes half a millisecond or less
    "15 ms": Of(("pgbench read, 8", "pgbench read, 16"),
                lambda r, row: r[row.name]["p99_us"] / 15000 / max(1, best(r, "read")["mean_us"] / 500), True),
    **{unit: Of((), lambda r, row, field=field: r[base(row)][field], True, True)
       for unit, field in (("ms", "ms"), ("MB", "mb"), ("µs of CPU", "server_us"))},
}


def needed(row):
    """The names of the rows that its ratio takes measurements from."""
    other = row.name.replace(" over TLS", "") if row.measure else base(row)
    return [*(OF[row.of].needs if row.of else ()), *([other] if other != row.name else [])]


def yardsticks(b):
    """name → function that measures."""
    scripts = {"read": (lambda: b.yardstick.read(observations(b)), 1), "create": (b.yardstick.create, 3), "crud": (b.yardstick.crud, 3)}
    made = {}

    def measure(what, clients):
        make, times = scripts[what]  # long enough that preparing does not count
        if what not in made:
            made[what] = make()
        return b.pgbench(made[what], clients, times)

    return {f"pgbench {what}, {n}": lambda what=what, n=n: measure(what, n) for what in scripts for n in (8, 16)}


def observations(b):
    return int(data.PATIENTS * b.scale) * data.OBSERVATIONS


def read(b):
    rng = random.Random(4)
    b.requests.gets("read", (f"/Observation/o{rng.randrange(observations(b))}" for _ in range(20000)))
    for n, against in ((1, ()), (16, ("R",)), (64, ("R", .7, .9)), (300, ("R",))):
        yield Row(f"read, {n}", lambda n=n: b.serve("read", n), *against)
    yield Row("read, 64: server", None, "µs of CPU", 35, 20)
    yield Row("read, 64, bounded cache", lambda: b.cached("bounded", "read", 64), "R", 1, 1.5)
    yield Row("read, 64, strict cache", lambda: b.cached("strict", "read", 64), "R")
    for n in (1, 16, 64, 300):
        yield Row(f"read over TLS, {n}", lambda n=n: b.serve("read", n, tls=True), "plain", .45, .55)


def measured(rng):
    """An Observation that gets its id from the server."""
    o = data.written(rng)
    del o["id"]
    return o


def create_requests(requests, n):
    rng = random.Random(4)
    return (requests.one("POST", "/Observation", measured(rng), instance.MINIMAL) for _ in range(n))


def create(b):
    rng = random.Random(4)

    def update(i):
        o = data.written(rng, f"u{i}")
        o["note"][0]["text"] += " ~~~~~~~~"
        return b.requests.one("PUT", f"/Observation/u{i}", o, instance.MINIMAL)

    b.requests.file("create", create_requests(b.requests, 2000))
    b.requests.file("update", map(update, rng.sample(range(data.UPDATED), data.UPDATED)))
    yield Row("create, 16", lambda: b.serve("create", 16), "W", 1.0, 1.2)
    yield Row("create, 64", lambda: b.serve("create", 64), "W", 1.2, 1.5)
    yield Row("update, 64", lambda: b.serve("update", 64), "W")


def admission(rng):
    """A transaction of 100: an Encounter, three Conditions and 96 Observations that refer to it."""
    subject, visit = f"Patient/w{rng.randrange(1000)}", "urn:uuid:00000000-0000-4000-8000-%012d" % rng.randrange(10**12)
    made = [data.encounter(rng, 0, subject), *(data.condition(rng, 0, subject) for _ in range(3)),
            *(data.written(rng, subject=subject, visit=visit) for _ in range(96))]
    entries = []
    for r in made:
        del r["id"]
        entries.append({"resource": r, "request": {"method": "POST", "url": r["resourceType"]}})
    entries[0]["fullUrl"] = visit
    return instance.transaction(entries)


def bundle(b):
    rng = random.Random(4)
    b.requests.file("bundle", (b.requests.one("POST", "", admission(rng), instance.MINIMAL) for _ in range(50)))
    yield Row("bundle of 100, 8", lambda: b.serve("bundle", 8), "W", 1.5, 2.5, 100)
    lines = "".join(instance.text_of(measured(rng)) + "\n" for _ in range(LINES)).encode()
    b.requests.file("ndjson", [b.requests.one("POST", "", lines)])
    yield Row(f"NDJSON of {LINES:,}, 2", lambda: b.serve("ndjson", 2, times=2), "W", 2.5, 3, LINES)


def crud_requests(requests, iterations=40):
    """Nine creates, reads, updates that change one field, and deletes in the reverse order; what is created refers to the
    ids that the creates before it were answered with (load.c)."""
    ids = {type: "@" * 35 + str(slot) for slot, type in enumerate(chart.ORDER)}
    for i in range(iterations):
        made = chart.nine(i, ids)
        for slot, (type, r) in enumerate(made.items()):
            new = {k: v for k, v in r.items() if k != "id"}
            yield requests.one("POST", f"/{type}", new, instance.MINIMAL, f" create-{type} {slot}")
        for type in chart.ORDER:
            yield requests.one("GET", f"/{type}/{ids[type]}", name=f" read-{type}")
        for type, r in made.items():
            yield requests.one("PUT", f"/{type}/{r['id']}", {**r, **chart.CHANGED[type]}, instance.MINIMAL, f" update-{type}")
        for type in reversed(chart.ORDER):
            yield requests.one("DELETE", f"/{type}/{ids[type]}", name=f" delete-{type}")


def crud(b):
    b.requests.file("crud", crud_requests(b.requests))
    yield Row("crud, 300", lambda: b.serve("crud", 300, "--each", "--warm", "4", times=4), "pgbench", .9, 1)
    yield Row("crud, 300: p99", None, "its p50", 5, 4)


def imported(b):
    """Rates are of resources."""
    i = importing.Import(b)
    yield Row("import, 20", i.through_server, "COPY", .6, .8)
    yield Row("COPY of its rows, 20", i.by_copy)


def file_name(search):
    return "search-" + re.sub(r"\W+", "-", search)


def clinical(b):
    client = b.dev.client()
    for name, (targets, url) in searches.clinical(b.scale).items():
        b.requests.gets(file_name(name), [url() for _ in range(1000)] if url else [searches.deep_page(client)])
        yield Row(f"search: {name}", lambda name=name: b.serve(file_name(name), 1), "read p50", *targets)
    client.close()


def search(b):
    client, urls = b.dev.client(), {}
    for name, url in mix.mix(b.dev).items():
        urls[name] = [url() for _ in range(1000)]
        for one in urls[name][:CHECKED]:
            mix.check_total(client, one)
        b.requests.gets(file_name(name), urls[name])
        yield Row(f"mix: {name}", lambda name=name: b.serve(file_name(name), 30, times=.5), "15 ms", 1, .5)
    client.close()
    b.requests.gets("mix", itertools.chain(*zip(*urls.values())))
    yield Row("mix: all, 30", lambda: b.serve("mix", 30), "15 ms", 1, .5)


def validate(b):
    """Resources a second on one thread; reading them from JSON is 1 (validate.c)."""
    def measure():
        text = subprocess.run([instance.BUILD / "bench-validate"], check=True, text=True, stdout=subprocess.PIPE).stdout
        return {name: float(rate) for name, rate in re.findall(r"^  (\w+).* (\d+) /s", text, re.M)}

    yield Row("validate", measure)
    for name in ("structure", "base"):
        yield Row(f"validate: {name}", None, "JSON")


def startup(b):
    def start():
        server = b.server(*instance.PLAIN)
        server.stop()
        return {"ms": server.seconds * 1000}

    yield Row("cold start to ready", start, "ms", 300, 100)


def memory(b):
    """After 300 clients have written and read."""
    def measure():
        b.serve("read", 300, times=.3)
        return {"mb": b.serve("create", 300, times=.3)["rss_mb"]}

    list(read(b)), list(create(b))
    yield Row("RSS, 300 clients, after writes", measure, "MB", 100, 60)


SUITES = {"read": read, "clinical": clinical, "search": search, "create": create, "bundle": bundle, "crud": crud,
          "import": imported, "validate": validate,
          "startup": startup, "memory": memory}

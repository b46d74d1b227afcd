"""The Synthea suite: all bundles load over 20 connections; what is there then agrees with a plain scan of the files.

The scan knows nothing of the server but the ids that its responses name: it takes each search parameter's values from
the resources by element paths and compares them as search.html says.
"""
import collections
import concurrent.futures
import datetime
import decimal
import json
import random
import re
import threading
import time
import unicodedata
import urllib.parse

CONNECTIONS = 20
MANY = 300
ZONE = datetime.timezone(datetime.timedelta(hours=9))  # store.zone of a development instance
FIRST, LAST = datetime.datetime.min.replace(tzinfo=datetime.timezone.utc), datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)


class Literal(str):
    """A number as it was written."""


def parse(text):
    return json.loads(text, parse_float=Literal, parse_int=Literal)


# ---- the parameters that the scan knows: type → name → kind and paths ("a.b:Type" asks resourceType of a reference)

SUBJECT = ("reference", ["subject"])
PARAMETERS = {
    "Patient": {
        "identifier": ("token", ["identifier"]), "gender": ("token", ["gender"]), "birthdate": ("date", ["birthDate"]),
        "family": ("string", ["name.family"]), "given": ("string", ["name.given"]), "name": ("string", ["name.family", "name.given", "name.prefix", "name.suffix", "name.text"]),
        "address-city": ("string", ["address.city"]), "address-state": ("string", ["address.state"]),
        "language": ("token", ["communication.language"]), "death-date": ("date", ["deceasedDateTime"]), "phone": ("token", ["telecom"]),
    },
    "Observation": {
        "code": ("token", ["code"]), "category": ("token", ["category"]), "status": ("token", ["status"]), "date": ("date", ["effectiveDateTime", "effectivePeriod"]),
        "patient": SUBJECT, "subject": SUBJECT, "encounter": ("reference", ["encounter"]), "value-quantity": ("quantity", ["valueQuantity"]),
        "value-concept": ("token", ["valueCodeableConcept"]), "component-code": ("token", ["component.code"]),
        "component-value-quantity": ("quantity", ["component.valueQuantity"]), "combo-code": ("token", ["code", "component.code"]),
    },
    "Condition": {
        "code": ("token", ["code"]), "clinical-status": ("token", ["clinicalStatus"]), "patient": SUBJECT, "encounter": ("reference", ["encounter"]),
        "onset-date": ("date", ["onsetDateTime", "onsetPeriod"]), "abatement-date": ("date", ["abatementDateTime"]), "recorded-date": ("date", ["recordedDate"]),
    },
    "Encounter": {
        "class": ("token", ["class"]), "type": ("token", ["type"]), "status": ("token", ["status"]), "date": ("date", ["period"]), "patient": SUBJECT,
        "service-provider": ("reference", ["serviceProvider"]), "participant": ("reference", ["participant.individual"]), "reason-code": ("token", ["reasonCode"]),
    },
    "Procedure": {"code": ("token", ["code"]), "date": ("date", ["performedPeriod", "performedDateTime"]), "patient": SUBJECT, "status": ("token", ["status"])},
    "MedicationRequest": {"code": ("token", ["medicationCodeableConcept"]), "authoredon": ("date", ["authoredOn"]), "status": ("token", ["status"]),
                          "intent": ("token", ["intent"]), "patient": SUBJECT, "requester": ("reference", ["requester"])},
    "Immunization": {"vaccine-code": ("token", ["vaccineCode"]), "date": ("date", ["occurrenceDateTime"]), "patient": ("reference", ["patient"]), "status": ("token", ["status"])},
    "DiagnosticReport": {"code": ("token", ["code"]), "date": ("date", ["effectiveDateTime"]), "issued": ("date", ["issued"]), "patient": SUBJECT, "result": ("reference", ["result"])},
    "CarePlan": {"category": ("token", ["category"]), "date": ("date", ["period"]), "status": ("token", ["status"]), "patient": SUBJECT, "condition": ("reference", ["addresses"])},
    "Claim": {"status": ("token", ["status"]), "use": ("token", ["use"]), "created": ("date", ["created"]), "patient": ("reference", ["patient"]), "provider": ("reference", ["provider"])},
    "ExplanationOfBenefit": {"identifier": ("token", ["identifier"]), "created": ("date", ["created"]), "patient": ("reference", ["patient"]), "status": ("token", ["status"])},
    "ImagingStudy": {"started": ("date", ["started"]), "modality": ("token", ["series.modality"]), "bodysite": ("token", ["series.bodySite"]), "patient": SUBJECT},
    "Goal": {"lifecycle-status": ("token", ["lifecycleStatus"]), "achievement-status": ("token", ["achievementStatus"]), "patient": SUBJECT},
    "AllergyIntolerance": {"code": ("token", ["code"]), "criticality": ("token", ["criticality"]), "category": ("token", ["category"]), "patient": ("reference", ["patient"])},
    "Organization": {"name": ("string", ["name", "alias"]), "identifier": ("token", ["identifier"]), "address-city": ("string", ["address.city"]), "active": ("token", ["active"])},
    "Practitioner": {"identifier": ("token", ["identifier"]), "family": ("string", ["name.family"]), "gender": ("token", ["gender"])},
}


def walk(node, path):
    """The values at a path of element names."""
    if isinstance(node, list):
        for item in node:
            yield from walk(item, path)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from walk(node[path[0]], path[1:])


def instants(text):
    """A date, dateTime or instant as a range, its end not included."""
    if m := re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", text):
        y, mo, d = int(m[1]), int(m[2] or 1), int(m[3] or 1)
        lo = datetime.datetime(y, mo, d, tzinfo=ZONE)
        hi = (lo + datetime.timedelta(days=1) if m[3] else lo.replace(year=y + mo // 12, month=mo % 12 + 1) if m[2] else lo.replace(year=y + 1))
        return lo, hi
    lo = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    lo = lo if lo.tzinfo else lo.replace(tzinfo=ZONE)
    fraction = re.search(r"\.(\d+)", text)
    seconds = re.search(r"T\d\d:\d\d:\d\d", text)
    return lo, lo + (datetime.timedelta(microseconds=10 ** (6 - len(fraction[1]))) if fraction else datetime.timedelta(seconds=1 if seconds else 60))


def fold(text):
    """Without case and marks; blanks and punctuation as one blank."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if unicodedata.category(c)[0] != "M")
    return " ".join("".join(" " if unicodedata.category(c)[0] == "P" else c for c in text).split())


def values(kind, resource, paths):
    for path in paths:
        for v in walk(resource, path.split(".")):
            if kind == "token":
                if isinstance(v, dict) and "coding" in v:
                    for c in v["coding"]:
                        yield c.get("system"), c.get("code")
                elif isinstance(v, dict):
                    if "code" in v or "value" in v:
                        yield (None if "use" in v and "system" in v and "value" in v and "type" not in v and path == "telecom" else v.get("system")), v.get("code", v.get("value"))
                else:
                    yield None, "true" if v is True else "false" if v is False else v
            elif kind == "string":
                yield v
            elif kind == "date":
                if isinstance(v, dict):
                    yield instants(v["start"])[0] if "start" in v else FIRST, instants(v["end"])[1] if "end" in v else LAST
                else:
                    yield instants(v)
            elif kind == "quantity":
                yield decimal.Decimal(v["value"]), v.get("system"), v.get("code"), v.get("unit")
            elif "reference" in v:
                yield v["reference"]


def date_matches(have, prefix, text):
    (lo, hi), (plo, phi) = have, instants(text)
    inside = plo <= lo and hi <= phi
    return {"eq": inside, "ne": not inside, "gt": hi > phi, "lt": lo < plo, "ge": hi > phi or inside, "le": lo < plo or inside,
            "sa": lo >= phi, "eb": hi <= plo}[prefix]


# What the units of the files are commensurable with, and how much of it they are (UCUM).
UCUM = "http://unitsofmeasure.org"
UNITS = {unit: (dimension, decimal.Decimal(factor)) for dimension, units in {
    "g/L": {"g/L": "1", "mg/dL": "0.01", "g/dL": "10", "ng/mL": "1e-6", "pg/mL": "1e-9"}, "m": {"cm": "0.01", "mm": "0.001"},
    "g": {"kg": "1000", "pg": "1e-12"}, "/L": {"10*3/uL": "1e9", "10*6/uL": "1e12", "mmol/L": "6.0221367e20"}, "U/L": {"U/L": "1", "kU/L": "1000"},
    "mL/min": {"mL/min": "1", "mL/min/{1.73_m2}": "1"},
    "1": {"%": "0.01", "mg/g": "0.001", "{score}": "1", "{count}": "1", "{T-score}": "1", "{nominal}": "1"},
}.items() for unit, factor in units.items()}


def in_unit(value, has, wanted):
    """None: another dimension."""
    if has == wanted:
        return value
    if has not in UNITS or wanted not in UNITS or UNITS[has][0] != UNITS[wanted][0]:
        return None
    return value * UNITS[has][1] / UNITS[wanted][1]


def quantity_matches(have, prefix, text):
    number, system, code = text.split("|")
    value, has_system, has_code, unit = have
    if system == UCUM and has_system == UCUM:
        value = in_unit(value, has_code, code)
        if value is None:
            return False
    elif code and (code not in (has_code, unit) if not system else (system, code) != (has_system, has_code)):
        return False
    wanted = decimal.Decimal(number)
    half = decimal.Decimal(1).scaleb(wanted.as_tuple().exponent) / 2
    near = wanted - half <= value < wanted + half
    return {"eq": near, "ne": not near, "gt": value > wanted, "lt": value < wanted, "ge": value >= wanted, "le": value <= wanted}[prefix]


def token_matches(have, text):
    system, bar, code = text.partition("|")
    if not bar:
        return have[1] == text
    return (not code or have[1] == code) and (have[0] is None if not system else have[0] == system)


class Files:
    """The resources of the bundles, with the ids that the server gave them."""

    def __init__(self):
        self.by_type = collections.defaultdict(dict)
        self.known = {}

    def add(self, bundle, response):
        """The same fullUrl means another resource in another bundle."""
        renamed = {e["fullUrl"]: re.sub(r"/_history/.*", "", r["response"]["location"]) for e, r in zip(bundle["entry"], response["entry"])}

        def rename(node):
            if isinstance(node, dict):
                return {k: renamed.get(v, v) if k == "reference" else rename(v) for k, v in node.items()}
            return [rename(v) for v in node] if isinstance(node, list) else node

        for e in bundle["entry"]:
            kind, id = renamed[e["fullUrl"]].split("/")
            self.by_type[kind][id] = rename({**e["resource"], "id": id})

    def having(self, kind, parameter, test):
        """Ids of the resources with a value that passes."""
        return {id for id, have in self.all(kind, parameter).items() if any(test(v) for v in have)}

    def all(self, kind, parameter):
        """The values of a parameter, by id; without those that have none."""
        if (kind, parameter) not in self.known:
            how, paths = PARAMETERS[kind][parameter]
            have = ((id, list(values(how, r, paths))) for id, r in self.by_type[kind].items())
            self.known[kind, parameter] = {id: vs for id, vs in have if vs}
        return self.known[kind, parameter]


class Suite:
    def __init__(self, log, dev, bundles):
        self.log, self.dev, self.bundles = log, dev, bundles
        self.client = dev.client(timeout=300)
        self.passed = self.failed = 0
        self.files = Files()
        self.random = random.Random(4)  # the same sample each time

    def check(self, good, text):
        self.passed, self.failed = self.passed + bool(good), self.failed + (not good)
        if not good:
            self.log.write(f"WRONG: {text}\n")

    # ---- loading

    def load(self):
        local = threading.local()
        answers, lock = [], threading.Lock()

        def post(item):
            name, text = item
            if not hasattr(local, "client"):
                local.client = self.dev.client(timeout=300)
            answer = local.client.request("POST", "", text)
            with lock:
                self.check(answer.status == 200, f"{name}: {answer.status} {'' if answer.status == 200 else answer.body[:500]}")
                if answer.status == 200:
                    answers.append((parse(text), answer.json))

        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(post, self.bundles))
        seconds = time.monotonic() - started
        for bundle, response in answers:
            self.files.add(bundle, response)
        n = sum(len(r) for r in self.files.by_type.values())
        self.log.write(f"{n} resources, {n / seconds:.0f}/s over {CONNECTIONS} connections\n")

    # ---- searching

    def pages(self, query, entries=None):
        """Ids of the matches in order, through `next` to the end."""
        ids, total, url = [], None, query
        while url:
            answer = self.client.request("GET", url)
            if answer.status != 200:
                self.check(False, f"{url}: {answer.status} {answer.body[:300]}")
                return ids, total
            bundle = json.loads(answer.body) if entries is None else parse(answer.body)
            total = int(bundle["total"]) if "total" in bundle else total
            for e in bundle.get("entry", []):
                if e["search"]["mode"] == "match":
                    ids.append(e["resource"]["id"])
                if entries is not None:
                    entries.append(e)
            url = next((l["url"].split("/fhir/", 1)[1] for l in bundle["link"] if l["relation"] == "next"), None)
        return ids, total

    def compare(self, query, expected, order=None):
        if len(expected) > MANY and not order:  # the pages of whole types are compared by contents()
            total = self.client.request("GET", query + "&_summary=count").json.get("total")
            self.check(total == len(expected), f"{query}: total {total} instead of {len(expected)}")
            return
        ids, total = self.pages(query)
        extra, missing = set(ids) - set(expected), set(expected) - set(ids)
        self.check(not extra and not missing, f"{query}: {len(ids)} instead of {len(expected)}; not expected {sorted(extra)[:3]}, missing {sorted(missing)[:3]}")
        self.check(len(ids) == len(set(ids)), f"{query}: a match comes twice")
        self.check(total is None or total == len(expected), f"{query}: total {total} instead of {len(expected)}")
        if order:
            self.check(order(ids), f"{query}: not in order")

    def quote(self, text):
        return urllib.parse.quote(text.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$"), safe="|:/")

    def counts(self):
        for kind, group in sorted(self.files.by_type.items()):
            total = self.client.request("GET", f"{kind}?_summary=count").json.get("total")
            self.check(total == len(group), f"{kind}: {total} of {len(group)}")

    def contents(self):
        """Every resource comes back as it was sent, and the pages of a whole type have each of them once."""
        for kind, group in sorted(self.files.by_type.items()):
            entries = []
            ids, _ = self.pages(f"{kind}?_count=500", entries)
            self.check(len(ids) == len(group) and set(ids) == set(group), f"{kind}?_count=500: {len(ids)} of {len(group)}")
            changed = 0
            for e in entries:
                got, sent = e["resource"], dict(group[e["resource"]["id"]])
                got["meta"] = {k: v for k, v in got["meta"].items() if k not in ("versionId", "lastUpdated")}
                sent["meta"] = {k: v for k, v in sent.get("meta", {}).items() if k not in ("versionId", "lastUpdated")}
                changed += got != sent
            self.check(changed == 0, f"{kind}: {changed} came back changed")

    def sample(self, items, n):
        items = sorted(items, key=str)
        return items if len(items) <= n else self.random.sample(items, n)

    def tokens(self, kind, name, have):
        counts = collections.Counter(v for vs in have.values() for v in vs)
        common = [v for v, _ in counts.most_common(2)]
        for system, code in {*common, *self.sample(counts, 3)}:
            forms = [code] + ([f"{system}|{code}"] if system else [f"|{code}"])
            for text in forms:
                self.compare(f"{kind}?{name}={self.quote(text)}&_count=400", self.files.having(kind, name, lambda v: token_matches(v, text)))
            self.compare(f"{kind}?{name}:not={self.quote(forms[-1])}&_count=400",
                         set(self.files.by_type[kind]) - self.files.having(kind, name, lambda v: token_matches(v, forms[-1])))
            if system:
                self.compare(f"{kind}?{name}={self.quote(system)}|&_count=400", self.files.having(kind, name, lambda v: v[0] == system))
                self.compare(f"{kind}?{name}=|{self.quote(code)}", self.files.having(kind, name, lambda v: v == (None, code)))
        two = self.sample(counts, 2)
        self.compare(f"{kind}?{name}={','.join(self.quote(c) for _, c in two)}&_count=300", self.files.having(kind, name, lambda v: v[1] in [c for _, c in two]))

    def strings(self, kind, name, have):
        for text in self.sample({v for vs in have.values() for v in vs}, 6):
            for part in (text, text[:3], text.upper(), fold(text)[:4]):
                self.compare(f"{kind}?{name}={self.quote(part)}&_count=100", self.files.having(kind, name, lambda v: fold(v).startswith(fold(part))))
            self.compare(f"{kind}?{name}:exact={self.quote(text)}", self.files.having(kind, name, lambda v: v == text))
            self.compare(f"{kind}?{name}:contains={self.quote(text[1:4])}&_count=100", self.files.having(kind, name, lambda v: fold(text[1:4]) in fold(v)))

    def dates(self, kind, name, have):
        texts = [t for r in self.sample(have, 3) for p in PARAMETERS[kind][name][1] for t in self.date_texts(self.files.by_type[kind][r], p)]
        for text in {t[:n] for t in texts for n in (4, 7, 10)} | set(texts[:2]):
            prefixes = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb")
            for prefix in prefixes if len(have) < 5000 else self.random.sample(prefixes, 3):
                self.compare(f"{kind}?{name}={prefix}{urllib.parse.quote(text)}&_count=1000",
                             self.files.having(kind, name, lambda v: date_matches(v, prefix, text)))

    def date_texts(self, resource, path):
        for v in walk(resource, path.split(".")):
            yield from (v.values() if isinstance(v, dict) else [v])

    def quantities(self, kind, name, have):
        by_unit = collections.defaultdict(list)
        for vs in have.values():
            for v in vs:
                by_unit[v[1], v[2]].append(v[0])
        for (system, code), numbers in sorted(by_unit.items(), key=lambda i: -len(i[1]))[:4]:
            middle = sorted(numbers)[len(numbers) // 2]
            for number in (str(middle), f"{middle:.1f}", f"{middle:.0f}"):
                for prefix in ("eq", "gt", "lt", "ge", "le"):
                    text = f"{number}|{system}|{code}"
                    self.compare(f"{kind}?{name}={prefix if prefix != 'eq' else ''}{self.quote(text)}&_count=1000",
                                 self.files.having(kind, name, lambda v: quantity_matches(v, prefix, text)))
            text = f"{middle:.0f}||{code}"
            self.compare(f"{kind}?{name}={self.quote(text)}&_count=1000", self.files.having(kind, name, lambda v: quantity_matches(v, "eq", text)))

    def references(self, kind, name, have):
        for target in self.sample({v for vs in have.values() for v in vs if not v.startswith("#")}, 4):
            expected = self.files.having(kind, name, lambda v: v == target)
            for text in (target, target.split("/")[1], f"{self.dev.base}/{target}"):
                self.compare(f"{kind}?{name}={urllib.parse.quote(text, safe='/:')}", expected)
            self.compare(f"{kind}?{name}:{target.split('/')[0]}={target.split('/')[1]}", expected)

    def missing(self, kind, name, have):
        self.compare(f"{kind}?{name}:missing=true&_count=1000", set(self.files.by_type[kind]) - set(have))
        self.compare(f"{kind}?{name}:missing=false&_count=1000", set(have))

    def parameters(self):
        kinds = {"token": self.tokens, "string": self.strings, "date": self.dates, "quantity": self.quantities, "reference": self.references}
        for kind, names in PARAMETERS.items():
            for name, (how, _) in names.items():
                have = self.files.all(kind, name)
                if have:
                    kinds[how](kind, name, have)
                self.missing(kind, name, have)

    def combinations(self):
        f = self.files
        for patient in self.sample(f.by_type["Patient"], 6):
            own = f.having("Observation", "patient", lambda v: v == f"Patient/{patient}")
            codes = collections.Counter(c for id in own for _, c in values("token", f.by_type["Observation"][id], ["code"]))
            for code, _ in codes.most_common(2):
                both = own & f.having("Observation", "code", lambda v: v[1] == code)
                self.compare(f"Observation?patient={patient}&code={code}&_count=7", both)
                when = {id: instants(f.by_type["Observation"][id]["effectiveDateTime"])[0] for id in both}
                for sort, reverse in (("date", False), ("-date", True)):
                    self.compare(f"Observation?patient={patient}&code={code}&_sort={sort}&_count=5", both,
                                 lambda ids: [when[i] for i in ids] == sorted(when.values(), reverse=reverse))
                year = f"{sorted(when.values())[len(when) // 2]:%Y}"
                self.compare(f"Observation?patient={patient}&code={code}&date=ge{year}", {i for i in both if date_matches(instants(f.by_type["Observation"][i]["effectiveDateTime"]), "ge", year)})
            self.compare(f"Patient/{patient}/Observation?_count=50", own)
            self.compare(f"Observation?subject:Patient={patient}&category=vital-signs&status=final",
                         own & f.having("Observation", "category", lambda v: v[1] == "vital-signs") & f.having("Observation", "status", lambda v: v[1] == "final"))
            self.compare(f"Condition?patient={patient}&clinical-status=active", f.having("Condition", "patient", lambda v: v == f"Patient/{patient}") & f.having("Condition", "clinical-status", lambda v: v[1] == "active"))

    def sorts(self):
        f = self.files
        cases = (("Patient", "birthdate", lambda r: r["birthDate"]), ("Encounter", "date", lambda r: instants(r["period"]["start"])[0]),
                 ("Condition", "onset-date", lambda r: instants(r["onsetDateTime"])[0]), ("Claim", "created", lambda r: instants(r["created"])[0]),
                 ("Practitioner", "family", lambda r: fold(r["name"][0]["family"])), ("Organization", "name", lambda r: fold(r["name"])),
                 ("MedicationRequest", "status", lambda r: r["status"]), ("Observation", "date", lambda r: instants(r["effectiveDateTime"])[0]), ("Patient", "_id", lambda r: r["id"]))
        for kind, name, key in cases:
            keys = {id: key(r) for id, r in f.by_type[kind].items()}
            for sort, reverse in ((name, False), ("-" + name, True)):
                self.compare(f"{kind}?_sort={sort}&_count={max(7, len(keys) // 40)}", set(keys), lambda ids: [keys[i] for i in ids] == sorted(keys.values(), reverse=reverse))
        keys = {id: (r["status"], -instants(r["authoredOn"])[0].timestamp()) for id, r in f.by_type["MedicationRequest"].items()}
        self.compare("MedicationRequest?_sort=status,-authoredon&_count=50", set(keys), lambda ids: [keys[i] for i in ids] == sorted(keys.values()))

    def joins(self):
        f = self.files
        female = {f"Patient/{i}" for i in f.having("Patient", "gender", lambda v: v[1] == "female")}
        self.compare("Condition?patient.gender=female&_count=200", f.having("Condition", "patient", lambda v: v in female))
        born = {f"Patient/{i}" for i in f.having("Patient", "birthdate", lambda v: date_matches(v, "lt", "1950"))}
        self.compare("Procedure?subject:Patient.birthdate=lt1950&_count=200", f.having("Procedure", "patient", lambda v: v in born))
        code = collections.Counter(c for r in f.by_type["Condition"].values() for _, c in values("token", r, ["code"])).most_common(1)[0][0]
        ill = {r["subject"]["reference"].split("/")[1] for r in f.by_type["Condition"].values() if any(c == code for _, c in values("token", r, ["code"]))}
        self.compare(f"Patient?_has:Condition:patient:code={code}&_count=20", ill)
        patient = self.sample(f.by_type["Patient"], 1)[0]
        entries = []
        self.pages(f"Patient?_id={patient}&_revinclude=Condition:patient&_revinclude=Encounter:patient", entries)
        got = {e["resource"]["id"] for e in entries if e["search"]["mode"] == "include"}
        want = f.having("Condition", "patient", lambda v: v == f"Patient/{patient}") | f.having("Encounter", "patient", lambda v: v == f"Patient/{patient}")
        self.check(got == want, f"_revinclude of {patient}: {len(got)} instead of {len(want)}")
        entries = []
        ids, _ = self.pages("DiagnosticReport?_count=10&_include=DiagnosticReport:result&_include=DiagnosticReport:patient&date=ge2018", entries)
        want = {r.split("/")[1] for id in ids for r in values("reference", f.by_type["DiagnosticReport"][id], ["result", "subject"])}
        got = {e["resource"]["id"] for e in entries if e["search"]["mode"] == "include"}
        self.check(got == want, f"_include of reports: {len(got)} instead of {len(want)}")

    def run(self):
        self.load()
        for part in (self.counts, self.contents, self.combinations, self.sorts, self.joins, self.parameters):
            started = time.monotonic()
            part()
            self.log.write(f"{part.__name__}: {time.monotonic() - started:.0f} s\n")
            self.log.flush()
        return self.passed, self.failed

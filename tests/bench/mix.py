"""The public benchmark's searches: 24 queries over every kind of parameter, with random modifiers, prefixes and values, of
many, few and no matches. Values are those of the resources that are stored, whatever these are.
"""
import json
import random
import re

import instance
from searches import q

PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
SAMPLE = 20000  # resources of all types that are looked at for values; of the types that are few, as many as a page holds
ALL_TOTALS = 3000  # totals up to this one are counted as well


def leaves(node, name):
    """All values of the members of this name, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield from value if isinstance(value, list) else [value]
            yield from leaves(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, name)


class Stored:
    """Values of what is stored, by what they are."""

    def __init__(self, dev):
        self.rng = random.Random(6)
        self.resources = {}
        share = f"least(100, 100 * {SAMPLE} / greatest(1, (SELECT reltuples FROM pg_class WHERE oid = 'res'::regclass)))"
        sample = instance.sql(dev, f"SELECT content FROM res TABLESAMPLE SYSTEM ({instance.sql(dev, 'SELECT ' + share)}) "
                                   "REPEATABLE (1) WHERE NOT deleted")
        for line in sample.splitlines():
            r = json.loads(line)
            self.resources.setdefault(r["resourceType"], []).append(r)
        client = dev.client()
        for type in ("Patient", "Organization", "Practitioner"):
            entries = client.request("GET", f"{type}?_count=1000").json.get("entry", [])
            self.resources[type] = [e["resource"] for e in entries]
        client.close()

    def words(self, type, *names):
        found = {word for r in self.resources[type] for name in names for text in leaves(r, name) if isinstance(text, str)
                 for word in re.findall(r"\w{3,}", text)}
        return sorted(found)

    def dates(self, type, name):
        return [r[name]["start"][:10] if isinstance(r[name], dict) else r[name][:10]
                for r in self.resources[type] if name in r]

    def codings(self, type, name):
        """(system, code) of one element."""
        found = set()
        for r in self.resources[type]:
            values = r.get(name, [])
            for value in values if isinstance(values, list) else [values]:
                for c in value.get("coding", [value]):
                    found.add((c.get("system", ""), c["code"]))
        return sorted(found)

    def quantities(self, inside=None):
        """(code, value, system and unit) of Observations, or of their components."""
        for o in self.resources["Observation"]:
            for part in o.get(inside, []) if inside else [o]:
                v = part.get("valueQuantity")
                if v and "code" in v:
                    c = part["code"]["coding"][0]
                    yield f"{c['system']}|{c['code']}", v["value"], f"|{v['system']}|{v['code']}"

    def choose(self, values):
        return self.rng.choice(values)


def mix(dev):
    """name → a function that makes one URL."""
    s = Stored(dev)
    choose = s.choose

    def prefixed(value):
        return f"{choose(PREFIXES)}{value}"

    def text(type, parameter, words):
        def make():
            """The beginning of a word, or a part of it."""
            word = choose(words)
            n = s.rng.randrange(3, len(word) + 1)
            return f"{type}?{parameter}={q(word[:n])}" if s.rng.random() < .5 else \
                f"{type}?{parameter}:contains={q(word[-n:])}"
        return make

    def date(type, parameter, dates):
        return lambda: f"{type}?{parameter}={prefixed(choose(dates))}"

    def token(type, parameter, codings):
        """A code alone, with its system, several, or none that is used."""
        def make():
            system, code = choose(codings)
            return f"{type}?{parameter}=" + choose([
                q(code), f"{q(system)}|{q(code)}", ",".join(q(c) for _, c in s.rng.sample(codings, min(3, len(codings)))),
                "not-used"])
        return make

    def quantity(type, parameter, measures, composite=False):
        def make():
            code, value, unit = choose(measures)
            return f"{type}?{parameter}=" + (q(code) + "$" if composite else "") + prefixed(value) + q(unit)
        return make

    def reference(type, parameter, target):
        """To one, without its type, to one of several, or to one that nobody refers to."""
        ids = [r["id"] for r in s.resources[target]]

        def make():
            one = choose(ids)
            return f"{type}?{parameter}=" + choose([f"{target}/{one}", one, f"{target}/absent",
                                                    ",".join(f"{target}/{choose(ids)}" for _ in range(3))])
        return make

    own, parts = list(s.quantities()), list(s.quantities("component"))
    made = {
        "Patient.name": text("Patient", "name", s.words("Patient", "family", "given")),
        "Patient.address": text("Patient", "address", s.words("Patient", "line", "city")),
        "Organization.name": text("Organization", "name", s.words("Organization", "name")),
        "Patient.birthdate": date("Patient", "birthdate", s.dates("Patient", "birthDate")),
        "Observation.date": date("Observation", "date", s.dates("Observation", "effectiveDateTime")),
        "Encounter.date": date("Encounter", "date", s.dates("Encounter", "period")),
        "Observation.category": token("Observation", "category", s.codings("Observation", "category")),
        "Observation.code": token("Observation", "code", s.codings("Observation", "code")),
        "Encounter.status": token("Encounter", "status", [
            ("http://hl7.org/fhir/encounter-status", c) for c in ("finished", "planned", "cancelled")]),
        "Encounter.class": token("Encounter", "class", s.codings("Encounter", "class")),
        "Observation.value-quantity": quantity("Observation", "value-quantity", own),
        "Observation.component-value-quantity": quantity("Observation", "component-value-quantity", parts),
        "Observation.combo-value-quantity": quantity("Observation", "combo-value-quantity", own + parts),
        "Observation.code-value-quantity": quantity("Observation", "code-value-quantity", own, True),
        "Observation.component-code-value-quantity": quantity("Observation", "component-code-value-quantity", parts, True),
        "Observation.combo-code-value-quantity": quantity("Observation", "combo-code-value-quantity", own + parts, True),
        "Observation.subject": reference("Observation", "subject", "Patient"),
        "Observation.encounter": reference("Observation", "encounter", "Encounter"),
        "Observation.performer": reference("Observation", "performer", "Practitioner"),
        "Encounter.subject": reference("Encounter", "subject", "Patient"),
        "Encounter.participant": reference("Encounter", "participant", "Practitioner"),
        "MedicationRequest.subject": reference("MedicationRequest", "subject", "Patient"),
        "MedicationRequest.encounter": reference("MedicationRequest", "encounter", "Encounter"),
        "MedicationRequest.requester": reference("MedicationRequest", "requester", "Practitioner"),
    }
    return {name: lambda make=make: f"/{make()}&_count=20" for name, make in made.items()}


def check_total(client, url):
    """Fails when the total is not the number of matches on all pages."""
    page = client.request("GET", f"/fhir{url}&_count=1000".replace("&_count=20", "")).json
    total, found = page.get("total"), 0
    if total is None or total > ALL_TOTALS:
        return
    while True:
        found += len(page.get("entry", []))
        following = [l["url"] for l in page["link"] if l["relation"] == "next"]
        if not following:
            break
        page = client.request("GET", following[0][following[0].index("/fhir/"):]).json
    if found != total:
        raise RuntimeError(f"{url}: the total is {total}, {found} were found")

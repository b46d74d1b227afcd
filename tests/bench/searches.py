"""The searches that are measured, as functions that make one URL each with values of their own, by name.

The clinical ones have targets, as multiples of a read. The mix is the public benchmark's: 24 queries over every kind of
parameter, with random modifiers, prefixes and values, many, few and no matches.
"""
import datetime
import random
import urllib.parse

import data

CODE = f"{data.LOINC}|{data.COMMON}"
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]


def q(text):
    return urllib.parse.quote(text)


class Values:
    """Random ones that fit the data of a scale."""

    def __init__(self, scale, seed):
        self.rng = random.Random(seed)
        self.n_patients = int(data.PATIENTS * scale)

    def patient(self):
        return f"p{self.rng.randrange(self.n_patients)}"

    def encounter(self):
        return f"e{self.rng.randrange(self.n_patients * data.ENCOUNTERS)}"

    def practitioner(self):
        return f"d{self.rng.randrange(data.PRACTITIONERS)}"

    def mrn(self):
        return f"{q(data.MRN)}|M{self.rng.randrange(self.n_patients):07d}"

    def birthdate(self):
        return f"{self.rng.randrange(1930, 2024)}-{self.rng.randrange(1, 13):02}-{self.rng.randrange(1, 29):02}"

    def day(self):
        return data.moment(self.rng).date()

    def month(self):
        first = self.day().replace(day=1)
        return f"date=ge{first}&date=lt{(first + datetime.timedelta(days=31)).replace(day=1)}"

    def code(self):
        return f"{data.LOINC}|{self.rng.choice(data.MEASURES[:18])[0]}"

    def prefixed(self, value):
        return f"{self.rng.choice(PREFIXES)}{value}"

    def text(self, parameter, words):
        """Its beginning, or a part of it."""
        word = self.rng.choice(words)
        n = self.rng.randrange(3, len(word) + 1)
        return f"{parameter}={q(word[:n])}" if self.rng.random() < .5 else f"{parameter}:contains={q(word[-n:])}"

    def reference(self, type, ids, absent="none"):
        """One, several of an OR list, or one that nobody refers to."""
        kind = self.rng.choice(["one", "plain", "list", "absent"])
        if kind == "absent":
            return f"{type}/{absent}"
        if kind == "list":
            return ",".join(f"{type}/{ids()}" for _ in range(3))
        return ids() if kind == "plain" else f"{type}/{ids()}"

    def choice(self, system, codes):
        """A code alone, with its system, several, or none that is used."""
        code = self.rng.choice(codes)
        return self.rng.choice([code, q(system) + "|" + code, ",".join(codes[:3]), "not-used"])


def clinical(scale):
    """name → (floor and goal, a function that makes one URL; None: the 30th page of a common code)."""
    v = Values(scale, 5)
    return {
        "patient + code, newest first": (
            (1.5, .8), lambda: f"/Observation?patient={v.patient()}&code={q(v.code())}&_sort=-date&_count=20"),
        "common code, first page": ((1.5, .8), lambda: f"/Observation?code={q(CODE)}&_count=20"),
        "common code, newest first": ((1.5, .8), lambda: f"/Observation?code={q(CODE)}&_sort=-date&_count=20"),
        "code + date": ((1.5, .8), lambda: f"/Observation?code={q(v.code())}&{v.month()}&_count=20"),
        "code + value": ((1.5, .8), lambda: f"/Observation?code={q(CODE)}&value-quantity=gt{v.rng.randrange(90, 100)}"
                                            "&_count=20"),
        "patient + category + date": (
            (1.5, .8), lambda: f"/Observation?patient={v.patient()}&category=vital-signs&date=ge{v.day()}&_count=20"),
        "identifier": ((2, 1.2), lambda: f"/Patient?identifier={v.mrn()}"),
        "rare code": ((2, 1.2), lambda: f"/Observation?code={q(data.LOINC)}|{data.RARE}&_count=20"),
        "birthdate": ((2, 1.2), lambda: f"/Patient?birthdate={v.birthdate()}"),
        "chain: patient.identifier + code": (
            (2, 1.2), lambda: f"/Observation?patient.identifier={v.mrn()}&code={q(v.code())}"),
        "patient=X": ((3, 2), lambda: f"/Observation?patient={v.patient()}&_count=50"),
        "name prefix": ((3, 2), lambda: f"/Patient?name={v.rng.choice(data.FAMILY)[:4]}&_count=20"),
        "deep page": ((3, 2), None),
        "_has": ((4, 2.6), lambda: f"/Patient?_has:Observation:patient:code={q(data.LOINC)}|{data.RARE}&_count=20"),
        "_revinclude of 85": ((5, 3), lambda: f"/Patient?_id={v.patient()}&_revinclude=Observation:patient"),
    }


def mix(scale):
    """name → a function that makes one URL."""
    v = Values(scale, 6)
    measures = [m for m in data.MEASURES[:18] if m[3]]

    def value(spread=3):
        m = v.rng.choice(measures)
        return m, f"{v.prefixed(round(v.rng.gauss(m[4], m[5] * spread), 1))}|http://unitsofmeasure.org|{q(m[3])}"

    def pressure():
        return f"{v.prefixed(v.rng.randrange(50, 190))}|http://unitsofmeasure.org|mm[Hg]"

    def measured():
        m, quantity = value(1)
        return f"{q(data.LOINC)}|{m[0]}${quantity}"

    def codes():
        return v.rng.choice([v.code, lambda: f"{v.code()},{v.code()}", lambda: v.code().partition("|")[2],
                             lambda: f"{data.LOINC}|0000-0"])()

    made = {
        "Patient.name": lambda: "Patient?" + v.text("name", data.FAMILY + data.GIVEN),
        "Patient.address": lambda: "Patient?" + v.text("address", data.CITIES + ["Midori"]),
        "Organization.name": lambda: "Organization?" + v.text("name", data.HOUSES),
        "Patient.birthdate": lambda: "Patient?birthdate=" + v.prefixed(v.birthdate()),
        "Observation.date": lambda: f"Observation?date={v.prefixed(v.day())}",
        "Encounter.date": lambda: f"Encounter?date={v.prefixed(v.day())}",
        "Observation.category": lambda: "Observation?category=" + v.choice(data.CATEGORY, ["vital-signs", "laboratory"]),
        "Observation.code": lambda: "Observation?code=" + q(codes()),
        "Encounter.status": lambda: "Encounter?status=" + v.choice("http://hl7.org/fhir/encounter-status",
                                                                   ["finished", "planned", "cancelled"]),
        "Encounter.class": lambda: "Encounter?class=" + v.choice("http://terminology.hl7.org/CodeSystem/v3-ActCode",
                                                                 ["AMB", "IMP", "EMER"]),
        "Observation.value-quantity": lambda: "Observation?value-quantity=" + value()[1],
        "Observation.component-value-quantity": lambda: "Observation?component-value-quantity=" + pressure(),
        "Observation.combo-value-quantity": lambda: "Observation?combo-value-quantity=" + v.rng.choice(
            [pressure, lambda: value()[1]])(),
        "Observation.code-value-quantity": lambda: "Observation?code-value-quantity=" + measured(),
        "Observation.component-code-value-quantity":
            lambda: f"Observation?component-code-value-quantity={q(data.LOINC)}|8480-6${pressure()}",
        "Observation.combo-code-value-quantity": lambda: "Observation?combo-code-value-quantity=" + v.rng.choice(
            [measured, lambda: f"{q(data.LOINC)}|8462-4${pressure()}"])(),
        "Observation.subject": lambda: "Observation?subject=" + v.reference("Patient", v.patient),
        "Observation.encounter": lambda: "Observation?encounter=" + v.reference("Encounter", v.encounter),
        "Observation.performer": lambda: "Observation?performer=" + v.reference("Practitioner", v.practitioner),
        "Encounter.subject": lambda: "Encounter?subject=" + v.reference("Patient", v.patient),
        "Encounter.participant": lambda: "Encounter?participant=" + v.reference("Practitioner", v.practitioner),
        "MedicationRequest.subject": lambda: "MedicationRequest?subject=" + v.reference("Patient", v.patient),
        "MedicationRequest.encounter": lambda: "MedicationRequest?encounter=" + v.reference("Encounter", v.encounter),
        "MedicationRequest.requester":
            lambda: "MedicationRequest?requester=" + v.reference("Practitioner", v.practitioner),
    }
    return {name: lambda make=make: f"/{make()}&_count=20" for name, make in made.items()}


def deep_page(client):
    """The URL of the 30th page of a common code."""
    path = f"/fhir/Observation?code={q(CODE)}&_sort=-date&_count=20"
    for _ in range(29):
        answer = client.request("GET", path).json
        link = [l["url"] for l in answer["link"] if l["relation"] == "next"]
        if not link:
            break
        path = link[0][link[0].index("/fhir/"):]
    return path.removeprefix("/fhir")

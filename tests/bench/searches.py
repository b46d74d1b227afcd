"""The clinical searches, as functions that make one URL each with values of their own, by name."""
import datetime
import random
import urllib.parse

import data

CODE = f"{data.LOINC}|{data.COMMON}"


def q(text):
    return urllib.parse.quote(text)


class Values:
    """Random ones that fit the data of a scale."""

    def __init__(self, scale, seed):
        self.rng = random.Random(seed)
        self.n_patients = int(data.PATIENTS * scale)

    def patient(self):
        return f"p{self.rng.randrange(self.n_patients)}"

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

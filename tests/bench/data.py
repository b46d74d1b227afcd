"""Invented patients for the benchmark: always the same ones, in realistic proportions.

A scale of 1 is 600 patients with 85 Observations, 6 Encounters, 5 MedicationRequests and 3 Conditions each, and an
Organization for 30 of them, 60,020 resources; 40 Practitioners, and 2000 Observations that are updated while the clock
runs, come to any scale. Ids can be computed, so that pgbench can ask for random ones: Observation o0 … o50999, Patient
p0 … p599.
"""
import datetime
import random

PATIENTS, OBSERVATIONS, ENCOUNTERS, CONDITIONS, PRESCRIPTIONS = 600, 85, 6, 3, 5
EACH = 1 + OBSERVATIONS + ENCOUNTERS + CONDITIONS + PRESCRIPTIONS  # resources of a patient
SHARE, PRACTITIONERS, UPDATED = 30, 40, 2000  # patients of an Organization; Observations u0 … that updates go to
MRN = "http://hospital.example.jp/mrn"
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"

FAMILY = ["Sato", "Suzuki", "Takahashi", "Tanaka", "Ito", "Watanabe", "Yamamoto", "Nakamura", "Kobayashi", "Kato",
          "Yoshida", "Yamada", "Sasaki", "Matsumoto", "Inoue", "Kimura", "Hayashi", "Saito", "Shimizu", "Mori", "Garcia",
          "Nguyen", "Smith", "Kim", "Okafor", "Haddad"]
KANJI = ["佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "小林", "加藤", "吉田", "山田", "佐々木", "松本",
         "井上", "木村", "林", "斎藤", "清水", "森", None, None, None, None, None, None]
GIVEN = ["Haruto", "Yui", "Sota", "Hina", "Ren", "Sakura", "Yuto", "Aoi", "Riku", "Mei", "Kenji", "Yoko", "Akira", "Emi",
         "Hiroshi", "Naomi", "Maria", "Daniel", "Linh", "Amina"]
CITIES = ["Tokyo", "Osaka", "Sapporo", "Sendai", "Nagoya", "Kyoto", "Fukuoka", "Naha"]

# code, name, category, unit, mean, spread, weight
MEASURES = [
    ("8867-4", "Heart rate", "vital-signs", "/min", 74, 12, 100),
    ("85354-9", "Blood pressure panel", "vital-signs", None, 0, 0, 100),
    ("8310-5", "Body temperature", "vital-signs", "Cel", 36.7, .5, 80),
    ("9279-1", "Respiratory rate", "vital-signs", "/min", 15, 3, 60),
    ("59408-5", "Oxygen saturation", "vital-signs", "%", 97, 2, 60),
    ("29463-7", "Body weight", "vital-signs", "kg", 63, 13, 60),
    ("8302-2", "Body height", "vital-signs", "cm", 164, 9, 30),
    ("39156-5", "Body mass index", "vital-signs", "kg/m2", 23, 4, 30),
    ("2339-0", "Glucose", "laboratory", "mg/dL", 105, 25, 60),
    ("4548-4", "Hemoglobin A1c", "laboratory", "%", 5.9, .9, 50),
    ("2093-3", "Cholesterol", "laboratory", "mg/dL", 195, 35, 40),
    ("2085-9", "HDL cholesterol", "laboratory", "mg/dL", 55, 13, 40),
    ("718-7", "Hemoglobin", "laboratory", "g/dL", 13.8, 1.6, 60),
    ("6690-2", "Leukocytes", "laboratory", "10*3/uL", 6.6, 1.9, 60),
    ("777-3", "Platelets", "laboratory", "10*3/uL", 240, 60, 60),
    ("2160-0", "Creatinine", "laboratory", "mg/dL", .85, .25, 60),
    ("2951-2", "Sodium", "laboratory", "mmol/L", 140, 3, 50),
    ("2823-3", "Potassium", "laboratory", "mmol/L", 4.2, .4, 50),
    ("600-7", "Bacteria identified in blood", "laboratory", None, 0, 0, .2),
]
WRITTEN = [MEASURES[i] for i in (0, 1, 8, 12)]  # what is created while the clock runs
COMMON, RARE, PRESSURE = "8867-4", "600-7", "85354-9"
DIAGNOSES = [("38341003", "Hypertension"), ("44054006", "Diabetes mellitus type 2"), ("55822004", "Hyperlipidemia"),
             ("195967001", "Asthma"), ("35489007", "Depression"), ("64859006", "Osteoporosis"),
             ("90708001", "Kidney disease"), ("73211009", "Diabetes mellitus")]
DRUGS = [("860975", "Metformin 500 mg"), ("314076", "Lisinopril 10 mg"), ("617312", "Atorvastatin 20 mg"),
         ("197361", "Amlodipine 5 mg"), ("310965", "Ibuprofen 200 mg"), ("198440", "Acetaminophen 500 mg")]
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
HOUSES = ["Keyaki", "Sakura", "Minato", "Midori", "Hikari", "Aozora", "Wakaba", "Kaede"]
KINDS = ["Clinic", "General Hospital", "Medical Center", "Pharmacy", "Laboratory"]
NOTE = ("Measured at rest, sitting, after five minutes. The device was checked on the morning of the same day and showed "
        "no deviation. Repeat at the next visit unless complaints come up before.")


def coded(system, code, display):
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def quantity(value, unit):
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def moment(rng, first=2015, last=2025):
    start = datetime.datetime(first, 1, 1)
    return start + datetime.timedelta(seconds=rng.randrange((last - first) * 365 * 86400))


def stamp(t):
    return t.strftime("%Y-%m-%dT%H:%M:%S+09:00")


def patient(rng, i):
    n = rng.randrange(len(FAMILY))
    given = rng.choice(GIVEN)
    names = [{"use": "official", "text": f"{FAMILY[n]} {given}", "family": FAMILY[n], "given": [given]}]
    if KANJI[n]:
        names.insert(0, {"use": "official", "text": f"{KANJI[n]} 陽", "family": KANJI[n], "given": ["陽"]})
    return {
        "resourceType": "Patient", "id": f"p{i}", "active": True,
        "identifier": [{"use": "usual", "system": MRN, "value": f"M{i:07d}"}],
        "name": names,
        "telecom": [{"system": "phone", "value": f"0{rng.randrange(10**8, 10**9)}", "use": "home"}],
        "gender": rng.choice(["male", "female"]),
        "birthDate": f"{rng.randrange(1930, 2024)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "address": [{"use": "home", "line": [f"{rng.randrange(1, 9)}-{rng.randrange(1, 30)} Midori-cho"],
                     "city": rng.choice(CITIES), "postalCode": f"{rng.randrange(100, 999)}-{rng.randrange(1000, 9999)}",
                     "country": "JP"}],
    }


def organization(rng, i):
    return {
        "resourceType": "Organization", "id": f"g{i}", "active": True,
        "identifier": [{"system": "http://hospital.example.jp/organization", "value": f"G{i:05d}"}],
        "name": f"{rng.choice(HOUSES)} {rng.choice(CITIES)} {rng.choice(KINDS)} {i}",
        "address": [{"city": rng.choice(CITIES), "country": "JP"}],
    }


def practitioner(rng, i):
    return {
        "resourceType": "Practitioner", "id": f"d{i}", "active": True,
        "identifier": [{"system": "http://hospital.example.jp/staff", "value": f"D{i:04d}"}],
        "name": [{"family": rng.choice(FAMILY), "given": [rng.choice(GIVEN)], "prefix": ["Dr."]}],
    }


def practitioner_of(rng):
    return {"reference": f"Practitioner/d{rng.randrange(PRACTITIONERS)}"}


def prescription(rng, i, subject, visit):
    code, name = rng.choice(DRUGS)
    return {
        "resourceType": "MedicationRequest", "id": f"m{i}", "status": rng.choice(["active", "completed", "stopped"]),
        "intent": "order", "medicationCodeableConcept": coded(RXNORM, code, name), "subject": {"reference": subject},
        "encounter": {"reference": visit}, "authoredOn": stamp(moment(rng)), "requester": practitioner_of(rng),
        "dosageInstruction": [{"text": "One tablet after breakfast"}],
    }


def encounter(rng, i, subject):
    start = moment(rng)
    return {
        "resourceType": "Encounter", "id": f"e{i}", "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": rng.choice(["AMB", "IMP", "EMER"])},
        "type": [coded(SNOMED, "185349003", "Encounter for check up")],
        "subject": {"reference": subject},
        "participant": [{"individual": practitioner_of(rng)}],
        "period": {"start": stamp(start), "end": stamp(start + datetime.timedelta(minutes=rng.randrange(10, 4000)))},
    }


def condition(rng, i, subject):
    code, name = rng.choice(DIAGNOSES)
    return {
        "resourceType": "Condition", "id": f"c{i}",
        "clinicalStatus": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                                       "code": "active"}]},
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category",
                                  "code": "problem-list-item"}]}],
        "code": coded(SNOMED, code, name), "subject": {"reference": subject}, "onsetDateTime": stamp(moment(rng)),
    }


def observation(rng, id, subject, visit, measure=None, when=None):
    code, name, category, unit, mean, spread, _ = measure or rng.choices(MEASURES, [m[-1] for m in MEASURES])[0]
    when = when or moment(rng)
    o = {
        "resourceType": "Observation", "id": id,
        "identifier": [{"system": "http://hospital.example.jp/observation", "value": f"{id}-{rng.randrange(10**9)}"}],
        "status": "final", "category": [coded(CATEGORY, category, category.replace("-", " "))],
        "code": coded(LOINC, code, name), "subject": {"reference": subject}, "encounter": {"reference": visit},
        "effectiveDateTime": stamp(when), "issued": stamp(when + datetime.timedelta(minutes=20)),
        "performer": [practitioner_of(rng)],
    }
    if code == PRESSURE:
        o["component"] = [
            {"code": coded(LOINC, "8480-6", "Systolic"), "valueQuantity": quantity(rng.randrange(95, 180), "mm[Hg]")},
            {"code": coded(LOINC, "8462-4", "Diastolic"), "valueQuantity": quantity(rng.randrange(55, 105), "mm[Hg]")}]
    elif unit:
        o["valueQuantity"] = quantity(round(rng.gauss(mean, spread), 1), unit)
        o["referenceRange"] = [{"low": quantity(round(mean - 2 * spread, 1), unit),
                                "high": quantity(round(mean + 2 * spread, 1), unit)}]
    else:
        o["valueCodeableConcept"] = coded(SNOMED, "264868006", "No growth")
    o["note"] = [{"text": NOTE}]
    return o


def resources(first, last):
    """Those of the patients from first to last - 1; each with random numbers of its own, so that any part can be made."""
    rng = random.Random(1)
    if first == 0:
        for i in range(PRACTITIONERS):
            yield practitioner(rng, i)
        for i in range(UPDATED):
            yield written(rng, f"u{i}")
    for p in range(first, last):
        rng = random.Random(1000 + p)
        subject = f"Patient/p{p}"
        if p % SHARE == 0:
            yield organization(rng, p // SHARE)
        yield patient(rng, p)
        visits = [p * ENCOUNTERS + i for i in range(ENCOUNTERS)]
        for i in visits:
            yield encounter(rng, i, subject)
        for i in range(CONDITIONS):
            yield condition(rng, p * CONDITIONS + i, subject)
        for i in range(PRESCRIPTIONS):
            yield prescription(rng, p * PRESCRIPTIONS + i, subject, f"Encounter/e{rng.choice(visits)}")
        for i in range(OBSERVATIONS):
            yield observation(rng, f"o{p * OBSERVATIONS + i}", subject, f"Encounter/e{rng.choice(visits)}")


def written(rng, id="~~~~~~~~", subject=None, visit=None, measure=None, when=None):
    """An Observation to be created while the clock runs, of a patient who is in no search."""
    n = rng.randrange(1000)
    return observation(rng, id, subject or f"Patient/w{n}", visit or f"Encounter/w{n}-{rng.randrange(5)}",
                       measure or rng.choice(WRITTEN), when)

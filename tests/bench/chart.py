"""Resources as large and as linked as a hospital's system writes them: for the suites `crud` and `import`.

Each function makes one; `to` names what it refers to: resource type → reference. Sizes are those of the public benchmark:
Patient 4.7 KB, Location, Organization and MedicationRequest .8, Practitioner 1.0, Encounter 1.9, Observation 1.1, Claim
1.4, ExplanationOfBenefit 7.8.
"""
import datetime
import random

import data

HOME = "http://hospital.example.jp"
TERMS = "http://terminology.hl7.org/CodeSystem"
SERVICES = [("185349003", "Encounter for check up"), ("185345009", "Encounter for symptom"),
            ("390906007", "Follow-up encounter"), ("50849002", "Emergency room admission")]
PROCEDURES = [("430193006", "Medication reconciliation"), ("76601001", "Intramuscular injection"),
              ("23426006", "Measurement of respiratory function"), ("40701008", "Echocardiography")]
ORDER = ("Patient", "Location", "Organization", "Practitioner", "Encounter", "Observation", "MedicationRequest", "Claim",
         "ExplanationOfBenefit")


def number(rng):
    return f"{rng.randrange(10**12):012}"


def narrative(text):
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


def identified(rng, type, n=1):
    kinds = ["MR", "SS", "DL", "PPN", "JHN"]
    return [{"use": "usual", "type": {"coding": [{"system": f"{TERMS}/v2-0203", "code": kind, "display": f"Number {kind}"}],
                                      "text": f"The number that the register {kind} knows it by"},
             "system": f"{HOME}/{type}/{kind}", "value": number(rng)} for kind in kinds[:n]]


def address(rng):
    return {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/geolocation", "extension": [
                {"url": "latitude", "valueDecimal": round(rng.uniform(31, 43), 6)},
                {"url": "longitude", "valueDecimal": round(rng.uniform(130, 142), 6)}]}],
            "line": [f"{rng.randrange(1, 9)}-{rng.randrange(1, 30)} Midori-cho"], "city": rng.choice(data.CITIES),
            "postalCode": f"{rng.randrange(100, 999)}-{rng.randrange(1000, 9999)}", "country": "JP"}


def telecom(rng, use="work"):
    return [{"system": "phone", "value": f"0{rng.randrange(10**8, 10**9)}", "use": use},
            {"system": "email", "value": f"a{number(rng)}@example.jp", "use": use}]


def period(rng, minutes=30):
    start = data.moment(rng)
    return {"start": data.stamp(start), "end": data.stamp(start + datetime.timedelta(minutes=minutes))}


def reference(to, type, name="on file"):
    return {"reference": to[type], "display": f"{type} {name}"}


def patient(rng, to):
    family, given = rng.choice(data.FAMILY), rng.choice(data.GIVEN)
    return {
        "resourceType": "Patient",
        "text": narrative(f"{family} {given}, registered at the desk. " + data.NOTE * 5),
        "extension": [{"url": f"{HOME}/StructureDefinition/{name}", "valueString": value} for name, value in (
            ("household", f"Household of {family}, {rng.randrange(1, 6)} persons, since {rng.randrange(1980, 2020)}"),
            ("district", f"District {rng.randrange(40)} of {rng.choice(data.CITIES)}, by the register of residents"),
            ("registered-by", f"Desk {rng.randrange(9)}, in person, with two papers that were looked at"))],
        "identifier": identified(rng, "patient", 5), "active": True,
        "name": [{"use": "official", "family": family, "given": [given, rng.choice(data.GIVEN)], "prefix": ["Mx."]},
                 {"use": "maiden", "family": rng.choice(data.FAMILY), "given": [given]}],
        "telecom": telecom(rng, "home"), "gender": rng.choice(["male", "female"]),
        "birthDate": f"{rng.randrange(1930, 2024)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}",
        "address": [{"use": "home", **address(rng)}, {"use": "temp", **address(rng)}],
        "maritalStatus": data.coded(f"{TERMS}/v3-MaritalStatus", "M", "Married"), "multipleBirthBoolean": False,
        "contact": [{"relationship": [data.coded(f"{TERMS}/v2-0131", "C", "Emergency Contact")],
                     "name": {"family": family, "given": [rng.choice(data.GIVEN)]}, "telecom": telecom(rng, "mobile"),
                     "address": address(rng)}],
        "communication": [{"language": data.coded("urn:ietf:bcp:47", "ja", "Japanese"), "preferred": True}],
    }


def location(rng, to):
    return {"resourceType": "Location", "identifier": identified(rng, "location"), "status": "active",
            "name": f"{rng.choice(data.HOUSES)} {rng.choice(data.KINDS)}, ward {rng.randrange(30)}",
            "telecom": telecom(rng), "address": address(rng)}


def organization(rng, to):
    return {"resourceType": "Organization", "identifier": identified(rng, "organization"), "active": True,
            "type": [data.coded(f"{TERMS}/organization-type", "prov", "Healthcare Provider")],
            "name": f"{rng.choice(data.HOUSES)} {rng.choice(data.CITIES)} {rng.choice(data.KINDS)}",
            "telecom": telecom(rng)[:1], "address": [address(rng)]}


def practitioner(rng, to):
    return {"resourceType": "Practitioner", "identifier": identified(rng, "practitioner", 2), "active": True,
            "name": [{"family": rng.choice(data.FAMILY), "given": [rng.choice(data.GIVEN)], "prefix": ["Dr."]}],
            "telecom": telecom(rng)[1:], "address": [address(rng)], "gender": rng.choice(["male", "female"])}


def encounter(rng, to):
    code, name = rng.choice(SERVICES)
    when = period(rng)
    return {
        "resourceType": "Encounter", "text": narrative(f"{name}. " + data.NOTE * 2),
        "identifier": identified(rng, "encounter"), "status": "finished",
        "class": {"system": f"{TERMS}/v3-ActCode", "code": rng.choice(["AMB", "IMP", "EMER"])},
        "type": [data.coded(data.SNOMED, code, name)], "subject": reference(to, "Patient"),
        "participant": [{"type": [data.coded(f"{TERMS}/v3-ParticipationType", "PPRF", "primary performer")], "period": when,
                         "individual": reference(to, "Practitioner")}],
        "period": when, "location": [{"location": reference(to, "Location")}],
        "serviceProvider": reference(to, "Organization"),
    }


def observation(rng, to):
    o = data.observation(rng, None, to["Patient"], to["Encounter"])
    del o["id"], o["identifier"], o["note"]
    return {**o, "performer": [reference(to, "Practitioner")]}


def condition(rng, to):
    c = data.condition(rng, 0, to["Patient"])
    del c["id"]
    return {**c, "encounter": reference(to, "Encounter")}


def procedure(rng, to):
    code, name = rng.choice(PROCEDURES)
    return {"resourceType": "Procedure", "status": "completed", "code": data.coded(data.SNOMED, code, name),
            "subject": reference(to, "Patient"), "encounter": reference(to, "Encounter"), "performedPeriod": period(rng),
            "location": reference(to, "Location")}


def medication_request(rng, to):
    code, name = rng.choice(data.DRUGS)
    return {"resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": data.coded(data.RXNORM, code, name), "subject": reference(to, "Patient"),
            "encounter": reference(to, "Encounter"), "authoredOn": data.stamp(data.moment(rng)),
            "requester": reference(to, "Practitioner"),
            "dosageInstruction": [{"sequence": 1, "text": "One tablet after breakfast, with water",
                                   "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}]}


def claim(rng, to):
    code, name = rng.choice(SERVICES)
    return {"resourceType": "Claim", "status": "active", "type": data.coded(f"{TERMS}/claim-type", "institutional", "Inst."),
            "use": "claim", "patient": reference(to, "Patient"), "billablePeriod": period(rng),
            "created": data.stamp(data.moment(rng)), "provider": reference(to, "Organization"),
            "priority": {"coding": [{"system": f"{TERMS}/processpriority", "code": "normal"}]},
            "facility": reference(to, "Location"),
            "insurance": [{"sequence": 1, "focal": True, "coverage": {"display": "National health insurance"}}],
            "item": [{"sequence": i, "productOrService": data.coded(data.SNOMED, code, name),
                      "encounter": [reference(to, "Encounter")]} for i in (1, 2)],
            "total": {"value": rng.randrange(100, 90000) / 100, "currency": "JPY"}}


def benefit(rng, to):
    kinds = ["submitted", "eligible", "benefit", "deductible"]
    return {
        "resourceType": "ExplanationOfBenefit",
        "contained": [{"resourceType": "Coverage", "id": "coverage", "status": "active",
                       "type": {"text": "National health insurance"}, "beneficiary": reference(to, "Patient"),
                       "payor": [{"display": "The insurer of the district"}]}],
        "identifier": identified(rng, "benefit", 2), "status": "active",
        "type": data.coded(f"{TERMS}/claim-type", "institutional", "Institutional"), "use": "claim",
        "patient": reference(to, "Patient"), "billablePeriod": period(rng, 500000),
        "created": data.stamp(data.moment(rng)), "insurer": {"display": "The insurer of the district"},
        "provider": reference(to, "Practitioner"), "facility": reference(to, "Location"), "claim": reference(to, "Claim"),
        "outcome": "complete",
        "careTeam": [{"sequence": 1, "provider": reference(to, "Practitioner"),
                      "role": data.coded(f"{TERMS}/claimcareteamrole", "primary", "Primary")}],
        "insurance": [{"focal": True, "coverage": {"reference": "#coverage"}}],
        "item": [{"sequence": i, "category": data.coded(f"{TERMS}/ex-benefitcategory", "1", "Medical Care"),
                  "productOrService": data.coded(data.SNOMED, *rng.choice(SERVICES)), "servicedPeriod": period(rng),
                  "locationCodeableConcept": data.coded(f"{TERMS}/ex-serviceplace", "19", "Off Campus-Outpatient"),
                  "encounter": [reference(to, "Encounter")],
                  "net": {"value": rng.randrange(100, 90000) / 100, "currency": "JPY"},
                  "adjudication": [{"category": {"coding": [{"system": f"{TERMS}/adjudication", "code": kind}]},
                                    "amount": {"value": rng.randrange(100, 90000) / 100, "currency": "JPY"}}
                                   for kind in kinds]} for i in range(1, 5)],
        "payment": {"amount": {"value": rng.randrange(100, 90000) / 100, "currency": "JPY"}},
        "total": [{"category": {"coding": [{"system": f"{TERMS}/adjudication", "code": kind}]},
                   "amount": {"value": rng.randrange(100, 90000) / 100, "currency": "JPY"}} for kind in kinds[:1]],
    }


MAKERS = {"Patient": patient, "Location": location, "Organization": organization, "Practitioner": practitioner,
          "Encounter": encounter, "Observation": observation, "MedicationRequest": medication_request, "Claim": claim,
          "ExplanationOfBenefit": benefit}
# what an update changes: one field
CHANGED = {"Patient": {"active": False}, "Location": {"status": "suspended"}, "Organization": {"active": False},
           "Practitioner": {"active": False}, "Encounter": {"status": "cancelled"}, "Observation": {"status": "amended"},
           "MedicationRequest": {"status": "completed"}, "Claim": {"status": "cancelled"},
           "ExplanationOfBenefit": {"status": "cancelled"}}


def nine(seed, ids):
    """One of each of the nine, referring to each other; ids: resource type → id."""
    rng = random.Random(seed)
    to = {type: f"{type}/{id}" for type, id in ids.items()}
    return {type: {**MAKERS[type](rng, to), "id": ids[type]} for type in ORDER}


# ---- what a patient's hospitals send when they hand over all they have ---------------------------------------------

STAFF = 20  # Practitioners, Organizations and Locations that bundles refer to by their identifiers


def staff():
    """The resources that must be there before, with the identifiers by which they are found."""
    rng = random.Random(7)
    return [{**MAKERS[type](rng, {}), "id": f"staff-{type.lower()}-{i}",
             "identifier": [{"system": f"{HOME}/staff", "value": f"{type[0]}{i:03}"}]}
            for type in ("Practitioner", "Organization", "Location") for i in range(STAFF)]


def journey(rng):
    """A transaction: a patient, 3 to 20 visits with what was seen and done, and a Provenance of all of it."""
    entries = []

    def add(resource):
        url = "urn:uuid:%08x-0000-4000-8000-%012x" % (rng.getrandbits(32), rng.getrandbits(48))
        entries.append({"fullUrl": url, "resource": resource,
                        "request": {"method": "POST", "url": resource["resourceType"]}})
        return url

    def found(type):
        return f"{type}?identifier={HOME}/staff|{type[0]}{rng.randrange(STAFF):03}"

    to = {"Patient": add(patient(rng, {}))}
    for _ in range(rng.randrange(3, 21)):
        to.update((type, found(type)) for type in ("Practitioner", "Organization", "Location"))
        to["Encounter"] = add(encounter(rng, to))
        for make, most in ((condition, 1), (observation, 7), (procedure, 2), (medication_request, 1)):
            for _ in range(rng.randrange(most + 1)):
                add(make(rng, to))
        to["Claim"] = add(claim(rng, to))
        add(benefit(rng, to))
    add({"resourceType": "Provenance", "target": [{"reference": e["fullUrl"]} for e in entries],
         "recorded": data.stamp(data.moment(rng)), "agent": [{"who": reference(to, "Practitioner")}]})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}

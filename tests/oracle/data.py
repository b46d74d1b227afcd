"""A small hospital that never was, made of edge cases: names of several scripts and widths, partial dates, time zones, periods
that are open on one side, negative and differently precise numbers, units, several codings, contained resources, primitives
with extensions only, separators in values. The same each time.
"""

import random

from facts import parse

LOINC, SCT, UCUM, LOCAL = (
    "http://loinc.org",
    "http://snomed.info/sct",
    "http://unitsofmeasure.org",
    "http://example.org/codes",
)
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"

NAMES = [
    ("山田", "太郎", "ヤマダ", "タロウ"),
    ("佐藤", "花子", "サトウ", "ハナコ"),
    ("ｶﾄｳ", "ｼﾞｭﾝｺ", "カトウ", "ジュンコ"),
    ("ヴァーグナー", "ペーター", "ベーグナー", "ぺーたー"),
    ("髙橋", "﨑人", "たかはし", "さきと"),
    ("Ｓｍｉｔｈ", "Ｊｏｈｎ", "スミス", "ジョン"),
    ("渡邉", "ゆう子", "ワタナベ", "ユウコ"),
    ("𠮷野", "葛󠄀", "ヨシノ", "カズラ"),
    ("大野", "敬子", "オオノ", "ケイコ"),
    ("オーノ", "ケーコ", "おうの", "けえこ"),
    ("小野", "みすゞ", "オノ", "ミスズ"),
    ("佐々木", "齋", "ササキ", "いつき"),
    ("市ヶ谷", "ゐくゑ", "イチガヤ", "ｲｸｴ"),
]
FOREIGN = [
    ("Müller", ["Zoë", "Anna-Lena"]),
    ("O'Brien", ["Siobhán"]),
    ("de la Cruz", ["José", "María"]),
    ("Łukaszewicz", ["Łucja"]),
    ("Straße", ["Ægir"]),
    ("Nguyễn", ["Thị", "Minh"]),
    ("İnönü", ["Işık"]),
    ("van  der   Berg", ["J."]),
    ("Smith, Jr.", ["A|B"]),
    ("Cash$Money", ["Back\\slash"]),
    ("SMITH", ["john"]),
    ("Смирнов", ["Фёдор"]),
]
DATES = [
    "1950",
    "1950-06",
    "1950-06-15",
    "1949-12-31",
    "2000-02-29",
    "1999-12-31",
    "2000-01-01",
    "1923-09",
    "2024-02-29",
    "1985-10-26",
]
TIMES = [
    "2020",
    "2020-02",
    "2020-02-29",
    "2020-02-29T23:59:59Z",
    "2020-03-01T00:00:00+09:00",
    "2020-02-29T15:00:00Z",
    "2020-03-01T08:59:59.999+09:00",
    "2020-12-31T23:30:00-05:00",
    "2021-01-01T00:00:00.000Z",
    "2021-01-01T00:00:00+14:00",
    "2019-12-31T23:59:59.999999Z",
    "2021-06-15T12:00:00+05:45",
    "2021-06-15",
    "1900-01-01",
    "2020-03-01T00:00:00.5Z",
]
INSTANTS = [t for t in TIMES if "T" in t]
NUMBERS = [
    "1",
    "1.0",
    "1.00",
    "0",
    "-0.5",
    "-5.40",
    "5.4",
    "5.40",
    "5.35",
    "5.45",
    "100",
    "99.5",
    "100.5",
    "99.4999",
    "0.0001",
    "1e2",
    "120",
    "6.3",
    "37.0",
    "36.95",
    "98.6",
    "310.15",
    "12345678901234567890.12345",
]


def coding(system, code, display=None):
    return {k: v for k, v in (("system", system), ("code", code), ("display", display)) if v is not None}


def concept(*codings, text=None):
    return {**({"coding": list(codings)} if codings else {}), **({"text": text} if text else {})}


def quantity(value, code=None, unit=None, system=UCUM, comparator=None):
    q = {
        "value": parse(str(value)),
        "unit": unit,
        "code": code,
        "system": system if code else None,
        "comparator": comparator,
    }
    return {k: v for k, v in q.items() if v is not None}


def ref(kind, id):
    return {"reference": f"{kind}/{id}"}


VITALS = concept(coding(TERMINOLOGY + "observation-category", "vital-signs", "Vital Signs"))
LAB = concept(coding(TERMINOLOGY + "observation-category", "laboratory"), coding(LOCAL, "検体", "検体検査"))
CODES = [
    concept(coding(LOINC, "8480-6", "Systolic blood pressure")),
    concept(
        coding(LOINC, "29463-7", "Body weight"), coding(LOCAL, "体重", "体重（入院時）"), text="Body weight, measured"
    ),
    concept(coding(LOINC, "8310-5", "Body temperature"), coding(SCT, "386725007")),
    concept(coding(LOINC, "2345-7"), coding(LOCAL, "glu"), coding(LOCAL, "GLU")),
    concept(text="free text only, 血圧"),
    concept(coding(None, "no-system", "Code without system")),
    concept(coding(LOCAL, "a,b|c$d\\e", "Separators")),
    concept(coding(LOCAL, "x y", "with blank"), text="ﾍﾓｸﾞﾛﾋﾞﾝ Ａ１ｃ"),
]


class Data:
    def __init__(self):
        self.random = random.Random(20)
        self.all = []

    def pick(self, items):
        return self.random.choice(items)

    def add(self, kind, id, **elements):
        self.all.append(
            {"resourceType": kind, "id": id, **{k.rstrip("_"): v for k, v in elements.items() if v is not None}}
        )

    def period(self, n):
        """Closed, open at either end, of partial dates, of a moment."""
        return [
            {"start": "2020-01-01", "end": "2020-12-31"},
            {"start": "2020-02"},
            {"end": "2020-03-01T00:00:00+09:00"},
            {"start": "2020-02-29T10:00:00Z", "end": "2020-02-29T10:30:00Z"},
            {"start": "2019", "end": "2021"},
            {"start": "2021-06-15", "end": "2021-06-15"},
            {"start": "2020-12-31T23:00:00-05:00"},
            {"end": "1999"},
        ][n % 8]

    def effective(self, n):
        r = n % 6
        return (
            {"effectivePeriod": self.period(n // 6)}
            if r == 4
            else (
                {"effectiveTiming": {"event": [TIMES[n % 15], TIMES[(n * 7) % 15]]}}
                if n % 12 == 5
                else (
                    {"effectiveInstant": INSTANTS[n % len(INSTANTS)]}
                    if r == 3
                    else {} if n % 17 == 16 else {"effectiveDateTime": TIMES[n % 15]}
                )
            )
        )

    def patients(self):
        for n, (family, given, kana, kana_given) in enumerate(NAMES):
            ide, syl = (
                {
                    "extension": [
                        {"url": "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation", "valueCode": c}
                    ]
                }
                for c in ("IDE", "SYL")
            )
            self.add(
                "Patient",
                f"jp{n}",
                active=True,
                name=[
                    {**ide, "use": "official", "family": family, "given": [given], "text": f"{family}　{given}"},
                    {**syl, "family": kana, "given": [kana_given]},
                ],
                gender=["male", "female", "other"][n % 3],
                birthDate=DATES[n % 10],
                telecom=[{"system": "phone", "value": f"03-1234-000{n}", "use": "home"}],
                identifier=[
                    {
                        "system": "urn:oid:1.2.392.100495.20.3.51.11311234567",
                        "value": f"0000{n}",
                        "type": concept(coding(TERMINOLOGY + "v2-0203", "MR"), text="診察券番号"),
                    }
                ],
                address=[
                    {
                        "postalCode": "160-0023",
                        "state": "東京都",
                        "city": "新宿区",
                        "line": ["西新宿１−２−３"],
                        "country": "JP",
                        "text": "東京都新宿区西新宿１−２−３",
                    }
                ],
                managingOrganization=ref("Organization", f"o{n % 4}"),
                generalPractitioner=[ref("Practitioner", "pr0"), ref("Organization", "o1")][: n % 3] or None,
                meta={
                    "tag": [coding(LOCAL, "jp"), coding("http://example.org/wards", f"W{n % 2}")],
                    "profile": ["http://example.org/fhir/StructureDefinition/jp-patient|1.0"],
                },
            )
        for n, (family, given) in enumerate(FOREIGN):
            p = {
                "name": [
                    {
                        "family": family,
                        "given": given,
                        "prefix": ["Dr."] if n % 4 == 0 else None,
                        "period": {"end": "2010"},
                    }
                ],
                "gender": "unknown" if n % 5 else None,
                "active": n % 2 == 0,
            }
            p["name"] = [{k: v for k, v in p["name"][0].items() if v}] + (
                [{"text": f"{given[0]} {family} the {n}th"}] if n % 3 == 0 else []
            )
            if n == 7:
                p["_birthDate"] = {
                    "extension": [
                        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
                    ]
                }
                p["_gender"], p["gender"] = p["_birthDate"], None
            elif n != 3:
                p["birthDate"] = DATES[(n * 3) % 10]
            if n % 4 == 1:
                p["deceasedDateTime"] = TIMES[n]
            elif n % 4 == 2:
                p["deceasedBoolean"] = n % 8 == 2
            self.add(
                "Patient",
                f"int{n}",
                **p,
                identifier=(
                    [
                        {"system": "http://example.org/mrn", "value": f"MRN-{n:03d}a" if n % 2 else f"mrn-{n:03d}A"},
                        {"value": f"{n}"},
                    ][: 1 + n % 2]
                    if n != 4
                    else None
                ),
                telecom=(
                    [
                        {"system": "email", "value": f"Person.{n}@Example.ORG"},
                        {"system": "phone", "value": f"+1 (555) 010-{n:04d}"},
                    ]
                    if n % 2
                    else None
                ),
                address=[
                    {
                        "city": ["Saint-Étienne", "New York", "’s-Hertogenbosch", "北京"][n % 4],
                        "state": "X",
                        "postalCode": f"{n:05d}",
                    },
                    {"line": ["1 Main St, Apt 5"], "country": "US"},
                ][: n % 3]
                or None,
                communication=[{"language": concept(coding("urn:ietf:bcp:47", c))} for c in ("en-US", "fr")][: n % 3]
                or None,
                link=[{"other": ref("Patient", f"int{n - 1}"), "type": "seealso"}] if n % 6 == 5 else None,
                meta=(
                    {
                        "security": [coding(TERMINOLOGY + "v3-Confidentiality", "R" if n % 2 else "N")],
                        "source": f"http://example.org/src/{n % 3}#x",
                    }
                    if n % 3
                    else None
                ),
            )

    def others(self):
        for n in range(5):
            self.add(
                "Organization",
                f"o{n}",
                active=n != 3,
                name=["東京総合病院", "Clinic St. Zoë", "CLINIC St. Zoe Annex", "ｸﾘﾆｯｸ　まつもと", "Clinic"][n],
                alias=["Saint Zoe", "ST ZOE"][: n % 3] or None,
                partOf=ref("Organization", f"o{n - 1}") if n else None,
                identifier=[{"system": "http://example.org/org", "value": str(n)}],
            )
        for n in range(4):
            self.add(
                "Practitioner",
                f"pr{n}",
                active=True,
                name=[
                    {
                        "family": ["鈴木", "Grey", "House", "Ｇｒｅｙ"][n],
                        "given": ["一郎", "Meredith", "Gregory", "Lexie"][n : n + 1],
                    }
                ],
                gender=["male", "female"][n % 2],
                identifier=[{"system": "http://example.org/npi", "value": f"99{n}"}],
                telecom=[{"system": "email", "value": f"pr{n}@example.org"}],
            )
            self.add(
                "PractitionerRole",
                f"role{n}",
                practitioner=ref("Practitioner", f"pr{n}"),
                organization=ref("Organization", f"o{n}"),
                period=self.period(n),
                specialty=[concept(coding(SCT, ["394579002", "394802001"][n % 2]))],
            )
            self.add(
                "Location",
                f"loc{n}",
                status="active",
                name=["病棟３Ａ", "Ward 3B", "ward 3b annex", "手術室"][n],
                mode="instance",
                position=[
                    {"longitude": parse("139.7006"), "latitude": parse("35.6896")},
                    {"longitude": parse("179.9"), "latitude": parse("-16.5")},
                    {"longitude": parse("-179.8"), "latitude": parse("-16.6")},
                    None,
                ][n],
                partOf=ref("Location", f"loc{n - 1}") if n else None,
                managingOrganization=ref("Organization", f"o{n}"),
            )
        patients = [r["id"] for r in self.all if r["resourceType"] == "Patient"]
        for n in range(30):
            self.add(
                "Encounter",
                f"e{n}",
                status=["finished", "in-progress", "planned"][n % 3],
                class_=coding(TERMINOLOGY + "v3-ActCode", ["AMB", "IMP", "EMER"][n % 3]),
                subject=ref("Patient", self.pick(patients)),
                period=self.period(n) if n % 7 else None,
                type=(
                    [concept(coding(SCT, "308335008", "Encounter for check up"), coding(LOCAL, f"t{n % 3}"))]
                    if n % 2
                    else None
                ),
                participant=[
                    {"individual": ref("Practitioner", f"pr{n % 4}")},
                    {"individual": ref("PractitionerRole", f"role{(n + 1) % 4}")},
                ][: n % 3]
                or None,
                location=(
                    [{"location": ref("Location", f"loc{n % 4}"), "period": self.period(n + 3)}] if n % 3 else None
                ),
                serviceProvider=ref("Organization", f"o{n % 5}"),
                partOf=ref("Encounter", f"e{n - 3}") if n > 20 else None,
                length=(
                    quantity(["30", "0.5", "90", "2"][n % 4], ["min", "h", "min", "d"][n % 4], "x")
                    if n % 4 != 1 or n > 8
                    else None
                ),
                diagnosis=[{"condition": ref("Condition", f"c{n}")}] if n < 20 else None,
            )
        units = [
            ("kg", "kg"),
            ("g", "g"),
            ("[lb_av]", "lb"),
            ("mg/dL", "mg/dL"),
            ("mmol/L", "mmol/L"),
            ("mol/L", "M"),
            ("Cel", "C"),
            ("[degF]", "F"),
            ("mm[Hg]", "mmHg"),
            ("kPa", "kPa"),
            ("%", "%"),
            ("{score}", "score"),
        ]
        for n in range(110):
            number, (code, unit) = NUMBERS[n % len(NUMBERS)], units[(n * 5 + n // 12) % 12]
            value = [
                lambda: {"valueQuantity": quantity(number, code, unit)},
                lambda: {"valueQuantity": quantity(number, code, unit)},
                lambda: {"valueQuantity": quantity(number)},
                lambda: {"valueQuantity": quantity(number, unit=unit)},
                lambda: {"valueQuantity": quantity(number, "tab", "tablets", LOCAL)},
                lambda: {"valueQuantity": quantity(number, code, unit, comparator=["<", "<=", ">", ">="][n // 11 % 4])},
                lambda: {
                    "valueCodeableConcept": concept(
                        coding(SCT, "260385009", "Negative"), coding(LOCAL, "neg"), text="陰性 (−)"
                    )
                },
                lambda: {"valueString": ["Positive", "ｐｏｓｉｔｉｖｅ++", "陽性", "a, b | c"][n % 4]},
                lambda: {"valueDateTime": TIMES[n % 15]},
                lambda: {"valuePeriod": self.period(n)},
                lambda: {},
            ][n % 11]()
            component = [
                {
                    "code": concept(coding(LOINC, c), coding(LOCAL, c.split("-")[0])),
                    "valueQuantity": quantity(v, "mm[Hg]", "mmHg"),
                }
                for c, v in (("8480-6x", NUMBERS[n % 22]), ("8462-4", NUMBERS[(n * 3) % 22]))
            ]
            component[1:1] = [
                {
                    "code": concept(coding(LOINC, "comp-c")),
                    "valueCodeableConcept": concept(coding(SCT, "260385009"), coding(LOCAL, f"v{n % 3}")),
                }
            ]
            subject = (
                ref("Patient", self.pick(patients))
                if n % 13
                else [
                    ref("Group", "g0"),
                    {"reference": "http://other.example.org/fhir/Patient/int1"},
                    {"identifier": {"system": "http://example.org/mrn", "value": "MRN-003a"}},
                    {"reference": "#me"},
                    {"reference": "Patient/int2/_history/1"},
                    {"display": "somebody"},
                    {"reference": "urn:uuid:8f0c5c2e-5f2a-4d3a-9a0f-0c2d1e3f4a5b"},
                    None,
                    ref("Patient", "gone"),
                ][n // 13]
            )
            self.add(
                "Observation",
                f"ob{n}",
                status=["final", "preliminary", "amended"][n % 3],
                code=CODES[n % 8],
                category=[VITALS, LAB, concept(text="other")][n % 3 : n % 3 + 1 + n % 2],
                subject=subject,
                contained=(
                    [{"resourceType": "Patient", "id": "me", "name": [{"family": "Contained"}]}]
                    if subject == {"reference": "#me"}
                    else None
                ),
                encounter=ref("Encounter", f"e{n % 30}") if n % 4 else None,
                performer=[ref("Practitioner", f"pr{n % 4}"), ref("Organization", f"o{n % 5}")][: n % 3] or None,
                issued=INSTANTS[n % len(INSTANTS)] if n % 3 else None,
                component=component[: n % 4] or None if n % 5 == 0 else None,
                hasMember=[ref("Observation", f"ob{n - 1}")] if n % 10 == 9 else None,
                **self.effective(n),
                **value,
                dataAbsentReason=(
                    concept(coding(TERMINOLOGY + "data-absent-reason", "unknown")) if not value and not n % 2 else None
                ),
                identifier=[{"system": "urn:oid:1.2.3", "value": f"id,{n}|$"}] if n % 20 == 0 else None,
            )
        for n in range(24):
            onset = [
                {"onsetDateTime": TIMES[n % 15]},
                {"onsetPeriod": self.period(n)},
                {"onsetAge": quantity(NUMBERS[4 + n % 4].lstrip("-"), "a", "years")},
                {"onsetString": "in childhood, こどもの頃"},
                {"onsetRange": {"low": quantity("40", "a"), "high": quantity("50", "a")}},
                {},
            ][n % 6]
            self.add(
                "Condition",
                f"c{n}",
                subject=ref("Patient", patients[n % len(patients)]),
                clinicalStatus=concept(
                    coding(TERMINOLOGY + "condition-clinical", ["active", "resolved", "remission"][n % 3])
                ),
                **onset,
                verificationStatus=concept(coding(TERMINOLOGY + "condition-ver-status", "confirmed")),
                code=concept(
                    coding(
                        SCT,
                        ["44054006", "38341003", "195967001"][n % 3],
                        ["Diabetes mellitus type 2", "Hypertensive disorder", "Asthma"][n % 3],
                    ),
                    coding("http://hl7.org/fhir/sid/icd-10", ["E11", "I10", "J45"][n % 3]),
                    text=["２型糖尿病", "高血圧症", "気管支ぜん息"][n % 3],
                ),
                recordedDate=TIMES[(n * 2) % 15],
                encounter=ref("Encounter", f"e{n}") if n % 2 else None,
                asserter=ref("Practitioner", f"pr{n % 4}"),
                bodySite=[concept(coding(SCT, "1"), coding(SCT, "2"))] if n % 4 == 0 else None,
                **({"abatementDateTime": TIMES[n % 15]} if n % 3 == 1 else {}),
                evidence=(
                    [{"detail": [ref("Observation", f"ob{n}"), ref("Observation", f"ob{n + 1}")]}]
                    if n % 5 == 0
                    else None
                ),
            )
        for n in range(16):
            contained = {"resourceType": "Medication", "id": "med", "code": concept(coding(LOCAL, "inner"))}
            medication = [
                {"medicationReference": ref("Medication", f"m{n % 3}")},
                {"medicationCodeableConcept": concept(coding(LOCAL, f"rx{n % 4}", "錠剤"))},
                {"medicationReference": {"reference": "#med"}, "contained": [contained]},
            ][n % 3]
            self.add(
                "MedicationRequest",
                f"mr{n}",
                status=["active", "completed"][n % 2],
                intent="order",
                subject=ref("Patient", patients[n]),
                authoredOn=TIMES[n % 15],
                requester=ref("Practitioner", f"pr{n % 4}"),
                **medication,
                basedOn=[ref("MedicationRequest", f"mr{n - 1}")] if n % 5 == 4 else None,
                dosageInstruction=[{"timing": {"event": [TIMES[n % 15], TIMES[(n + 5) % 15]]}}] if n % 2 else None,
            )
        for n in range(3):
            self.add(
                "Medication",
                f"m{n}",
                code=concept(coding(LOCAL, f"med{n}")),
                status="active",
                manufacturer=ref("Organization", "o0"),
                ingredient=[
                    {"itemCodeableConcept": concept(coding(SCT, f"10{n}"))},
                    {"itemReference": ref("Medication", f"m{n - 1}")},
                ][: 1 + (n > 0)],
            )
            self.add(
                "RiskAssessment",
                f"ra{n}",
                status="final",
                subject=ref("Patient", patients[n]),
                prediction=[
                    {"probabilityDecimal": parse(["0.5", "0.50", "-0"][n])},
                    {"probabilityDecimal": parse(["0.25", "0.3", "1"][n])},
                    {"probabilityRange": {"low": quantity("10", "%"), "high": quantity("60", "%")}},
                ][: n + 1],
            )
            self.add(
                "ChargeItem",
                f"ci{n}",
                status="billable",
                code=concept(coding(LOCAL, "x")),
                subject=ref("Patient", patients[n]),
                factorOverride=parse(["1.50", "1.5", "2e0"][n]),
                quantity=quantity(["3", "3.0", "-1"][n]),
                priceOverride={"value": parse(["1000", "10.5", "99"][n]), "currency": ["JPY", "EUR", "JPY"][n]},
            )
            self.add(
                "Invoice",
                f"in{n}",
                status="issued",
                subject=ref("Patient", patients[n]),
                totalNet={"value": parse(["1000", "10.50", "1000.4"][n]), "currency": ["JPY", "EUR", "JPY"][n]},
                date=TIMES[n],
            )
            self.add(
                "ValueSet",
                f"vs{n}",
                status="active",
                url=["http://example.org/fhir/ValueSet/a", "http://example.org/fhir/ValueSet/a/b", "urn:oid:2.999.1"][
                    n
                ],
                version=f"{n}.0",
                name=f"Set{n}",
                title=["Set Ａ", "set b", "集合"][n],
                date=TIMES[n],
                useContext=[
                    {
                        "code": coding(TERMINOLOGY + "usage-context-type", "age"),
                        "valueRange": (
                            {"low": quantity("10", "a"), "high": quantity("20", "a")}
                            if n
                            else {"low": quantity("18", "a")}
                        ),
                    },
                    {
                        "code": coding(TERMINOLOGY + "usage-context-type", "focus"),
                        "valueCodeableConcept": concept(coding(SCT, "44054006")),
                    },
                ],
            )
            self.add(
                "Questionnaire",
                f"q{n}",
                status="active",
                url=f"http://example.org/fhir/Questionnaire/q{n}",
                version="2.1",
                title=f"調査 {n}",
                subjectType=["Patient"],
            )
            self.add(
                "QuestionnaireResponse",
                f"qr{n}",
                status="completed",
                questionnaire=f"http://example.org/fhir/Questionnaire/q{n}" + ("|2.1" if n % 2 else ""),
                subject=ref("Patient", patients[n]),
                authored=TIMES[n + 3],
                author=ref("Practitioner", "pr1"),
            )
            self.add(
                "DocumentReference",
                f"dr{n}",
                status="current",
                content=[
                    {
                        "attachment": {
                            "url": f"http://example.org/doc/{n}",
                            "contentType": "text/plain",
                            "creation": TIMES[n],
                        }
                    }
                ],
                subject=ref("Patient", patients[n]),
                date=INSTANTS[n],
                relatesTo=[
                    {"code": "replaces", "target": ref("DocumentReference", f"dr{n - 1}")},
                    {"code": "appends", "target": ref("DocumentReference", "dr0")},
                ][:n]
                or None,
            )
            self.add(
                "MolecularSequence",
                f"ms{n}",
                coordinateSystem=0,
                patient=ref("Patient", patients[n]),
                referenceSeq={
                    "chromosome": concept(coding(TERMINOLOGY + "chromosome-human", f"{n + 1}")),
                    "genomeBuild": "GRCh 38",
                    "windowStart": 128 * n,
                    "windowEnd": 1000 * n + 200,
                    "strand": "watson",
                },
                variant=[{"start": 100, "end": 101}, {"start": 128 * n, "end": 129 * n + 1}][: n + 1],
            )
            self.add(
                "Goal",
                f"go{n}",
                lifecycleStatus="active",
                description=concept(text="歩く"),
                subject=ref("Patient", patients[n]),
                startDate=DATES[n],
                target=[{"dueDate": "2021-01"}, {"dueDate": "2022-01-01"}][:n] or None,
            )
            self.add(
                "DiagnosticReport",
                f"rep{n}",
                status="final",
                code=CODES[n],
                subject=ref("Patient", patients[n]),
                result=[ref("Observation", f"ob{i}") for i in range(n, n * 4)] + [{"reference": "#in"}],
                performer=[{"reference": "#who"}, ref("Practitioner", f"pr{n}")],
                contained=[
                    {
                        "resourceType": "Observation",
                        "id": "in",
                        "status": "final",
                        "code": CODES[n * 2],
                        "subject": ref("Patient", patients[n]),
                        "performer": [{"reference": "#who"}],
                        **self.effective(n * 5),
                        "valueQuantity": quantity(NUMBERS[n + 5], "kg", "kg"),
                    },
                    {
                        "resourceType": "Practitioner",
                        "id": "who",
                        "name": [{"family": ["Müller", "ﾔﾏﾀﾞ", "Grey"][n], "given": ["Inner"]}],
                        "gender": ["male", "female"][n % 2],
                        "birthDate": DATES[n],
                    },
                ],
                **self.effective(n * 4),
                issued=INSTANTS[n],
            )
            self.add(
                "List",
                f"l{n}",
                status="current",
                mode="changes" if n == 1 else "working",
                subject=ref("Patient", patients[n]),
                date=TIMES[n],
                code=concept(coding(LOINC, ["11450-4", "10160-0"][n % 2]), coding(LOCAL, "ward-list")),
                entry=[
                    {"item": ref("Patient", patients[n])},
                    {"item": ref("Condition", f"c{n}")},
                    {"item": ref("Observation", f"ob{n}"), **({"deleted": True} if n == 1 else {})},
                    {"item": ref("Condition", f"c{n + 3}")},
                ],
            )
            self.add(
                "Task",
                f"t{n}",
                status="requested",
                intent="order",
                for_=ref("Patient", patients[n]),
                focus=ref("MedicationRequest", f"mr{n}"),
                basedOn=[ref("MedicationRequest", "mr0")],
                owner=ref("PractitionerRole", f"role{n}"),
                authoredOn=TIMES[n],
                groupIdentifier={"system": "http://example.org/g", "value": "G1"},
            )
            self.add(
                "Appointment",
                f"ap{n}",
                status="booked",
                start=INSTANTS[n],
                end=INSTANTS[n],
                participant=[
                    {"actor": ref("Patient", patients[n]), "status": "accepted"},
                    {"actor": ref("Location", "loc1"), "status": "accepted"},
                ],
            )
            self.add(
                "Provenance",
                f"pv{n}",
                target=[ref("Patient", p) for p in patients[n : n + 6]] + [{"reference": "Observation/ob1/_history/1"}],
                recorded=INSTANTS[n],
                agent=[{"who": ref("Practitioner", f"pr{n}")}],
            )
        self.codes()
        self.add(
            "Group",
            "g0",
            type="person",
            actual=True,
            member=[{"entity": ref("Patient", p)} for p in patients[:3]],
            characteristic=[
                {
                    "code": concept(coding(LOCAL, "sex")),
                    "valueCodeableConcept": concept(coding(LOCAL, "f")),
                    "exclude": False,
                },
                {"code": concept(coding(LOCAL, "vip")), "valueBoolean": True, "exclude": True},
            ],
        )
        self.add(
            "Group",
            "g1",
            type="person",
            actual=False,
            characteristic=[
                {
                    "code": concept(coding(LOCAL, "sex")),
                    "valueCodeableConcept": concept(coding(LOCAL, "m")),
                    "exclude": False,
                },
                {"code": concept(coding(LOCAL, "vip")), "valueBoolean": False, "exclude": False},
            ],
        )

    def codes(self):
        """What the local codes mean: a tree, and sets of them. The same words in narratives."""
        self.add(
            "CodeSystem",
            "local",
            url=LOCAL,
            status="active",
            content="complete",
            caseSensitive=False,
            concept=[
                {"code": "t0", "concept": [{"code": "t1", "concept": [{"code": "t2"}]}, {"code": "glu"}]},
                {"code": "rx0", "concept": [{"code": "rx1"}, {"code": "rx2", "concept": [{"code": "rx3"}]}]},
                {"code": "体重", "concept": [{"code": "検体"}]},
                *({"code": c} for c in ("neg", "v0", "v1", "v2", "med0", "med1", "inner", "sex", "f", "m", "jp")),
            ],
        )
        for n, some in enumerate((["t0", "t2", "glu", "neg"], ["rx1", "med0", "inner", "検体"], ["v1", "f", "jp"])):
            self.add(
                "ValueSet",
                f"set{n}",
                url=f"http://example.org/fhir/ValueSet/set{n}",
                status="active",
                compose={
                    "include": [{"system": LOCAL, "concept": [{"code": c} for c in some]}]
                    + ([{"system": LOINC, "concept": [{"code": "8480-6"}, {"code": "2345-7"}]}] if n == 0 else [])
                },
            )
        said = [
            "Liver &amp; kidney, <b>left</b>ward",
            "肺炎球菌ワクチン 接種<br/>済み",
            "BONE marrow; bone&#160;scan",
            "Käse ｶﾝｿﾞｳ カンゾウ",
        ]
        for n, r in enumerate(self.all):
            if r["resourceType"] in ("Condition", "Encounter") and n % 3:
                r["text"] = {
                    "status": "generated",
                    "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{said[n % 4]}</p><p>no {n % 5}</p></div>',
                }


def resources():
    data = Data()
    data.patients()
    data.others()
    return data.all

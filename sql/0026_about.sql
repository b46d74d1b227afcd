-- Task (140), Device (35) and GuidanceResponse (59) name a patient in whose compartment they are not. Their versions say so in
-- acc from now on, by the patient's hash and a constant ("about"), so that a Consent withholds them as well
-- (docs/consent.md); those that are there get the patient of the version that is current.
UPDATE res_history h SET acc = h.acc || (r.pat # 107075404657664)
FROM res r
WHERE r.tenant = h.tenant AND r.k = h.k AND r.pat IS NOT NULL AND r.rtype = ANY ('{35,59,140}'::int2[])
  AND h.rtype = r.rtype AND NOT h.acc && ARRAY[r.pat, r.pat # 107075404657664];

-- Records that somebody has opened in an emergency (docs/consent.md, $break-glass). A row is written once.
CREATE TABLE emergency (
    until         timestamptz NOT NULL,
    since         timestamptz NOT NULL DEFAULT now(),
    tenant        int4 NOT NULL,
    who           text NOT NULL,                   -- issuer, subject and client of the token, each behind its length
    patient       text COLLATE "C" NOT NULL,       -- Patient.id
    communication text COLLATE "C" NOT NULL,       -- id of the Communication that tells the patient, with the reason
    PRIMARY KEY (tenant, until, communication)     -- those that are open are at its end
);

-- What stands for somebody elsewhere: a certificate, or a name at a provider of identities (docs/oauth.md).
CREATE TABLE oauth_identity (
    created  timestamptz NOT NULL DEFAULT now(),
    tenant   int4 NOT NULL,
    provider text COLLATE "C" NOT NULL,       -- "certificate", or its name
    subject  text COLLATE "C" NOT NULL,
    user_id  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, provider, subject)
);
CREATE INDEX oauth_identity_of ON oauth_identity (tenant, user_id);

-- The certificate whose holder a public client's refresh token is good for alone (RFC 8705, 4): SHA-256, base64url.
ALTER TABLE oauth_secret ADD bound text;

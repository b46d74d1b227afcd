#!/usr/bin/env python3
"""Clients that prove who they are by a certificate, over real TLS; their tokens in other hands (RFC 8705)."""
import base64
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import kagari
from browser import free_port
from kagari import Dev

SUBJECT = "/C=JP/O=Test PKI/CN="


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-keyout", "ca.key", "-out", "ca.pem", "-subj", SUBJECT + "Test authority")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def issue(self, file, name, own=False):
        """The paths of certificate and key; own: signed by itself."""
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file + ".key"]
        (self.folder / "ext").write_text("extendedKeyUsage=clientAuth\nbasicConstraints=CA:FALSE\n")
        if own:
            self.openssl("req", "-x509", *key, "-days", "2", "-out", file + ".pem", "-subj", SUBJECT + name)
        else:
            self.openssl("req", "-new", *key, "-out", file + ".csr", "-subj", SUBJECT + name)
            self.openssl("x509", "-req", "-in", file + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                         "-days", "2", "-extfile", "ext", "-out", file + ".pem")
        return self.folder / (file + ".pem"), self.folder / (file + ".key")


class Certificates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.authority = Authority(folder)
        cls.lab = cls.authority.issue("lab", "lab")
        cls.other = cls.authority.issue("other", "other")
        cls.own = cls.authority.issue("own", "lab", own=True)
        cls.dev = cls.enterClassContext(Dev(
            "--port", str(free_port()), "--set", "http.client_certs=ask", "--set",
            f"oauth.client_authorities={folder}/ca.pem"))
        for name, *how in (("lab", "--tls-subject", "CN=lab,O=Test PKI,C=JP"),
                           ("self", "--certificate", str(cls.own[0]))):
            subprocess.run([kagari.BINARY, "client", "add", name, "--scope", "system/*.rs", *how, "--config",
                            str(cls.dev.data / "kagari.conf")], check=True, capture_output=True)

    def client(self, pair=None):
        client = self.dev.client()
        client.token = None
        if pair:
            client.context.load_cert_chain(*pair)
        self.addCleanup(client.close)
        return client

    def ask(self, client, name, headers=None):
        return client.request("POST", "oauth/token", f"grant_type=client_credentials&client_id={name}",
                              {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})

    def read(self, client, token, headers=None):
        return client.request("GET", "Patient", headers={"Authorization": "Bearer " + token, **(headers or {})}).status

    def test_replay(self):
        holder = self.client(self.lab)
        token = self.ask(holder, "lab").json["access_token"]
        self.assertEqual(self.read(holder, token), 200)
        self.assertEqual(self.read(self.client(self.lab), token), 200)
        for thief in (self.client(), self.client(self.other), self.client(self.own)):
            self.assertEqual(self.read(thief, token), 401)
        self.assertEqual(self.read(holder, token), 200)

    def test_others(self):
        for pair in (None, self.other, self.own):
            self.assertEqual(self.ask(self.client(pair), "lab").status, 401)
        self.assertEqual(self.ask(self.client(self.own), "self").status, 200)
        self.assertEqual(self.ask(self.client(self.lab), "self").status, 401)

    def test_written_headers(self):
        """What a proxy would say is not believed of a client."""
        der = ssl.PEM_cert_to_DER_cert(self.lab[0].read_text())
        header = {"Client-Cert": ":" + base64.b64encode(der).decode() + ":"}
        token = self.ask(self.client(self.lab), "lab").json["access_token"]
        self.assertEqual(self.read(self.client(), token, header), 401)
        self.assertEqual(self.ask(self.client(), "lab", header).status, 401)

    def test_resumed(self):
        """A session that is taken up again is still its holder's, and its own alone."""
        token = self.ask(self.client(self.lab), "lab").json["access_token"]
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            for pair, status in ((self.lab, b"200"), (None, b"401"), (self.other, b"401")):
                context = ssl.create_default_context(cafile=str(self.dev.data / "tls.crt"))
                context.minimum_version = context.maximum_version = version
                if pair:
                    context.load_cert_chain(*pair)
                session = None
                for attempt in range(2):
                    with socket.create_connection(("127.0.0.1", self.dev.port)) as s, context.wrap_socket(
                            s, server_hostname="127.0.0.1", session=session) as tls:
                        tls.sendall(b"GET /fhir/Patient?_count=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                                    b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
                        answer = b""
                        while True:
                            more = tls.recv(65536)
                            if not more:
                                break
                            answer += more
                        self.assertEqual(answer[9:12], status, (version, pair, attempt))
                        self.assertEqual(tls.session_reused, attempt == 1)
                        session = tls.session

    def test_told(self):
        metadata = self.client().request("GET", ".well-known/smart-configuration").json
        self.assertIn("tls_client_auth", metadata["token_endpoint_auth_methods_supported"])
        self.assertIs(metadata["tls_client_certificate_bound_access_tokens"], True)


if __name__ == "__main__":
    kagari.main()

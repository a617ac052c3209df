"""TLS in front of the issuer, so that no library has to be configured to allow plain HTTP."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from processes import Processes

PASSWORD = "changeit"  # Java wants one

CADDYFILE = """
{{
    admin off
    auto_https off
    servers {{
        protocols h1 h2
    }}
}}
https://localhost:{port}, https://127.0.0.1:{port} {{
    bind 127.0.0.1
    tls {place}/server.pem {place}/server.key
    reverse_proxy 127.0.0.1:{upstream}
}}
"""


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A certificate authority for the tests, and how each language is configured to trust only it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.file, self.java = place / "ca.pem", place / "ca.p12"
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), _name("interop")
        authority = self._certificate(self.key, self.name, [], ca=True)
        self.file.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
        trusted = [pkcs12.PKCS12Certificate(authority, b"interop")]
        encryption = serialization.BestAvailableEncryption(PASSWORD.encode())
        self.java.write_bytes(pkcs12.serialize_java_truststore(trusted, encryption))

        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        server = self._certificate(key, _name("localhost"), names, ca=False)
        (place / "server.pem").write_bytes(server.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (place / "server.key").write_bytes(key.private_bytes(*form))

    def _certificate(
        self, key: ec.EllipticCurvePrivateKey, name: x509.Name, names: list, *, ca: bool
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
            + ("encipher_only", "decipher_only"),
            False,
        )
        usage |= {"digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
        certificate = certificate.add_extension(x509.KeyUsage(**usage), critical=True)
        if names:
            certificate = certificate.add_extension(x509.SubjectAlternativeName(names), critical=False)
            server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            certificate = certificate.add_extension(server, critical=False)
        return certificate.sign(self.key, hashes.SHA256())

    def environment(self) -> dict[str, str]:
        """The environment variables for requests (Python), Node and Go."""
        file = str(self.file)
        return {"REQUESTS_CA_BUNDLE": file, "NODE_EXTRA_CA_CERTS": file, "SSL_CERT_FILE": file}

    def context(self) -> ssl.SSLContext:
        """For requests of this program."""
        return ssl.create_default_context(cafile=str(self.file))

    def java_options(self) -> list[str]:
        store = {"trustStore": self.java, "trustStorePassword": PASSWORD, "trustStoreType": "PKCS12"}
        return [f"-Djavax.net.ssl.{name}={value}" for name, value in store.items()]

    def serve(self, processes: Processes, port: int, upstream: int) -> None:
        """Starts Caddy at this port of `localhost` and of `127.0.0.1`, in front of the issuer."""
        config = self.place / "Caddyfile.tls"
        config.write_text(CADDYFILE.format(port=port, upstream=upstream, place=self.place))
        command = ["caddy", "run", "--config", config, "--adapter", "caddyfile"]
        env = {name: str(self.place) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
        processes.start("Caddy", command, self.place / "caddy-tls.log", env).wait_for_port(port)

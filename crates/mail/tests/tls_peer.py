"""A mail server with TLS, in independent software (aiosmtpd over Python's ssl): for tests of the way to it.

    python tls_peer.py FOLDER MODE    MODE: starttls | tls | plain

It makes a certificate for `localhost` in FOLDER/ca.pem, listens on a free port of 127.0.0.1, prints the port, and appends a
line to FOLDER/log for each mail (who signed in, from whom, to whom, and whether the way was secret). It ends with its input.
"""

import asyncio
import datetime
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

folder, mode = Path(sys.argv[1]), sys.argv[2]


def certificate():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return context


class Sink:
    async def handle_DATA(self, server, session, envelope):
        is_secret = session.ssl is not None or mode == "tls"
        with (folder / "log").open("a") as log:
            print(getattr(session, "auth_data", None), envelope.mail_from, ",".join(envelope.rcpt_tos), is_secret, file=log)
        return "250 queued"


def judge(server, session, envelope, mechanism, data):
    if (data.login, data.password) == (b"kim", b"warm floor"):
        return AuthResult(success=True, auth_data="kim")
    return AuthResult(success=False, handled=False)


async def main():
    starttls = certificate() if mode == "starttls" else None
    outer = certificate() if mode == "tls" else None
    options = {"authenticator": judge, "auth_require_tls": starttls is not None}
    if starttls:
        options |= {"tls_context": starttls, "require_starttls": True}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), loop=loop, **options), "127.0.0.1", 0, ssl=outer)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())

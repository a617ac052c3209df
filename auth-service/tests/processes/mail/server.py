"""An SMTP server of another project, which prints its port and then each mail that it takes as a line of JSON.

server.py plain|starttls|implicit CERTIFICATE KEY [USER PASSWORD]
"""

import asyncio
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Taken:
    async def handle_DATA(self, server, session, envelope):
        mail = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "raw": envelope.content.decode("ascii"),
            "ehlo": session.host_name,
            "encrypted": server.transport.get_extra_info("ssl_object") is not None,
            "authenticated": bool(session.authenticated),
        }
        print(json.dumps(mail), flush=True)
        return "250 2.0.0 taken"


async def serve(mode, certificate, key, *account):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    expected = LoginPassword(*(word.encode() for word in account)) if account else None

    def authenticate(server, session, envelope, mechanism, given):
        return AuthResult(success=given == expected, handled=False)

    options = {"hostname": "relay.test", "authenticator": authenticate, "auth_required": bool(account)}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
    else:
        options |= {"auth_require_tls": False}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Taken(), loop=loop, **options),
        "127.0.0.1",
        0,
        ssl=context if mode == "implicit" else None,
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# It warns of attributes that it sets itself.
logging.disable(logging.WARNING)
asyncio.run(serve(*sys.argv[1:]))

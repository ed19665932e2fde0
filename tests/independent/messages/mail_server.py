"""A mail server that prints what it takes, one JSON object a line.

    mail_server.py PORT CERTIFICATE KEY

It wants STARTTLS and the user `assent` with the password `s3cret`. Recipients at `unknown.example` do not exist (550),
those at `busy.example` are to be tried later (451).
"""

import json
import signal
import ssl
import sys
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, SMTP


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.endswith("@unknown.example"):
            return "550 no such mailbox"
        if address.endswith("@busy.example"):
            return "451 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        message = message_from_bytes(envelope.content, policy=policy.default)
        parts = {part.get_content_type(): part.get_content() for part in message.walk() if not part.is_multipart()}
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": parts.get("text/plain", "").replace("\r\n", "\n"),
            "html": parts.get("text/html", "").replace("\r\n", "\n"),
        }), flush=True)
        return "250 taken"


class Authenticator:
    def __call__(self, server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (b"assent", b"s3cret")
        return AuthResult(success=good, handled=False, auth_data=data.login.decode())


class TlsController(Controller):
    def __init__(self, *arguments, context, **options):
        self.context = context
        super().__init__(*arguments, **options)

    def factory(self):
        return SMTP(
            self.handler,
            tls_context=self.context,
            require_starttls=True,
            auth_required=True,
            authenticator=Authenticator(),
        )


def main():
    port, certificate, key = sys.argv[1:]
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    controller = TlsController(Handler(), hostname="127.0.0.1", port=int(port), context=context)
    controller.start()
    print(json.dumps({"listening": int(port)}), flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    controller.stop()


main()

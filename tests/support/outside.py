"""A mail server and a webhook receiver on loopback, as real as notifications need them."""

from __future__ import annotations

import base64
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from tests.support.needs import needs

__all__ = ["Mailbox", "Receiver", "certificate", "mail_server", "receiver"]


@dataclass
class Mailbox:
    """What a mail server was given; `login` is asked for when it is set."""

    port: int = 0
    login: tuple[str, str] | None = None
    refuse: str = ""
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    secured: list[bool] = field(default_factory=list)


@contextmanager
def mail_server(
    *, login: tuple[str, str] | None = None, pem: Path | None = None
) -> Iterator[Mailbox]:
    """Serve SMTP on a free port; with a certificate it offers STARTTLS, and wants it."""
    box = Mailbox(login=login)
    context = None
    if pem is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            dialogue = _Dialogue(self, box, context)
            try:
                dialogue.run()
            except OSError:
                pass  # the other end hung up, as it may
            finally:
                dialogue.close()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        with _serving(server):
            yield box


class _Dialogue:
    """One SMTP connection."""

    def __init__(
        self,
        handler: socketserver.StreamRequestHandler,
        box: Mailbox,
        context: ssl.SSLContext | None,
    ) -> None:
        self.socket, self.box, self.context = handler.connection, box, context
        self.file = self.socket.makefile("rwb")
        self.secure = self.known = False
        self.to: list[str] = []

    def run(self) -> None:
        self.say("220 test ready")
        while line := self.file.readline():
            verb, _, rest = line.decode().strip().partition(" ")
            if verb.upper() == "QUIT":
                return self.say("221 bye")
            answer = getattr(self, f"do_{verb.lower()}", None)
            if answer is None:
                self.say("500 what?")
            else:
                answer(rest)
        return None

    def close(self) -> None:
        with suppress(OSError):
            self.file.close()
        self.socket.close()

    def say(self, *lines: str) -> None:
        code = lines[-1][:3]
        for line in lines[:-1]:
            self.file.write(f"{code}-{line}\r\n".encode())
        self.file.write(f"{lines[-1]}\r\n".encode())
        self.file.flush()

    def do_ehlo(self, _rest: str) -> None:
        offers = ["test"]
        offers += ["STARTTLS"] if self.context and not self.secure else []
        offers += ["AUTH PLAIN"] if self.box.login else []
        self.say(*offers, "250 8BITMIME")

    def do_starttls(self, _rest: str) -> None:
        assert self.context is not None
        self.say("220 go on")
        self.socket = self.context.wrap_socket(self.socket, server_side=True)
        self.file, self.secure = self.socket.makefile("rwb"), True

    def do_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.rsplit(maxsplit=1)[-1]).decode().split("\0")
        self.known = (user, password) == self.box.login
        self.say("235 welcome" if self.known else "535 wrong password")

    def do_mail(self, _rest: str) -> None:
        wanted = (self.context is None or self.secure) and (not self.box.login or self.known)
        self.say("250 ok" if wanted else "530 not like this")

    def do_rcpt(self, rest: str) -> None:
        self.to.append(rest.partition("<")[2].rstrip(">"))
        self.say(self.box.refuse or "250 ok")

    def do_data(self, _rest: str) -> None:
        self.say("354 go on")
        lines = []
        while (line := self.file.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b"..") else line)
        mail = message_from_bytes(b"".join(lines), policy=policy.default)
        self.box.mails.append((self.to, cast("EmailMessage", mail)))
        self.box.secured.append(self.secure)
        self.to = []
        self.say("250 accepted")

    def do_rset(self, _rest: str) -> None:
        self.to = []
        self.say("250 ok")


@dataclass
class Receiver:
    """A webhook receiver: what it got, and what it answers (the last answer stays)."""

    url: str = ""
    answers: list[int | str] = field(default_factory=lambda: [204])
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def answer(self) -> int | str:
        """Take the next answer: a status, or an address to redirect to."""
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiver(*answers: int | str, port: int = 0) -> Iterator[Receiver]:
    """Serve HTTP on loopback."""
    found = Receiver(answers=list(answers) or [204])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.got.append((self.path, headers, body))
            answer = found.answer()
            self.send_response(307 if isinstance(answer, str) else answer)
            if isinstance(answer, str):
                self.send_header("Location", answer)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        with _serving(server):
            yield found


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def certificate(folder: Path) -> Path:
    """Make a key with a certificate for loopback that nobody but itself vouches for."""
    pem, key = folder / "server.pem", folder / "server.key"
    subprocess.run(
        [
            *(needs("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
            *("-keyout", str(key), "-out", str(pem)),
        ],
        check=True,
        capture_output=True,
    )
    pem.write_bytes(pem.read_bytes() + key.read_bytes())
    return pem

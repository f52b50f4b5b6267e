#!/usr/bin/env python3
"""A mail server: STARTTLS and AUTH PLAIN are required, each mail becomes a line of JSON in a file, parsed by Python's own
mail library. What MAIL is answered stands in a control file ("250 ok", "451 later", "550 no").

usage: mail_taker.py CERT KEY PORT USER:PASSWORD CONTROL-FILE OUT-FILE"""
import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

cert, key, port, login, control_path, out_path = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
user, password = login.split(":", 1)
credentials = base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class Talk:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.tls = self.known = False
        self.sender, self.to = None, []

    def say(self, text):
        self.writer.write(text.encode() + b"\r\n")

    async def take_content(self):
        self.say("354 go on")
        lines = []
        while (line := await self.reader.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        record = {
            "from": self.sender,
            "to": self.to,
            "subject": mail["Subject"],
            "id": mail["Message-ID"],
            "headers": sorted(mail.keys()),
            "text": mail.get_content(),
            "defects": [str(defect) for defect in mail.defects],
        }
        with open(out_path, "a", encoding="utf-8") as out:
            out.write(json.dumps(record) + "\n")
        self.say("250 queued")

    def take_mail(self, line):
        with open(control_path, encoding="ascii") as control:
            answer = control.read().strip()
        self.sender, self.to = line[10:], []
        self.say(answer if self.known else "530 sign in first")

    async def answer(self, line):
        verb = line.split(" ")[0].split(":")[0].upper()
        if verb == "EHLO":
            self.say("250-mail.test")
            self.say("250-8BITMIME")
            self.say("250 AUTH LOGIN PLAIN" if self.tls else "250 STARTTLS")
        elif verb == "STARTTLS" and not self.tls:
            self.say("220 go ahead")
            await self.writer.start_tls(context)
            self.tls = True
        elif verb == "AUTH" and self.tls:
            self.known = line == "AUTH PLAIN " + credentials
            self.say("235 welcome" if self.known else "535 wrong")
        elif verb == "MAIL":
            self.take_mail(line)
        elif verb == "RCPT":
            self.to.append(line[8:])
            self.say("250 ok")
        elif verb == "DATA":
            await self.take_content()
        elif verb == "QUIT":
            self.say("221 bye")
            return False
        else:
            self.say("500 what?")
        return True


async def talk(reader, writer):
    one = Talk(reader, writer)
    one.say("220 mail.test ready")
    try:
        while (line := await reader.readline()) and await one.answer(line.decode("ascii").rstrip("\r\n")):
            pass
        await writer.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    writer.close()


async def serve():
    server = await asyncio.start_server(talk, "127.0.0.1", int(port))
    await server.serve_forever()


asyncio.run(serve())

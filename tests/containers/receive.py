"""Usage: receive.py JID PASSWORD HOST:PORT CA_FILE SECONDS

An XMPP client of its own, in nothing but Python's library: logs in over STARTTLS, whose certificate CA_FILE must prove, prints
"ready", then the body of the first message that has one.
"""

import base64
import socket
import ssl
import sys
import time
from xml.etree import ElementTree

CLIENT, STREAM = "jabber:client", "http://etherx.jabber.org/streams"
TLS, SASL = "urn:ietf:params:xml:ns:xmpp-tls", "urn:ietf:params:xml:ns:xmpp-sasl"


class Stream:
    """A client's stream: whole top-level elements out of what the socket gives."""

    def __init__(self, sock, domain):
        self.sock, self.domain = sock, domain
        self.open()

    def open(self):
        self.parser = ElementTree.XMLPullParser(("start", "end"))
        self.depth = 0
        self.send(f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAM}' to='{self.domain}' version='1.0'>")

    def send(self, text):
        self.sock.sendall(text.encode())

    def next(self):
        while True:
            for event, element in self.parser.read_events():
                self.depth += 1 if event == "start" else -1
                if event == "end" and self.depth == 1:
                    return element
            data = self.sock.recv(65536)
            if not data:
                sys.exit("the server closed the stream")
            self.parser.feed(data)

    def expect(self, namespace, name):
        element = self.next()
        if element.tag != f"{{{namespace}}}{name}":
            sys.exit(f"expected {name}, got {ElementTree.tostring(element).decode()}")
        return element


def main():
    jid, password, address, ca_file, seconds = sys.argv[1:]
    user, domain = jid.split("@")
    host, port = address.rsplit(":", 1)
    sock = socket.create_connection((host, int(port)), timeout=float(seconds))
    stream = Stream(sock, domain)
    stream.expect(STREAM, "features")
    stream.send(f"<starttls xmlns='{TLS}'/>")
    stream.expect(TLS, "proceed")
    stream.sock = ssl.create_default_context(cafile=ca_file).wrap_socket(sock, server_hostname=domain)
    stream.open()
    stream.expect(STREAM, "features")
    response = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    stream.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>{response}</auth>")
    stream.expect(SASL, "success")
    stream.open()
    stream.expect(STREAM, "features")
    stream.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    while stream.next().get("id") != "bind":
        pass
    stream.send("<presence/>")
    print("ready", flush=True)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        element = stream.next()
        body = element.find(f"{{{CLIENT}}}body")
        if element.tag == f"{{{CLIENT}}}message" and body is not None:
            print(body.text, flush=True)
            return
    sys.exit("no message came")


main()

"""h2 and wsproto, a client over HTTP/2: the steps of http2server/page.html.

    peer.py CA.pem PORT-OF-TLS PORT-IN-CLEAR [clear]

Each step is reported to the server by a POST over HTTP/1.1, and the last WebSocket stays until the server drains.
"""

import json
import os
import socket
import ssl
import sys
import threading
import urllib.request

import h2.config
import h2.connection
import h2.events
import h2.settings
import wsproto.connection
import wsproto.events
from wsproto.extensions import PerMessageDeflate

authority, secure, plain = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
clear = len(sys.argv) > 4


class Connection:
    """One HTTP/2 connection, read by a thread."""

    def __init__(self):
        nc = socket.create_connection(("127.0.0.1", plain if clear else secure))
        if not clear:
            trust = ssl.create_default_context(cafile=authority)
            trust.set_alpn_protocols(["h2"])
            nc = trust.wrap_socket(nc, server_hostname="127.0.0.1")
            assert nc.selected_alpn_protocol() == "h2"
        self.nc, self.changed, self.streams = nc, threading.Condition(), {}
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.extended = False
        self.flush()
        threading.Thread(target=self.read, daemon=True).start()
        self.wait(lambda: self.extended)

    def flush(self):
        self.nc.sendall(self.h2.data_to_send())

    def wait(self, what):
        with self.changed:
            if not self.changed.wait_for(what, timeout=15):
                raise TimeoutError("nothing for 15 s")

    def read(self):
        while data := self.nc.recv(65536):
            with self.changed:
                for event in self.h2.receive_data(data):
                    self.event(event)
                self.flush()
                self.changed.notify_all()

    def event(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.extended = self.h2.remote_settings.enable_connect_protocol == 1
        elif isinstance(event, h2.events.ResponseReceived):
            stream.headers = dict(event.headers)
        elif isinstance(event, h2.events.DataReceived):
            stream.data += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.ended, stream.reset = True, event.error_code

    def request(self, end, *headers):
        with self.changed:
            s = Stream(self, self.h2.get_next_available_stream_id())
            self.streams[s.id] = s
            self.h2.send_headers(s.id, list(headers), end_stream=end)
            self.flush()
        return s

    def get(self, path):
        s = self.request(True, (":method", "GET"), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", path))
        self.wait(lambda: s.ended)
        return json.loads(s.data)

    def open(self, name, protocols="", path="/ws"):
        fields = [("sec-websocket-version", "13")]
        deflate = PerMessageDeflate()
        fields.append(("sec-websocket-extensions", f"permessage-deflate; {deflate.offer()}"))
        if protocols:
            fields.append(("sec-websocket-protocol", protocols))
        s = self.request(False, (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                         (":authority", "127.0.0.1"), (":path", f"{path}?name={name}"), *fields)
        self.wait(lambda: s.headers or s.ended)
        if s.headers[":status"] != "200":
            raise ConnectionError("answered with " + s.headers[":status"])
        extensions = []
        if agreed := s.headers.get("sec-websocket-extensions"):
            deflate.finalize(agreed.split(";", 1)[1] if ";" in agreed else "")
            extensions.append(deflate)
        s.ws = wsproto.connection.Connection(wsproto.connection.ConnectionType.CLIENT, extensions)
        s.hello = json.loads(s.message())
        return s


class Stream:
    """A request, or a WebSocket."""

    def __init__(self, conn, id):
        self.conn, self.id = conn, id
        self.headers, self.data, self.ended, self.reset = None, b"", False, None
        self.events, self.wire = [], 0

    def write(self, data):
        at = 0
        while at < len(data):
            h2 = self.conn.h2
            self.conn.wait(lambda: self.ended or h2.local_flow_control_window(self.id) > 0)
            with self.conn.changed:
                n = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size, len(data) - at)
                h2.send_data(self.id, data[at:at + n])
                self.conn.flush()
            at += n

    def send(self, event):
        self.write(self.ws.send(event))

    def next(self):
        """The next event; None at the end of the stream."""
        while not self.events:
            self.conn.wait(lambda: self.data or self.ended)
            with self.conn.changed:
                data, self.data = self.data, b""
            if not data:
                return None
            self.wire += len(data)
            self.ws.receive_data(data)
            self.events.extend(self.ws.events())
        return self.events.pop(0)

    def message(self):
        parts = []
        while True:
            event = self.next()
            if isinstance(event, wsproto.events.Message):
                parts.append(event.data)
                if event.message_finished:
                    return parts[0][:0].join(parts)
            elif isinstance(event, wsproto.events.Ping):
                self.send(event.response())
            else:
                raise ConnectionError(f"{event} in place of a message")

    def echo(self, data):
        self.send(wsproto.events.Message(data=data))
        if (got := self.message()) != data:
            raise ValueError(f"an echo differs: {got[:40]}")

    def close(self, code=1000, reason=""):
        self.send(wsproto.events.CloseConnection(code=code, reason=reason))
        return self.end()

    def end(self, answer=True):
        """The Close that is received, answered if need be, and the end of the stream."""
        event = self.next()
        if not isinstance(event, wsproto.events.CloseConnection):
            return event
        if answer and self.ws.state is wsproto.connection.ConnectionState.REMOTE_CLOSING:
            self.send(event.response())
        self.conn.wait(lambda: self.ended)
        same(self.reset or 0, 0)  # NO_ERROR says that nothing more is read
        return [event.code, event.reason or ""]


def same(got, want):
    if got != want:
        raise ValueError(f"{got} in place of {want}")


def report(step, error="", note=""):
    body = json.dumps({"step": step, "error": error, "note": note}).encode()
    urllib.request.urlopen(f"http://127.0.0.1:{plain}/report", body).read()


conn = Connection()
me = conn.get("/me")
first = None


def here(s):
    same([s.hello["proto"], s.hello["remote"]], [me["proto"], me["remote"]])


def opens(name, end=True):
    s = conn.open(name)
    here(s)
    s.echo("hello")
    if end:
        same(s.close(), [1000, ""])
    return s


def step_first():
    global first
    first = opens("first", end=False)


def step_after():
    same(first.close(), [1000, ""])
    opens("after")


def step_echo():
    s = conn.open("echo")
    for data in ["grüße, 世界 🌊", "", bytes(range(256)), b""]:
        s.echo(data)
    s.close()


def step_mib():
    s = conn.open("mib")
    s.echo(os.urandom(1 << 20))
    s.echo("世界🌊abcdef" * (1 << 16))
    s.close()


def step_deflate():
    s = conn.open("deflate")
    same(s.hello["extensions"][0].split(";")[0], "permessage-deflate")
    before, text = s.wire, "again and again, " * 1000
    s.echo(text)
    if s.wire - before > len(text) // 10:
        raise ValueError(f"an echo of {len(text)} bytes takes {s.wire - before}")
    s.close()


def step_protocol():
    s = conn.open("protocol", "chat.v9, chat.v2")
    same(s.headers["sec-websocket-protocol"], "chat.v2")
    s.close()


def step_many():
    many = [conn.open(f"many{i}") for i in range(50)]
    for i, s in enumerate(many):
        here(s)
        s.send(wsproto.events.Message(data=f"number {i}"))
    for i, s in enumerate(many):
        same(s.message(), f"number {i}")
    for s in many:
        same(s.close(), [1000, ""])


def step_closes():
    same(conn.open("closes").close(4001, "enough"), [4001, ""])  # the answer has the code
    same(conn.get("/ended?name=closes"), {"code": 4001, "reason": "enough", "clean": True})


def step_nocode():
    s = conn.open("nocode")
    s.write(bytes([0x88, 0x80, 1, 2, 3, 4]))  # wsproto has no Close without a code
    same(s.end(answer=False), [1005, ""])
    same(conn.get("/ended?name=nocode"), {"code": 1005, "reason": "", "clean": True})


def step_closed():
    s = conn.open("closed")
    s.send(wsproto.events.Message(data="close 4002 bye"))
    same(s.end(), [4002, "bye"])
    same(conn.get("/ended?name=closed"), {"code": 4002, "reason": "bye", "clean": True})


def step_cut():
    s = conn.open("cut")
    s.send(wsproto.events.Message(data="cut"))
    same(s.end(), None)


def step_refused():
    try:
        conn.open("none", path="/me")
    except ConnectionError as e:
        same(str(e), "answered with 501")
        same(conn.get("/me")["remote"], me["remote"])  # and the connection goes on
        return
    raise ValueError("it is upgraded")


def step_left():
    s = conn.open("left")
    with conn.changed:
        conn.h2.reset_stream(s.id, error_code=8)
        conn.flush()
    same(conn.get("/ended?name=left")["code"], 1006)
    return "a stream that is reset is 1006 for the server"


for name, step in {
    "page over HTTP/2": lambda: same(me["proto"], "HTTP/2.0"),
    "first": step_first,
    "again": lambda: opens("again") and None,
    "after close": step_after,
    "echo": step_echo,
    "1 MiB": step_mib,
    "deflate": step_deflate,
    "subprotocol": step_protocol,
    "50 at once": step_many,
    "closes with 4001": step_closes,
    "closes without a code": step_nocode,
    "is closed with 4002": step_closed,
    "is cut: 1006": step_cut,
    "no WebSocket there: refused": step_refused,
    "is left": step_left,
}.items():
    try:
        report(name, note=step() or "")
    except Exception as e:
        report(name, f"{type(e).__name__}: {e}")
last = conn.open("last")
report("stays")
sys.stdin.read()

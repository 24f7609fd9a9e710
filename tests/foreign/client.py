"""
A client of Sluice written from docs/PROTOCOL.md alone, with nothing but Python's standard library:
the proof that the page is enough. It is small rather than fast: one thread, one connection.

    ask():    request --> broker --> reply of the same correlation
    pushes:   frames with flag bit 7 are kept for the subscription whose number they carry

Invariant: a number is the correlation of one request only, so a reply or push has one owner.
"""

import socket
import struct
import time
from collections import defaultdict, deque

# Operations and errors of the page that this client uses.
HELLO, PING, CREATE_TOPIC, METADATA = 1, 2, 100, 101
OPEN_PARTITION, PRODUCE, FETCH, SUBSCRIBE, ADD_CREDIT, UNSUBSCRIBE = 200, 201, 202, 203, 204, 205
INIT_PRODUCER, COMMIT_OFFSETS, FETCH_OFFSETS = 206, 303, 304
RETRIED = {41, 61, 62, 64, 65, 67, 83}

HEADER = struct.Struct(">IHBBI")
PUSH_FLAG = 128
PROTOCOL = 1
ACKS_ALL = 255
FRAME_SIZE_MAX_BEFORE_HELLO = 8192
TIMEOUT_S = 30
TRIES = 7


class BrokerError(Exception):
    """An error reply: its code, and what went wrong in words."""

    def __init__(self, code, text):
        super().__init__(f"error {code}: {text}")
        self.code = code
        self.text = text


class Client:
    def __init__(self, host, port, name="python"):
        self.socket = socket.create_connection((host, port), timeout=TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.correlation = 0
        self.frame_size_max = FRAME_SIZE_MAX_BEFORE_HELLO
        self.replies = {}
        self.pushes = defaultdict(deque)
        reply = self.ask(HELLO, struct.pack(">H", PROTOCOL) + string(name) + string(""))
        protocol, self.node_id, self.node_epoch, self.frame_size_max = reply.take(">HIII")
        self.broker_version = reply.string()
        if protocol != PROTOCOL:
            raise ValueError(f"the broker speaks protocol {protocol}")

    def close(self):
        self.socket.close()

    # Frames

    def send(self, operation, body, version=0):
        self.correlation += 1
        size = HEADER.size - 4 + len(body)
        if size + 4 > self.frame_size_max:
            raise ValueError(f"a frame of {size + 4} bytes is above {self.frame_size_max}")
        self.socket.sendall(HEADER.pack(size, operation, version, 0, self.correlation) + body)
        return self.correlation

    def ask(self, operation, body=b"", version=0):
        correlation = self.send(operation, body, version)
        while correlation not in self.replies:
            self.receive()
        return checked(*self.replies.pop(correlation))

    def ask_patiently(self, operation, body=b""):
        """Again after 100 ms, 200 ms, … where the error goes away by itself."""
        for attempt in range(TRIES):
            try:
                return self.ask(operation, body)
            except BrokerError as error:
                if error.code not in RETRIED or attempt == TRIES - 1:
                    raise
                time.sleep(0.1 * 2**attempt)

    def receive(self):
        """Takes one frame to where it is waited for."""
        size, error, _, flags, correlation = HEADER.unpack(self.receive_exactly(HEADER.size))
        body = self.receive_exactly(size - (HEADER.size - 4))
        if flags & PUSH_FLAG:
            self.pushes[correlation].append((error, body))
        elif correlation == 0:  # of no request: the broker ends the connection
            checked(error, body)
        else:
            self.replies[correlation] = (error, body)

    def receive_exactly(self, size):
        out = bytearray()
        while len(out) < size:
            piece = self.socket.recv(size - len(out))
            if piece == b"":
                raise ConnectionError("the broker has ended the connection")
            out += piece
        return bytes(out)

    # Topics

    def create_topic(self, name, partitions, config=()):
        body = string(name) + struct.pack(">I", partitions) + struct.pack(">I", len(config))
        for key, value in config:
            body += string(key) + string(value)
        return self.ask_patiently(CREATE_TOPIC, body).take_bytes(16)

    def partitions(self, topic):
        """How many partitions a topic has."""
        reply = self.ask_patiently(METADATA, struct.pack(">I", 1) + string(topic))
        for _ in range(reply.count()):
            reply.take(">I"), reply.string(), reply.take(">H")
        if reply.count() != 1:
            raise ValueError("asked for one topic, and more or fewer came")
        (error,) = reply.take(">H")
        name = reply.string()
        if error != 0:
            raise BrokerError(error, name)
        reply.take_bytes(16)
        return reply.count()

    def open_partition(self, topic, partition):
        reply = self.ask_patiently(OPEN_PARTITION, string(topic) + struct.pack(">I", partition))
        return reply.take(">I")[0]

    # Records

    def init_producer(self):
        """Producer id and epoch."""
        return self.ask_patiently(INIT_PRODUCER, string("")).take(">QH")

    def produce(self, handle, batch, acks=ACKS_ALL):
        """Offset of the first record, and the level reached."""
        body = struct.pack(">IBBH", handle, acks, 0, 0) + batch
        if acks == 0:
            self.send(PRODUCE, body)
            return None
        return self.ask_patiently(PRODUCE, body).take(">QB")

    def fetch(self, handle, offset, max_bytes=1 << 20, min_bytes=1, max_wait_ms=500):
        """One above the last visible offset, and batches from the one that holds `offset`."""
        body = struct.pack(">IIIIQ", handle, max_bytes, min_bytes, max_wait_ms, offset)
        reply = self.ask_patiently(FETCH, body)
        _, visible_end = reply.take(">QQ")
        return visible_end, reply.rest()

    def subscribe(self, handle, offset, credit, max_bytes=1 << 20):
        """The number of the subscription."""
        self.ask_patiently(SUBSCRIBE, struct.pack(">IIIQ", handle, max_bytes, credit, offset))
        return self.correlation

    def next_push(self, subscription):
        """Batches of the next push; raises what ended the subscription."""
        while not self.pushes[subscription]:
            self.receive()
        push = checked(*self.pushes[subscription].popleft())
        push.take(">QQ")
        return push.rest()

    def add_credit(self, subscription, size):
        self.send(ADD_CREDIT, struct.pack(">II", subscription, size))

    def unsubscribe(self, subscription):
        self.ask(UNSUBSCRIBE, struct.pack(">I", subscription))
        self.pushes.pop(subscription, None)

    # Groups

    def commit_offsets(self, group, offsets):
        """Of (topic, partition, offset, metadata). The error of each, 0 where it is committed."""
        body = string(group) + string("") + struct.pack(">qI", -1, len(offsets))
        for topic, partition, offset, metadata in offsets:
            body += string(topic) + struct.pack(">IQq", partition, offset, -1) + string(metadata)
        reply = self.ask_patiently(COMMIT_OFFSETS, body)
        return [reply.take(">H")[0] for _ in range(reply.count())]

    def fetch_offsets(self, group, partitions=()):
        """(topic, partition, offset, metadata) of each place; offset -1: nothing is committed."""
        body = string(group) + struct.pack(">I", len(partitions))
        for topic, partition in partitions:
            body += string(topic) + struct.pack(">I", partition)
        reply = self.ask_patiently(FETCH_OFFSETS, body)
        return [committed(reply) for _ in range(reply.count())]


def committed(reply):
    (error,) = reply.take(">H")
    topic = reply.string()
    partition, offset, _ = reply.take(">Iqq")
    metadata = reply.string()
    reply.take(">q")
    if error != 0:
        raise BrokerError(error, f"{topic} {partition}")
    return topic, partition, offset, metadata


def checked(error, body):
    reply = Reader(body)
    if error != 0:
        raise BrokerError(error, reply.string())
    return reply


def string(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


class Reader:
    """The fields of a body, one after another."""

    def __init__(self, body):
        self.body = body
        self.at = 0

    def take(self, shape):
        fields = struct.unpack_from(shape, self.body, self.at)
        self.at += struct.calcsize(shape)
        return fields

    def take_bytes(self, size):
        self.at += size
        return self.body[self.at - size : self.at]

    def count(self):
        return self.take(">I")[0]

    def string(self):
        return self.take_bytes(self.take(">H")[0]).decode()

    def rest(self):
        return self.take_bytes(len(self.body) - self.at)

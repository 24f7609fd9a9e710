"""
Commands over client.py, for tests/e2e/foreign_client_test.ts: records come in and go out as lines
of JSON, and so does everything else that there is to say.

    main.py PORT create TOPIC PARTITIONS
    main.py PORT produce TOPIC PARTITION [--codec C] [--idempotent]   records from standard input
    main.py PORT fetch TOPIC PARTITION FROM UNTIL [--max-bytes N]
    main.py PORT codecs TOPIC PARTITION                   that its batches are compressed with
    main.py PORT subscribe TOPIC PARTITION FROM UNTIL --credit N
    main.py PORT commit GROUP TOPIC PARTITION OFFSET METADATA
    main.py PORT committed GROUP [TOPIC PARTITION]
    main.py PORT group GROUP TOPIC PARTITION COUNT        so many from where the group stands
    main.py PORT mistakes TOPIC                           what the broker says to them

A record is [key, value, timestamp, [[header, value], …]], and its offset when it was read; keys and
values are base64 or null. With --idempotent each batch is sent twice, as after a lost reply.
"""

import argparse
import json
import struct
import sys
from base64 import b64decode, b64encode

import batches
from client import COMMIT_OFFSETS, PING, PRODUCE, BrokerError, Client

BATCH_RECORDS = 100


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--codec", default="none")
    parser.add_argument("--idempotent", action="store_true")
    parser.add_argument("--max-bytes", type=int, default=1 << 20)
    parser.add_argument("--credit", type=int, default=1 << 20)
    options = parser.parse_intermixed_args()
    client = Client("127.0.0.1", options.port)
    COMMANDS[options.command](client, options, *options.words)
    client.close()


def say(**what):
    print(json.dumps(what))


def create(client, _, topic, partitions):
    topic_id = client.create_topic(topic, int(partitions), [("segment.bytes", "1048576")])
    say(topicId=topic_id.hex(), partitions=client.partitions(topic))


def produce(client, options, topic, partition):
    handle = client.open_partition(topic, int(partition))
    records = [parse(line) for line in sys.stdin]
    producer = batches.Producer()
    if options.idempotent:
        producer = batches.Producer(*client.init_producer(), 0)
    for start in range(0, len(records), BATCH_RECORDS):
        some = records[start : start + BATCH_RECORDS]
        batch = batches.encode(some, options.codec, producer)
        offset, level = client.produce(handle, batch)
        if options.idempotent:
            again = client.produce(handle, batch)
            producer = producer._replace(sequence=producer.sequence + len(some))
            say(offset=offset, level=level, again=again[0])
        else:
            say(offset=offset, level=level)


def fetch(client, options, topic, partition, first, until):
    handle = client.open_partition(topic, int(partition))
    print_records(fetched(client, handle, int(first), options.max_bytes), int(until))


def fetched(client, handle, offset, max_bytes=1 << 20):
    while True:
        _, data = client.fetch(handle, offset, max_bytes)
        for record in batches.decode(data):
            if record.offset >= offset:
                yield record
                offset = record.offset + 1


def codecs(client, _, topic, partition):
    handle = client.open_partition(topic, int(partition))
    found = set()
    offset = end = 0
    while offset == 0 or offset < end:
        end, data = client.fetch(handle, offset)
        found |= batches.codecs(data)
        offset = max(record.offset for record in batches.decode(data)) + 1
    say(codecs=sorted(found))


def subscribe(client, options, topic, partition, first, until):
    """Reads until the credit is used up, sees that nothing comes without, and gives it back."""
    offset, until, credit = int(first), int(until), options.credit
    handle = client.open_partition(topic, int(partition))
    subscription = client.subscribe(handle, offset, credit)
    pushes = []
    while offset < until:
        data = client.next_push(subscription)
        pushes.append(len(data))
        credit -= len(data)
        for record in batches.decode(data):
            if offset <= record.offset < until:
                print(line_of(record))
                offset = record.offset + 1
        if credit <= 0:
            client.ask(PING)  # what was pushed before its reply is here now
            if client.pushes[subscription]:
                sys.exit("a push without credit")
            client.add_credit(subscription, options.credit - credit)
            credit = options.credit
    client.unsubscribe(subscription)
    say(pushes=pushes)


def commit(client, _, group, topic, partition, offset, metadata):
    say(errors=client.commit_offsets(group, [(topic, int(partition), int(offset), metadata)]))


def committed(client, _, group, topic=None, partition="0"):
    places = [] if topic is None else [(topic, int(partition))]
    for place in client.fetch_offsets(group, places):
        print(json.dumps(place))


def group(client, _, name, topic, partition, count):
    place = (topic, int(partition))
    ((*_, offset, _),) = client.fetch_offsets(name, [place])
    first = max(offset, 0)
    handle = client.open_partition(*place)
    print_records(fetched(client, handle, first), first + int(count))
    say(errors=client.commit_offsets(name, [(*place, first + int(count), "by python")]))


def mistakes(client, _, topic):
    """Each gets an error reply, and the connection goes on."""
    handle = client.open_partition(topic, 0)
    batch = bytearray(batches.encode([batches.Record(None, b"value", 0)]))
    batch[-1] ^= 1
    head = struct.pack(">IBBH", handle, 255, 0, 0)
    refused(client, "unknown operation", 65000, b"whatever it wants")
    refused(client, "unknown version", PING, b"", 9)
    refused(client, "byte behind the last field", PING, b"\0")
    refused(client, "unknown handle", PRODUCE, struct.pack(">I", handle + 1000) + head[4:] + batch)
    refused(client, "wrong checksum", PRODUCE, head + batch)
    refused(client, "body cut short", COMMIT_OFFSETS, b"\0\x05abc")
    attempt("absent topic", lambda: client.open_partition("absent", 0))
    attempt("absent partition", lambda: client.open_partition(topic, 999))
    attempt("offset above the end", lambda: client.fetch(handle, 1 << 40))
    attempt("taken name", lambda: client.create_topic(topic, 1))
    attempt("metadata of an absent topic", lambda: client.partitions("absent"))
    say(commit=client.commit_offsets("g", [("absent", 0, 1, ""), (topic, 0, 0, "")]))
    client.ask(PING)
    say(alive=True)


def refused(client, what, operation, body, version=0):
    attempt(what, lambda: client.ask(operation, body, version))


def attempt(what, work):
    try:
        work()
        say(mistake=what, code=0)
    except BrokerError as error:
        say(mistake=what, code=error.code, text=error.text)


def print_records(records, until):
    for record in records:
        print(line_of(record))
        if record.offset >= until - 1:
            return


def parse(line):
    key, value, timestamp, headers = json.loads(line)
    return batches.Record(
        unpacked(key), unpacked(value), timestamp, tuple((k, unpacked(v)) for k, v in headers)
    )


def line_of(record):
    headers = [[key, packed(value)] for key, value in record.headers]
    key, value = packed(record.key), packed(record.value)
    return json.dumps([key, value, record.timestamp, headers, record.offset])


def packed(data):
    return None if data is None else b64encode(data).decode()


def unpacked(text):
    return None if text is None else b64decode(text)


COMMANDS = {
    work.__name__: work
    for work in (create, produce, fetch, codecs, subscribe, commit, committed, group, mistakes)
}

if __name__ == "__main__":
    main()

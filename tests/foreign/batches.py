"""
Record batches, format 2, as docs/PROTOCOL.md describes them: made from records, and taken apart.

    baseOffset 8 | batchLength 4 | epoch 4 | magic 1 | crc 4 | attributes 2 | … | records
                                                            '-- the checksum covers these

Invariant: `decode(encode(records))` gives the same records, numbered from baseOffset on.
"""

import struct
from typing import NamedTuple, Optional

import block_codecs

HEADER = struct.Struct(">QiibIhiqqqhii")
CRC_START = 21
MAGIC = 2
CODEC_BITS = 7
NO_EPOCH = -1


class Record(NamedTuple):
    """`timestamp` in milliseconds since 1970; `offset` is the broker's and ignored in `encode`."""

    key: Optional[bytes]
    value: Optional[bytes]
    timestamp: int
    headers: tuple = ()  # of (str, bytes or None)
    offset: int = -1


class Producer(NamedTuple):
    """Who numbers its batches, so that each is stored once; all -1: nobody."""

    id: int = -1
    epoch: int = -1
    sequence: int = -1


def encode(records, codec="none", producer=Producer()):
    base = records[0].timestamp
    block = b"".join(
        encode_record(record, record.timestamp - base, index)
        for index, record in enumerate(records)
    )
    block = block_codecs.compress(codec, block)
    attributes = block_codecs.code_of(codec)
    last = max(record.timestamp for record in records)
    batch_length = HEADER.size + len(block) - 12

    def header(crc):
        return HEADER.pack(
            0, batch_length, NO_EPOCH, MAGIC, crc, attributes, len(records) - 1, base, last,
            *producer, len(records)
        )

    crc = crc32c((header(0) + block)[CRC_START:])
    return header(crc) + block


def encode_record(record, timestamp_delta, offset_delta):
    body = bytearray([0])
    body += varint(timestamp_delta) + varint(offset_delta)
    body += sized(record.key) + sized(record.value) + varint(len(record.headers))
    for key, value in record.headers:
        body += sized(key.encode()) + sized(value)
    return varint(len(body)) + bytes(body)


def decode(batches):
    """The records of whole batches back to back. Raises ValueError where a checksum is wrong."""
    for batch in split(batches):
        base_offset, _, _, _, _, attributes, _, base_timestamp, *_, count = HEADER.unpack_from(batch)
        block = block_codecs.decompress(codec_of(attributes), batch[HEADER.size :])
        yield from decode_records(block, count, base_offset, base_timestamp)


def codecs(batches):
    return {codec_of(HEADER.unpack_from(batch)[5]) for batch in split(batches)}


def codec_of(attributes):
    return block_codecs.NAMES[attributes & CODEC_BITS]


def split(batches):
    """Each batch, its checksum seen to be right."""
    at = 0
    while at < len(batches):
        base_offset, batch_length, _, magic, crc = HEADER.unpack_from(batches, at)[:5]
        end = at + 12 + batch_length
        if magic != MAGIC or end > len(batches):
            raise ValueError(f"no whole batch of format 2 at byte {at}")
        if crc32c(batches[at + CRC_START : end]) != crc:
            raise ValueError(f"the checksum of the batch at offset {base_offset} is wrong")
        yield batches[at:end]
        at = end


def decode_records(block, count, base_offset, base_timestamp):
    reader = VarintReader(block)
    for _ in range(count):
        end = reader.varint() + reader.at
        reader.at += 1  # attributes
        timestamp = base_timestamp + reader.varint()
        offset = base_offset + reader.varint()
        key, value = reader.sized(), reader.sized()
        headers = tuple((reader.sized().decode(), reader.sized()) for _ in range(reader.varint()))
        if reader.at != end:
            raise ValueError(f"the record at offset {offset} has another length than it says")
        yield Record(key, value, timestamp, headers, offset)
    if reader.at != len(block):
        raise ValueError(f"bytes behind the last record of the batch at offset {base_offset}")


def varint(number):
    """Zig-zag, seven bits a byte, the lowest first."""
    rest = number * 2 if number >= 0 else -number * 2 - 1
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def sized(value):
    return varint(-1) if value is None else varint(len(value)) + value


class VarintReader:
    def __init__(self, block):
        self.block = block
        self.at = 0

    def varint(self):
        number = shift = 0
        while True:
            byte = self.block[self.at]
            self.at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number >> 1 ^ -(number & 1)

    def sized(self):
        size = self.varint()
        if size < 0:
            return None
        self.at += size
        return bytes(self.block[self.at - size : self.at])


def crc_table():
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        yield number


CRC_TABLE = tuple(crc_table())


def crc32c(data):
    """Castagnoli, reflected; of b"123456789" it is e3069283."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF

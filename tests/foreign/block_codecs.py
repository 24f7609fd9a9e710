"""
The compressed block of a batch, by implementations that are none of ours. gzip is in the standard
library; the others come from PyPI (requirements.txt) and are loaded when they are used. Each codec
is written in the form that docs/PROTOCOL.md asks for, and in the strangest that it lets readers
meet:

    gzip     one member                      gzip-members    two of them
    snappy   one plain block                 snappy-framed   as Java's library writes it
    lz4      one frame, independent blocks   lz4-linked      linked blocks, sizes and checksums
    zstd     one frame                       zstd-streamed   two, with checksums, without sizes

Invariant: `decompress` gives back what any of them was made from.
"""

import gzip
import struct

NAMES = ("none", "gzip", "snappy", "lz4", "zstd")  # at its place each name's code

SNAPPY_MAGIC = b"\x82SNAPPY\0"
SNAPPY_HEADER = SNAPPY_MAGIC + struct.pack(">II", 1, 1)
SNAPPY_PIECE = 32 * 1024


def code_of(form):
    return NAMES.index(form.split("-")[0])


def compress(form, block):
    return WRITERS[form](block)


def decompress(codec, block):
    return READERS[codec](block)


def halves(write, block):
    """Written as two, one after the other."""
    middle = len(block) // 2
    return write(block[:middle]) + write(block[middle:])


def write_snappy(block):
    import snappy

    return snappy.compress(block)


def write_snappy_framed(block):
    out = bytearray(SNAPPY_HEADER)
    for at in range(0, len(block), SNAPPY_PIECE):
        piece = write_snappy(block[at : at + SNAPPY_PIECE])
        out += struct.pack(">I", len(piece)) + piece
    return bytes(out)


def read_snappy(block):
    import snappy

    if not block.startswith(SNAPPY_MAGIC):
        return snappy.decompress(block)
    out = bytearray()
    at = len(SNAPPY_HEADER)
    while at < len(block):
        (size,) = struct.unpack_from(">I", block, at)
        at += 4 + size
        out += snappy.decompress(block[at - size : at])
    return bytes(out)


def write_lz4(block):
    import lz4.frame

    return lz4.frame.compress(block, block_linked=False)


def write_lz4_linked(block):
    import lz4.frame

    return lz4.frame.compress(
        block, block_linked=True, block_checksum=True, content_checksum=True, store_size=True
    )


def read_lz4(block):
    import lz4.frame

    return lz4.frame.decompress(block)


def write_zstd(block):
    import zstandard

    return zstandard.ZstdCompressor().compress(block)


def write_zstd_streamed(block):
    import zstandard

    compressor = zstandard.ZstdCompressor(write_content_size=False, write_checksum=True)
    return halves(compressor.compress, block)


def read_zstd(block):
    import zstandard

    with zstandard.ZstdDecompressor().stream_reader(block, read_across_frames=True) as reader:
        return reader.read()


WRITERS = {
    "none": bytes,
    "gzip": gzip.compress,
    "gzip-members": lambda block: halves(gzip.compress, block),
    "snappy": write_snappy,
    "snappy-framed": write_snappy_framed,
    "lz4": write_lz4,
    "lz4-linked": write_lz4_linked,
    "zstd": write_zstd,
    "zstd-streamed": write_zstd_streamed,
}
READERS = {
    "none": bytes,
    "gzip": gzip.decompress,
    "snappy": read_snappy,
    "lz4": read_lz4,
    "zstd": read_zstd,
}

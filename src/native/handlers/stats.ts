/**
 * Operation stats: the node's counters. Names are the same from one question to the next: they are
 * encoded once, and a reply is a copy of that with the values written into it.
 *
 *     | size | name | value | size | name | value | …
 *                    written               written
 */

import { writeU64 } from "../../base/bytes.ts";
import { decodeBody, encodeBody } from "../codec.ts";
import { HANDLED, type Request } from "../request.ts";
import type { NativeDoor } from "../door.ts";
import { operation, type ReplyOf } from "../operations.ts";
import { replyBody } from "../replies.ts";
import type { Session } from "../session.ts";
import { sizeMin, type WrittenList } from "../table.ts";

type Counters = ReplyOf<"stats">["counters"];

interface Names {
  readonly names: readonly string[];
  /** The elements of the list, with values that are not told. */
  readonly encoded: Uint8Array;
  /** Where the values go. */
  readonly valuesAt: readonly number[];
}

const STATS = operation("stats");
const COUNT_SIZE = 4;

let known: Names = { names: [], encoded: new Uint8Array(0), valuesAt: [] };

export function stats(door: NativeDoor, session: Session, request: Request): number {
  decodeBody(STATS.request, request.memory.bytes, request.start, request.end);
  const counters = written(door.server.counters());
  replyBody(session, request.correlation, STATS.version, STATS.reply, { counters });
  door.server.queueSend(session.slot);
  return HANDLED;
}

function written(counters: Counters): WrittenList {
  if (!isKnown(counters)) known = namesOf(counters);
  const { encoded, valuesAt } = known;
  return {
    count: counters.length,
    size: encoded.length,
    writeTo: (bytes, view, at) => {
      bytes.set(encoded, at);
      for (let i = 0; i < counters.length; i += 1) {
        writeU64(view, at + valuesAt[i]!, counters[i]!.value);
      }
    },
  };
}

function isKnown(counters: Counters): boolean {
  const { names } = known;
  if (names.length !== counters.length) return false;
  for (let i = 0; i < names.length; i += 1) if (names[i] !== counters[i]!.name) return false;
  return true;
}

function namesOf(counters: Counters): Names {
  const names = counters.map(({ name }) => name);
  const valuesAt: number[] = [];
  let end = 0;
  for (const name of names) {
    const { length } = encodeBody([["name", "string", ""]], { name });
    valuesAt.push(end + length);
    end += length + sizeMin("u64");
  }
  return { names, encoded: encodeBody(STATS.reply, { counters }).subarray(COUNT_SIZE), valuesAt };
}

/** Lists of topic names in a request, and what is wrong with them. */

import type { ByteBlock } from "../base/bytes.ts";
import { ErrorCodes } from "../format/errors.ts";
import { METADATA_TOPICS_MAX, TOPIC_NAME_SIZE_MAX } from "../limits.ts";
import { RequestError } from "./request.ts";

/**
 * The body [start, end) begins with such a list: is it too long? Before anything is made of it: a
 * frame has room for very many. Throws RequestError.
 */
export function checkNames({ view }: ByteBlock, start: number, end: number): void {
  if (end - start >= 4 && view.getUint32(start) > METADATA_TOPICS_MAX) {
    throw new RequestError(ErrorCodes.invalid_request, `at most ${METADATA_TOPICS_MAX} topics`);
  }
}

/** The names, sorted, each once. Throws RequestError. */
export function wantedNames(topics: readonly { readonly name: string }[]): string[] {
  // Before they are sorted: their size is the frame's otherwise.
  if (topics.some(({ name }) => name.length > TOPIC_NAME_SIZE_MAX)) {
    throw new RequestError(ErrorCodes.invalid_topic_name);
  }
  return [...new Set(topics.map(({ name }) => name))].sort();
}

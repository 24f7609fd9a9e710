/**
 * Bodies of many pieces: lines that are sent, lines that come, and Server-Sent Events.
 *
 *     values -> a line of JSON each -> stream of bytes         stream of bytes -> lines -> values
 *
 * Invariant: lines are cut at LF alone, wherever the bytes are cut; whoever stops reading ends the
 * stream.
 */

/** Values that become lines. */
export type Lines<T> = Iterable<T> | AsyncIterable<T>;

/** Cut after every line; the last one may have no LF. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, void, void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += value === undefined ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split("\n");
      rest = lines.pop()!;
      yield* lines;
      if (done) break;
    }
    if (rest !== "") yield rest;
  } finally {
    // Also where nobody reads on. One that failed cannot be cancelled, and need not be.
    await reader.cancel().catch(() => {});
  }
}

/** An event, by its fields; several `data` become one of several lines. */
export interface StreamEvent {
  id?: string;
  event?: string;
  data: string;
  retry?: number;
}

/** Events that have data; comments and what else there is are passed over. */
export async function* eventsOf(
  lines: AsyncIterable<string>,
): AsyncGenerator<StreamEvent, void, void> {
  let fields: Omit<StreamEvent, "data"> = {};
  let data: string[] = [];
  for await (const text of lines) {
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (line === "") {
      if (data.length > 0) yield { ...fields, data: data.join("\n") };
      fields = {};
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "id") fields.id = value;
    else if (name === "event") fields.event = value;
    else if (name === "retry") fields.retry = Number(value);
  }
}

/** Lines of JSON, made as they are read. `failed` hears what the values throw. */
export function linesBody(
  values: Lines<unknown>,
  failed: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = Symbol.asyncIterator in values
    ? values[Symbol.asyncIterator]()
    : values[Symbol.iterator]();
  return new ReadableStream({
    pull: async (controller) => {
      try {
        const { done, value } = await iterator.next();
        if (done === true) controller.close();
        else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
      } catch (error) {
        failed(error);
        controller.error(error);
      }
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
}

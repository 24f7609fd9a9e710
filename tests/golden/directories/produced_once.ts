/** The batch that the producer of the golden directories sent, and sends again. */
import { encodeBatch, encodeRecord } from "../../support/batches.ts";
import { FIRST_MS, LOGS, PRODUCER } from "./content.ts";

export function producedOnce(): Uint8Array {
  const log = LOGS.find(({ topic, partition }) => topic === "orders" && partition === 1)!;
  const encoder = new TextEncoder();
  const records = Array.from({ length: log.end }, (_, index) => {
    const value = encoder.encode(log.at(index).value!);
    return encodeRecord({ value, timestampDelta: index * 1000 }, index);
  });
  return encodeBatch(records.flat(), log.end, {
    baseTimestamp: FIRST_MS,
    maxTimestamp: FIRST_MS + (log.end - 1) * 1000,
    producerId: PRODUCER.id,
    producerEpoch: PRODUCER.epoch,
    baseSequence: PRODUCER.firstSequence,
  });
}

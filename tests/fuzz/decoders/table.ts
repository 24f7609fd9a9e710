/** Every decoder that is fuzzed, by name. */
import type { Decoder } from "../decoder.ts";
import { BATCH_DECODERS } from "./batches.ts";
import { FILE_DECODERS } from "./files.ts";
import { FRAME_DECODERS } from "./frames.ts";
import { INDEX_DECODERS } from "./indexes.ts";
import { OPERATION_DECODERS } from "./operations.ts";
import { RECOVERY_DECODERS } from "./recovery.ts";

export const DECODERS: readonly Decoder[] = [
  ...FRAME_DECODERS,
  ...BATCH_DECODERS,
  ...OPERATION_DECODERS,
  ...FILE_DECODERS,
  ...INDEX_DECODERS,
  ...RECOVERY_DECODERS,
];

/** How many of `total` inputs each gets, by weight. */
export function shares(total: number): Map<Decoder, number> {
  const weights = DECODERS.reduce((sum, { weight }) => sum + weight, 0);
  return new Map(DECODERS.map((decoder) => {
    return [decoder, Math.ceil(total * decoder.weight / weights)];
  }));
}

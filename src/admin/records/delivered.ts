/**
 * What became of records that were sent, as answers tell it: where each is and how safe, or why
 * it is not there.
 */

import { z } from "@hono/zod-openapi";
import type { Delivery } from "../../client/record.ts";
import { LEVEL_NAMES, type LevelName } from "../../format/levels.ts";

/** A record that is stored. */
export interface Delivered {
  readonly partition: number;
  readonly offset: number;
  readonly level: LevelName;
}

export const delivered: z.ZodType<Delivered> = z.object({
  partition: z.number().int(),
  offset: z.number().int().describe(
    "-1: the broker has the record from an earlier attempt, and does not know where any more.",
  ),
  level: z.enum(LEVEL_NAMES).describe("The durability that was reached before this was answered."),
}).openapi("Delivered") as unknown as z.ZodType<Delivered>;

export function deliveredOf({ partition, offset, level }: Delivery): Delivered {
  return { partition, offset, level };
}

/** What was stored of a stream, partition by partition. */
export class DeliveryAccount {
  records = 0;
  readonly #last: Map<number, { records: number; lastOffset: number }> = new Map();
  #level: LevelName | null = null;

  add({ partition, offset, level }: Delivery): void {
    this.records += 1;
    const { records = 0, lastOffset = -1 } = this.#last.get(partition) ?? {};
    const last = Math.max(lastOffset, offset);
    this.#last.set(partition, { records: records + 1, lastOffset: last });
    if (this.#level === null || rank(level) < rank(this.#level)) this.#level = level;
  }

  /** The weakest level that was reached; null: nothing was stored. */
  get level(): LevelName | null {
    return this.#level;
  }

  get partitions(): { partition: number; records: number; lastOffset: number }[] {
    return [...this.#last].sort(([a], [b]) => a - b)
      .map(([partition, { records, lastOffset }]) => ({ partition, records, lastOffset }));
  }
}

function rank(level: LevelName): number {
  return LEVEL_NAMES.indexOf(level);
}

/**
 * What the broker asks of the kernel, seen by strace: payload leaves by `sendfile` alone, log files
 * are hardly read, appends of a turn are one `pwritev` per partition, and an acknowledgement at
 * level fsync is sent after the sync that covers it.
 */
import { straceMissing } from "../support/strace.ts";
import { testOrSkip } from "../support/skip.ts";
import { proveFetch, proveProduce } from "../support/system_calls.ts";

const FETCH_MIB = 32;
const missing = straceMissing();

testOrSkip("a fetch leaves by sendfile, and the log is hardly read", missing, async () => {
  await proveFetch(FETCH_MIB);
});

for (const [producers, rounds] of [[1, 100], [16, 16], [256, 4]] as const) {
  testOrSkip(`${producers} producers: one write a turn, acks after syncs`, missing, async () => {
    await proveProduce({ producers, rounds });
  });
}

testOrSkip("several partitions: one write each and turn", missing, async () => {
  await proveProduce({ producers: 16, rounds: 16, partitions: 4 });
});

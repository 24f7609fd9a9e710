/** The proofs of system_calls_test.ts over 1 GiB and more rounds: figures for the ledger. */
import { straceMissing } from "../support/strace.ts";
import { testOrSkip } from "../support/skip.ts";
import { proveFetch, proveProduce } from "../support/system_calls.ts";

const FETCH_MIB = 1024;
const missing = straceMissing();

testOrSkip(`a fetch of ${FETCH_MIB} MiB`, missing, () => proveFetch(FETCH_MIB));

for (const [producers, rounds] of [[1, 2000], [16, 200], [256, 20]] as const) {
  testOrSkip(`${producers} producers`, missing, () => proveProduce({ producers, rounds }));
}

testOrSkip("64 producers on 4 partitions", missing, async () => {
  await proveProduce({ producers: 64, rounds: 50, partitions: 4 });
});

/** What is fine, what is a warning and what will not work, from what was measured. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EAGAIN, ENOSYS, EOPNOTSUPP, EPERM } from "../../../../ffi/constants.ts";
import * as judge from "../../../../src/cli/doctor/findings.ts";

const MIB = 1048576;

test("a sync that is too fast is not believed, a slow one is told", () => {
  const all = (us: number) => new Array<number>(100).fill(us);
  assert.equal(judge.judgeSync(all(300), false).state, "ok");
  const fast = judge.judgeSync(all(5), false);
  assert.equal(fast.state, "warning");
  assert.match(`${fast.text} ${fast.hint}`, /p50 5 µs.*too fast to be true.*power cut/);
  assert.match(judge.judgeSync(all(5), true).hint, /Put the data on a disk/);
  const slow = judge.judgeSync([...all(300).slice(2), 50_000, 50_000], false);
  assert.equal(slow.state, "warning");
  assert.match(slow.text, /p99 50000 µs.*slow/);
});

test("little room is a warning, below the mark it is a failure", () => {
  const total = 100_000 * MIB;
  assert.equal(judge.judgeFreeSpace(50_000 * MIB, total).state, "ok");
  assert.equal(judge.judgeFreeSpace(5_000 * MIB, total).state, "warning");
  const full = judge.judgeFreeSpace(63 * MIB, total);
  assert.equal(full.state, "fail");
  assert.match(full.text, /63 of 100000 MiB are free: below 64 MiB/);
  assert.equal(
    judge.judgeFreeSpace(4 * MIB, 100 * MIB).state,
    "fail",
    "a twentieth of a small one",
  );
});

test("a refusal of the kernel is a warning with its reason", () => {
  assert.equal(judge.judgeAio(0, 1, 65536).state, "ok");
  assert.match(judge.judgeAio(-EAGAIN, 65536, 65536).hint, /aio-max-nr/);
  assert.match(judge.judgeAio(-EPERM, 0, 0).hint, /seccomp/);
  assert.equal(judge.judgeCachestat(0).state, "ok");
  assert.match(judge.judgeCachestat(-ENOSYS).text, /ENOSYS/);
  assert.equal(judge.judgeNoWait(4096).state, "ok");
  assert.match(judge.judgeNoWait(-EOPNOTSUPP).text, /EOPNOTSUPP/);
});

test("file systems are known by name", () => {
  assert.deepEqual([judge.judgeFileSystem(0xef53).state, judge.judgeFileSystem(0xef53).text], [
    "ok",
    "ext4",
  ]);
  for (const type of [0x9123683e, 0x9123683e | 0, 0x1021994, 0x6969, 0x12345]) {
    assert.equal(judge.judgeFileSystem(type).state, "warning", type.toString(16));
  }
});

test("a clock that is set while it is watched is told", () => {
  assert.equal(judge.judgeStep(251, 250).state, "ok");
  assert.match(judge.judgeStep(1250, 250).text, /1000 ms ahead/);
  assert.equal(judge.judgeStep(-750, 250).state, "warning");
  assert.equal(judge.judgeStep(0, 0).state, "fail");
});

test("huge pages for everybody and limits of the control group are warnings", () => {
  assert.equal(judge.judgeHugePages("always [madvise] never\n").state, "ok");
  assert.equal(judge.judgeHugePages("").state, "ok");
  assert.equal(judge.judgeHugePages("[always] madvise never\n").state, "warning");
  assert.equal(judge.judgeIoLimits("\n").state, "ok");
  assert.match(judge.judgeIoLimits("8:0 rbps=1048576\n8:16 wiops=5\n").text, /8:0 .*; 8:16/);
});

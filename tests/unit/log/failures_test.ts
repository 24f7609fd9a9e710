/** Which failures pass by themselves, and which end a partition. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as errno from "../../../ffi/constants.ts";
import { describeError } from "../../../src/format/errors.ts";
import { isPassing, refusalOf } from "../../../src/log/failures.ts";

const PASSING: Readonly<Record<string, readonly number[]>> = {
  "disk_full": [errno.ENOSPC, errno.EDQUOT, errno.EFBIG],
  "disk_read_only": [errno.EROFS],
  "storage_busy": [errno.EMFILE, errno.ENFILE, errno.ENOMEM],
};

for (const [name, errors] of Object.entries(PASSING)) {
  test(`${name} passes by itself`, () => {
    for (const error of errors) {
      const code = refusalOf(error);
      assert.equal(describeError(code).name, name, errno.errnoName(error));
      assert.equal(isPassing(code), true);
    }
  });
}

test("after anything else nobody knows what is on disk", () => {
  for (const error of [errno.EIO, errno.EBADF, errno.EINVAL, errno.EACCES, errno.ENOENT]) {
    const code = refusalOf(error);
    assert.equal(describeError(code).name, "storage_failed", errno.errnoName(error));
    assert.equal(isPassing(code), false);
  }
});

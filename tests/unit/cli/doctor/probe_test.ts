/** The probes leave nothing behind, and say why they could not look. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { libc } from "#ffi";
import { ENOSPC, ENOTDIR, EPERM, EROFS } from "../../../../ffi/constants.ts";
import { openPlace, probeAio, probeDisk, systemText } from "../../../../src/cli/doctor/probe.ts";
import { FaultyLibc } from "../../../support/faulty_libc.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

const directory = temporaryDirectory("doctor");

test("the nearest directory that is there stands for one that is not", () => {
  for (const path of ["", "/a/b", "/a/b/"]) {
    const place = openPlace(libc, directory + path);
    assert.ok(typeof place === "object", path);
    assert.equal(place.path, directory);
    assert.equal(place.isThere, path === "");
    libc.close(place.fd);
  }
  writeFileSync(join(directory, "file"), "");
  assert.equal(openPlace(libc, join(directory, "file")), -ENOTDIR);
  const here = openPlace(libc, "not-here-at-all");
  assert.ok(typeof here === "object");
  assert.equal(here.path, ".");
  libc.close(here.fd);
});

const never = () => Promise.resolve(false);

test("syncs are timed, and no file is left", async () => {
  const place = openPlace(libc, directory);
  assert.ok(typeof place === "object");
  const before = readdirSync(directory);
  const faulty = new FaultyLibc(libc);
  const probe = await probeDisk(faulty.libc, place.fd, never);
  assert.ok(typeof probe === "object");
  assert.ok(probe.latenciesUs.length > 0);
  assert.deepEqual(probe.latenciesUs, [...probe.latenciesUs].sort((a, b) => a - b));
  assert.deepEqual(readdirSync(directory), before);
  assert.equal(faulty.count("close"), faulty.opened);

  faulty.failNth("openat", 1, -EROFS);
  assert.equal(await probeDisk(faulty.libc, place.fd, never), -EROFS);
  faulty.failNth("pwrite", 1, -ENOSPC);
  assert.equal(await probeDisk(faulty.libc, place.fd, never), -ENOSPC);
  const short = await probeDisk(faulty.libc, place.fd, () => Promise.resolve(true));
  assert.ok(
    typeof short === "object" && short.latenciesUs.length === 1,
    "it ends when it is asked",
  );
  assert.deepEqual(readdirSync(directory), before);
  libc.close(place.fd);
});

test("AIO that is refused says why", () => {
  const faulty = new FaultyLibc(libc);
  faulty.failNth("openAio", 1, -EPERM);
  assert.equal(probeAio(faulty.libc), -EPERM);
  assert.equal(faulty.count("close"), faulty.opened, "the eventfd is closed");
});

test("a file of the kernel, or nothing", () => {
  assert.match(systemText(libc, "/proc/sys/kernel/osrelease"), /^\d+\.\d+/);
  assert.equal(systemText(libc, "/proc/not-here"), "");
});

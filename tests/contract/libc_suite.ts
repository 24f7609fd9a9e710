/**
 * The contract of the port: what every implementation of `Libc` promises, the two adapters over
 * the kernel and the simulator alike. Without one suite for all a simulator tests a world that
 * does not exist.
 */
import type { Libc } from "../../ffi/libc.ts";
import { aioContract } from "./libc_aio_suite.ts";
import { directoryContract } from "./libc_directory_suite.ts";
import { fileContract } from "./libc_file_suite.ts";
import { hintContract } from "./libc_hint_suite.ts";
import { memoryContract } from "./libc_memory_suite.ts";
import { processContract } from "./libc_process_suite.ts";
import { readinessContract } from "./libc_readiness_suite.ts";
import { socketContract } from "./libc_socket_suite.ts";
import { contractOf, type Implementation } from "./libc_world.ts";

/**
 * Registers every test of the contract for one implementation. `temporaryDirectory` gives a new,
 * empty directory per test, of at most 90 bytes, so that a Unix socket fits below it.
 * `exceptions` names tests an implementation cannot pass, each with its reason; the real libc has
 * none.
 */
export function libcSuite(
  name: string,
  makeLibc: () => Libc,
  temporaryDirectory: () => string,
  exceptions: Readonly<Record<string, string>> = {},
): void {
  const implementation: Implementation = { name, makeLibc, temporaryDirectory, exceptions };
  const contract = contractOf(implementation);
  memoryContract(contract);
  fileContract(contract);
  directoryContract(contract);
  hintContract(contract);
  socketContract(contract);
  readinessContract(contract);
  aioContract(contract);
  processContract(contract);
}

/** The round trip and the count of system calls at the size that a release proves: over 1 GiB. */
import process from "node:process";

process.env["SLUICE_ROUND_TRIP_MIB"] = "1100";
process.env["SLUICE_STRACE_MIB"] = "1024";
await import("./round_trip_test.ts");
await import("./system_calls_test.ts");

/**
 * The running libc for the tools of the command line, which work on a data directory without a
 * broker. Only this folder imports it; they are given what they touch.
 */

export { libc } from "#ffi";

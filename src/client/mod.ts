/**
 * The native client, for Bun, Deno and Node: everything that a program outside this repository
 * may import. The only file that re-exports.
 *
 *     const connection = await Connection.connect({ host: "127.0.0.1", port: 7400 });
 *     const producer = await PartitionProducer.open(connection, "orders", 0);
 *     await producer.append(new TextEncoder().encode("hello"));
 *     await producer.flush();
 *
 *     const consumer = await PartitionConsumer.open(connection, "orders", 0);
 *     for await (const { records } of consumer.fetches()) {
 *       while (records.next()) {
 *         const value = records.block.bytes.subarray(records.valueStart, records.valueEnd);
 *       }
 *     }
 *     for await (const { records } of consumer.subscribe()) { … goes on with what comes later … }
 */

export {
  Admin,
  type Counter,
  type CreateTopicOptions,
  type Metadata,
  type OffsetForTime,
  type PartitionOffsets,
  type TopicDescription,
} from "./admin.ts";
export { BatchBuilder, batchSizeOf, recordSize, valueSizeMax } from "./batch_builder.ts";
export {
  addressText,
  type BrokerAddress,
  Connection,
  type ConnectOptions,
  type PushSink,
  type ReplyBody,
} from "./connection.ts";
export {
  type ConsumeOptions,
  type Fetched,
  PartitionConsumer,
  type SubscribeOptions,
} from "./partition_consumer.ts";
export {
  BrokerError,
  ConnectionError,
  CorruptBatchError,
  type ErrorDetail,
  LOCAL_ERROR,
  ProtocolError,
  RecordTooLargeError,
  SluiceError,
  UnsupportedCodecError,
} from "./errors.ts";
export {
  type Acknowledgement,
  PartitionProducer,
  type PartitionProducerOptions,
  type Progress,
} from "./partition_producer.ts";
export { offsetBehind, RecordReader } from "./record_reader.ts";

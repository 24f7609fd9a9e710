/**
 * The client of Sluice, for Bun, Deno and Node: everything that a program outside this repository
 * may import. The only file that re-exports.
 *
 *     Client       producer, consumer and admin over connections that come back by themselves
 *     Connection   one connection, with PartitionProducer, PartitionConsumer and BatchBuilder for
 *                  tools that want no more than that
 *
 * @example Produce a record.
 * ```ts
 * import { Client } from "sluice/client";
 *
 * const client = await Client.connect({ brokers: ["127.0.0.1:7400"] });
 * await client.admin.createTopic("mod-example");
 * const producer = await client.producer();
 * await producer.send({ topic: "mod-example", key: "user-1", value: "signed in" });
 * await client.close();
 * ```
 */

export {
  Admin,
  type Counter,
  type CreateTopicOptions,
  type HistogramState,
  type Metadata,
  type OffsetForTime,
  type PartitionOffsets,
  type TopicCounters,
  type TopicDescription,
} from "./admin.ts";
export { type AdminPort } from "./admin_port.ts";
export { BatchBuilder, batchSizeOf, recordSize, valueSizeMax } from "./batch_builder.ts";
export { Client, type ClientOptions } from "./client.ts";
export { type Compression, useZstd, type ZstdFunctions } from "./compression.ts";
export { type CommittedOffset, type PartitionOffset } from "./committer.ts";
export { Consumer, type ConsumerBatch, type PartitionLag } from "./consumer.ts";
export {
  type ConsumerOptions,
  type OffsetReset,
  type PartitionStart,
  type StartPoint,
} from "./consumer_options.ts";
export { type ConnectionEvent } from "./endpoint.ts";
export { murmur2, type PartitionChoice, type Partitioner, partitionOfKey } from "./partitioner.ts";
export { Producer } from "./producer.ts";
export { type BatchReport, type ProducerOptions } from "./producer_options.ts";
export {
  type Bytes,
  ConsumerRecord,
  type Delivery,
  type Header,
  type Headers,
  type ProducerRecord,
} from "./record.ts";
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
  type FetchedOnce,
  PartitionConsumer,
  type SubscribeOptions,
} from "./partition_consumer.ts";
export {
  BrokerError,
  ClosedError,
  CodecUnavailableError,
  CompressionFailedError,
  ConnectionError,
  CorruptBatchError,
  DeliveryTimeoutError,
  type ErrorDetail,
  InvalidOptionError,
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
export { type TopicPartition } from "./topic_partition.ts";

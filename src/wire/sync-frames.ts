/** The messages of the sync channel inside their frames (docs/wire.md "Frames", "Sync messages"). */
import type { SyncMessage } from "../protocol/messages.ts";
import { fail, readU8 } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { readBatch } from "./requests.ts";
import { digestBytes, fetchBlocksBytes, fetchReceiptBytes, receiptBytes, statusBytes } from "./sizes.ts";
import { readFetchState, readStateAnswers, sizeOfFetchState, sizeOfStateAnswers, writeFetchState, writeStateAnswers } from "./state.ts";
import {
  readBlocks,
  readDocuments,
  readFetchBatch,
  readFetchBlocks,
  readFetchCheckpoint,
  readFetchReceipt,
  readPastCheckpoint,
  readReceipt,
  readRelay,
  readStableCheckpoint,
  readStatus,
  sizeOfBlocks,
  sizeOfFetchCheckpoint,
  sizeOfRelay,
  sizeOfStableCheckpoint,
  writeBlocks,
  writeDocuments,
  writeFetchBatch,
  writeFetchBlocks,
  writeFetchCheckpoint,
  writeFetchReceipt,
  writeReceipt,
  writeRelay,
  writeStableCheckpoint,
  writeStatus,
} from "./sync.ts";
import { writeBytes } from "./writer.ts";
import type { Writer } from "./writer.ts";

/** First byte of a frame. */
export const syncTags = {
  status: 0x10,
  relay: 0x11,
  "fetch-batch": 0x12,
  batch: 0x13,
  "fetch-blocks": 0x14,
  blocks: 0x15,
  "stable-checkpoint": 0x16,
  "fetch-receipt": 0x17,
  receipt: 0x18,
  documents: 0x19,
  "fetch-state": 0x1a,
  state: 0x1b,
  "fetch-checkpoint": 0x1c,
  "past-checkpoint": 0x1d,
} as const;

/** Bytes without the tag. */
export const sizeOfSync = (frame: SyncMessage): number => {
  switch (frame.kind) {
    case "status":
      return statusBytes;
    case "relay":
      return sizeOfRelay(frame);
    case "fetch-batch":
      return digestBytes;
    case "batch":
      return frame.bytes.length;
    case "fetch-blocks":
      return fetchBlocksBytes;
    case "blocks":
      return sizeOfBlocks(frame);
    case "stable-checkpoint":
    case "past-checkpoint":
      return sizeOfStableCheckpoint(frame);
    case "fetch-checkpoint":
      return sizeOfFetchCheckpoint(frame);
    case "fetch-receipt":
      return fetchReceiptBytes;
    case "receipt":
      return receiptBytes;
    case "documents":
      return 4 + frame.bytes.length;
    case "fetch-state":
      return sizeOfFetchState(frame);
    case "state":
      return sizeOfStateAnswers(frame);
  }
};

/** The fields, without the tag. */
export const writeSync = (writer: Writer, frame: SyncMessage): void => {
  switch (frame.kind) {
    case "status":
      return writeStatus(writer, frame);
    case "relay":
      return writeRelay(writer, frame);
    case "fetch-batch":
      return writeFetchBatch(writer, frame);
    case "batch":
      return writeBytes(writer, frame.bytes);
    case "fetch-blocks":
      return writeFetchBlocks(writer, frame);
    case "blocks":
      return writeBlocks(writer, frame);
    case "stable-checkpoint":
    case "past-checkpoint":
      return writeStableCheckpoint(writer, frame);
    case "fetch-checkpoint":
      return writeFetchCheckpoint(writer, frame);
    case "fetch-receipt":
      return writeFetchReceipt(writer, frame);
    case "receipt":
      return writeReceipt(writer, frame);
    case "documents":
      return writeDocuments(writer, frame);
    case "fetch-state":
      return writeFetchState(writer, frame);
    case "state":
      return writeStateAnswers(writer, frame);
  }
};

/** Tag and fields; undefined once the reader has an error. */
export const readSync = (reader: Reader): SyncMessage | undefined => {
  switch (readU8(reader, "frame")) {
    case syncTags.status:
      return readStatus(reader);
    case syncTags.relay:
      return readRelay(reader);
    case syncTags["fetch-batch"]:
      return readFetchBatch(reader);
    case syncTags.batch:
      return readBatch(reader);
    case syncTags["fetch-blocks"]:
      return readFetchBlocks(reader);
    case syncTags.blocks:
      return readBlocks(reader);
    case syncTags["stable-checkpoint"]:
      return readStableCheckpoint(reader);
    case syncTags["fetch-checkpoint"]:
      return readFetchCheckpoint(reader);
    case syncTags["past-checkpoint"]:
      return readPastCheckpoint(reader);
    case syncTags["fetch-receipt"]:
      return readFetchReceipt(reader);
    case syncTags.receipt:
      return readReceipt(reader);
    case syncTags.documents:
      return readDocuments(reader);
    case syncTags["fetch-state"]:
      return readFetchState(reader);
    case syncTags.state:
      return readStateAnswers(reader);
    default:
      fail(reader, "unknown-tag", "frame");
      return undefined;
  }
};

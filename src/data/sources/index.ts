/** Where records come from: files of several types, record formats, and the registry that names them. */
export {
  type Batch,
  bytesOf,
  type FileType,
  fileTypeOf,
  type ReadOptions,
  readBatches,
  type TextUnit,
} from "./batches.ts";
export {
  BadRecord,
  type Conversation,
  detectFormat,
  type FormatName,
  formatNames,
  type RecordFormat,
  recordFormat,
  type TextSlot,
} from "./formats.ts";
export { type BadLine, createBatchParser, type ParsedRecord, type ParseSettings } from "./parse-batch.ts";
export { type ColumnMapping, columnMapper, type DatasetEntry, datasetEntry, readRegistry } from "./registry.ts";

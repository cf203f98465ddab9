/**
 * Every cap and default of the library in one table. `docs/limits.md` is generated from the comments.
 * A limit that the protocol fixes names its step; the others may be changed by an option where one exists.
 */
export const limits = {
  /** bytes - P1: a profile is one small document. */
  profileMaxBytes: 256 * 1024,
  /** bytes - P3: an index node. */
  nodeMaxBytes: 256 * 1024,
  /** bytes - P5: the owner's own JSON in a profile. */
  aboutMaxBytes: 64 * 1024,
  /** levels - P5: nesting of `about`. */
  aboutMaxDepth: 16,
  /** entries - P3: a leaf holds at most this many. */
  leafMaxEntries: 32,
  /** hex digits - P3: depth of the index tree. */
  indexMaxDepth: 16,
  /** requests - index nodes that are loaded or stored at the same time. */
  indexMaxParallel: 8,
  /** nodes - of one index that cannot be had before an audit or a mirror ends; else one node, named often, is endless. */
  indexMaxUnread: 100_000,
  /** items - profile, nodes, records and objects that an audit or a mirror works on at the same time. */
  auditMaxParallel: 8,
  /** ms - for which an interrupted mirror's place is kept: what was copied before is then believed to be there still. */
  mirrorResumeMs: 24 * 60 * 60 * 1000,
  /** calls - in a row that fail at a target before a mirror leaves it alone. */
  mirrorMaxFailures: 16,
  /** objects - of a batch that are hashed, stored or removed at the same time. */
  batchMaxParallel: 16,
  /** bytes - M3: data of a mutable record. */
  recordDataMaxBytes: 1024 * 1024,
  /** bytes - M3: a record's JSON. */
  recordBodyMaxBytes: 1.5 * 1024 * 1024,
  /** bytes - I1: an immutable object. */
  objectMaxBytes: 1024 * 1024,
  /** bytes - section 11: a proof bundle, unless the caller says otherwise; a year of mainnet's headers is 8.4 MB of it. */
  bundleMaxBytes: 64 * 1024 * 1024,
  /** bytes - U1: a URL. */
  urlMaxBytes: 255,
  /** urls - U1: a list of URLs. */
  urlsMax: 16,
  /** bytes - M1: an id. */
  idMaxBytes: 128,
  /** requests - U1: storage requests of one read. */
  readMaxRequests: 64,
  /** redirects - U1: followed for one URL. */
  maxRedirects: 3,
  /** ms - a whole read, unless the caller says otherwise. */
  readTimeoutMs: 60_000,
  /** ms - between two reads of a watched name of which no source says that it changed. */
  watchPollMs: 60_000,
  /** ms - between two reads of a watched name, whatever sources say. */
  watchMinIntervalMs: 1_000,
  /** ms - a browser opens the database of `indexedDbCache`. */
  cacheOpenTimeoutMs: 10_000,
  /** bytes - floors of another device. */
  floorsMaxBytes: 64 * 1024 * 1024,
  /** ms - one record from one replica. */
  recordTimeoutMs: 15_000,
  /** ms - one object from one replica. */
  objectTimeoutMs: 30_000,
  /** calls - of one place for one thing: what fails for a moment is over at the second, and a third one costs little. */
  storageAttempts: 3,
  /** ms - before the second call at most, a random part of it (full jitter), so that readers do not come back together. */
  storageRetryDelayMs: 250,
  /** ms - before any further call at most; each has twice the time of the one before it. */
  storageRetryMaxDelayMs: 5_000,
  /** ms - for which a server may ask to be left alone (`Retry-After`) before it is given up: half a read's time. */
  storageRetryAfterMaxMs: 30_000,
  /** ms - after which a second place is asked for an object: later than nearly all honest answers come. */
  storageHedgeMs: 1_500,
  /** ms - the least of that where answers came faster: so one request in ten at most is sent twice. */
  storageHedgeMinMs: 400,
  /** places - asked for one object at the same time: a third one costs traffic and hardly ever saves time. */
  storageHedgeMaxInFlight: 3,
  /** failures - of a place in a row before it is left alone: one is an accident, three are an outage. */
  storageFailuresBeforePause: 3,
  /** ms - for which it is left alone first: a restart is over by then. */
  storagePauseMs: 30_000,
  /** ms - for which it is left alone after one more failure. */
  storageSecondPauseMs: 2 * 60_000,
  /** ms - and after another one. */
  storageThirdPauseMs: 10 * 60_000,
  /** ms - for which it is left alone at most: what is mended is in use again within the hour. */
  storagePauseMaxMs: 60 * 60_000,
  /** ms - before a write that cannot be read back is looked for once more: stores that copy late show it by then. */
  storageConfirmDelayMs: 1_000,
  /** ms - until a server begins to answer for a record: one that takes longer is worth less than asking another. */
  recordFirstByteMs: 5_000,
  /** ms - between two parts of a record's body. */
  recordIdleMs: 10_000,
  /** ms - until a server begins to answer for an object: gateways may have to find it first. */
  objectFirstByteMs: 10_000,
  /** ms - between two parts of an object's body: nothing newer waits for it, so a slow one is better than none. */
  objectIdleMs: 30_000,
  /** bytes/s - an upload slower than this is given up; the time comes on top of that until the first byte. */
  uploadMinBytesPerSecond: 16_384,
  /** ms - one request to a chain source. */
  sourceTimeoutMs: 15_000,
  /** ms - for which one read waits, in all, for chain sources that others were faster than. */
  sourceLatenessMs: 20_000,
  /** ms - for which it waits for such a source in any case. */
  sourceMinLatenessMs: 2_000,
  /** ms - after which a transaction or proof is asked of the next source as well. */
  sourceHedgeMs: 1_500,
  /** reads - in a row to which a chain source gives no answer before it is left alone for a time. */
  sourceFailuresBeforeRest: 3,
  /** ms - for which it is left alone first; each further failure doubles that. */
  sourceRestMs: 15_000,
  /** ms - for which it is left alone at most. */
  sourceRestMaxMs: 5 * 60_000,
  /** reports - of one source and read that nobody could prove before its further ones are left alone. */
  sourceMaxLies: 8,
  /** bytes - one answer of a chain source. */
  sourceAnswerMaxBytes: 4 * 1024 * 1024,
  /** bytes - a raw block, which is needed where a beacon is read up to one transaction: the block weight limit. */
  blockMaxBytes: 4_000_000,
  /** bytes - a raw transaction: the block weight limit. */
  transactionMaxBytes: 4_000_000,
  /** transactions - V8: proven for one name per source and read. */
  sourceMaxTransactions: 2_000,
  /** bytes - V8: transactions and proofs of one name per source and read. */
  sourceMaxBytes: 32 * 1024 * 1024,
  /** entries - V8: a beacon history longer than this is "cannot answer". */
  historyMaxEntries: 2_000,
  /** headers - asked of a source in one call. */
  headersPerCall: 2_016,
  /** headers - above so many missing ones bulk sources are asked first: an Esplora source gives as many in one call. */
  headersBulkGap: 400,
  /** headers - asked of a header source in one call, once it has shown to be fast. */
  headersPerBulkCall: 16_128,
  /** bytes - a header file of a server that cannot send a part of it; 7 years of mainnet. */
  headerFileMaxBytes: 32 * 1024 * 1024,
  /** ms - a header sync, unless the caller says otherwise; what it had by then is stored. */
  headerSyncTimeoutMs: 60 * 60 * 1000,
  /** levels - V2: a Merkle branch. */
  merkleMaxLevels: 30,
  /** entries - V8: a beacon with more is not registered, unless forced. */
  beaconMaxEntriesBeforeRegister: 100,
  /** ms - V1: how far a header's time may be ahead of the reader's clock. */
  headerMaxAheadMs: 2 * 60 * 60 * 1000,
  /** ms - M10: how far a time-based version may be ahead of the reader's clock. */
  recordMaxAheadMs: 10 * 60 * 1000,
  /** ms - V5: how long an established absence of older beacon entries is believed. */
  beaconAbsenceMaxAgeMs: 24 * 60 * 60 * 1000,
  /** bytes - of another writer's record, which a conflict carries along. */
  conflictDataMaxBytes: 64 * 1024,
  /** sat/vB - W9: fee rates above are refused. */
  maxFeeRateSatsPerVbyte: 500,
  /** updates - the fee reserve that `registerName` adds to the bond. */
  reserveUpdates: 20,
} as const;

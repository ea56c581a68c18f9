/** What the network counted since it was created: plain numbers, read by metrics and tests. Sizes in bytes. */

export interface NetworkCounters {
  /** frames and their payload bytes handed to a stream */
  framesOut: number;
  bytesOut: number;
  /** frames and their payload bytes handed to the node */
  framesIn: number;
  bytesIn: number;
  /** `send` calls on streams: frames of one turn share one */
  streamWrites: number;
  /** not queued: the peer has no open channel */
  droppedNoChannel: number;
  /** not queued: the peer's queue is full */
  droppedQueueFull: number;
  /** not queued: larger than the channel allows */
  droppedOversize: number;
  /** queued, then lost with the stream */
  droppedWithStream: number;
  /** received from a non-validator over its rate */
  droppedRate: number;
  /** dropped because a test network's link is cut */
  droppedCut: number;
  /** streams refused: not a validator, too many questions, more than the protocol needs, or no protocol's name */
  rejectedStreams: number;
  /** questions of clients */
  clientQuestions: number;
  /** inbound streams reset: a frame was oversize, malformed or took too long */
  resetStreams: number;
  streamsOpened: number;
  streamOpenFailures: number;
  /** connections aborted by this node, by reason */
  disconnectedSilent: number;
  disconnectedSlow: number;
  disconnectedFlood: number;
  disconnectedForeign: number;
  disconnectedBanned: number;
  disconnectedGossip: number;
  disconnectedPlaces: number;
  /** times a connection brought more than it may, and was read no further for a moment */
  restedConnections: number;
  /** connections refused by the gater */
  refusedBanned: number;
  refusedPlaces: number;
  refusedCut: number;
  dials: number;
  dialFailures: number;
  bootstrapDials: number;
  walks: number;
  gossipPublished: number;
  gossipPublishFailures: number;
  /** not published: larger than `limits.maxGossipBytes` */
  gossipOversize: number;
  gossipAccepted: number;
  gossipIgnored: number;
  gossipRejected: number;
  /** no verdict in time, or too many waiting for one: treated as ignored */
  gossipUndecided: number;
  blames: number;
  bans: number;
  /** peers refused because the node asked for it */
  isolations: number;
  handlerErrors: number;
}

/** All counters at zero. */
export const createCounters = (): NetworkCounters => ({
  framesOut: 0,
  bytesOut: 0,
  framesIn: 0,
  bytesIn: 0,
  streamWrites: 0,
  droppedNoChannel: 0,
  droppedQueueFull: 0,
  droppedOversize: 0,
  droppedWithStream: 0,
  droppedRate: 0,
  droppedCut: 0,
  rejectedStreams: 0,
  clientQuestions: 0,
  resetStreams: 0,
  streamsOpened: 0,
  streamOpenFailures: 0,
  disconnectedSilent: 0,
  disconnectedSlow: 0,
  disconnectedFlood: 0,
  disconnectedForeign: 0,
  disconnectedBanned: 0,
  disconnectedGossip: 0,
  disconnectedPlaces: 0,
  restedConnections: 0,
  refusedBanned: 0,
  refusedPlaces: 0,
  refusedCut: 0,
  dials: 0,
  dialFailures: 0,
  bootstrapDials: 0,
  walks: 0,
  gossipPublished: 0,
  gossipPublishFailures: 0,
  gossipOversize: 0,
  gossipAccepted: 0,
  gossipIgnored: 0,
  gossipRejected: 0,
  gossipUndecided: 0,
  blames: 0,
  bans: 0,
  isolations: 0,
  handlerErrors: 0,
});

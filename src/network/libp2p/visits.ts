/**
 * Clients that come for an answer: one question and one answer a stream. They take a stranger's place, speak nothing else, and are not expected to
 * send heartbeats or gossip while they ask.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { toPeerName } from "../../protocol/ids.ts";
import type { PeerName } from "../../protocol/ids.ts";
import { maxQuestionBytes } from "../../wire/exchanges.ts";
import type { ClientHandler } from "../port.ts";
import { readFrame, toError, writeFrame } from "./exchange-stream.ts";
import { FrameError } from "./frame-decoder.ts";
import type { Shared } from "./shared.ts";

export interface Visits {
  /** Takes a stream that a client opened. */
  accept(stream: Stream, connection: Connection): void;
  /** an answer is on its way to this peer, or was a moment ago */
  isVisiting(peer: PeerName): boolean;
}

export interface VisitsInit extends Shared {
  /** absent until the node answers clients */
  readonly handler: () => ClientHandler | undefined;
  readonly blame: (peer: PeerName, reason: string) => void;
}

export const createVisits = ({ limits, counters, now, handler, blame }: VisitsInit): Visits => {
  /** streams under way by peer, bounded by `maxClientStreams`; and until when a peer may linger, bounded like all that is booked by peer */
  const busy = new Map<PeerName, number>();
  const lingering = new Map<PeerName, number>();
  let streams = 0;

  const begin = (peer: PeerName): void => {
    streams += 1;
    busy.set(peer, (busy.get(peer) ?? 0) + 1);
  };
  const end = (peer: PeerName): void => {
    streams -= 1;
    const left = (busy.get(peer) ?? 1) - 1;
    if (left > 0) busy.set(peer, left);
    else busy.delete(peer);
    lingering.delete(peer);
    lingering.set(peer, now() + limits.clientIdleMs);
    const oldest = lingering.size > limits.maxBookkeptPeers ? lingering.keys().next().value : undefined;
    if (oldest !== undefined) lingering.delete(oldest);
  };

  const serve = async (stream: Stream, peer: PeerName, answer: ClientHandler): Promise<void> => {
    try {
      const question = await readFrame(stream, maxQuestionBytes, AbortSignal.timeout(limits.partialFrameMs));
      counters.clientQuestions += 1;
      await writeFrame(stream, await answer(peer, question), AbortSignal.timeout(limits.clientAnswerMs));
    } catch (error) {
      counters.resetStreams += 1;
      if (error instanceof FrameError) blame(peer, error.message);
      stream.abort(toError(error));
    }
  };

  return {
    accept(stream, connection) {
      const peer = toPeerName(connection.remotePeer.toString());
      const answer = handler();
      if (answer === undefined || streams >= limits.maxClientStreams || (busy.get(peer) ?? 0) >= limits.maxClientStreamsPerPeer) {
        counters.rejectedStreams += 1;
        stream.abort(new Error("too many questions at once"));
        return;
      }
      begin(peer);
      void serve(stream, peer, answer).finally(() => end(peer));
    },
    isVisiting: (peer) => busy.has(peer) || (lingering.get(peer) ?? -Infinity) > now(),
  };
};

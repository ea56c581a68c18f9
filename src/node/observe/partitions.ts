/** Partitions as people see them: by name, in the log, in `/v1/partitions` and `/v1/events`; and the cuts of test networks (PROTOCOL §10). */
import type { BrokenLink } from "../../partition/connectivity.ts";
import type { Episode, EpisodeEvent, Phase } from "../../partition/episodes.ts";
import type { Committee } from "../../protocol/committee.ts";
import { type PeerName, type ReplicaIndex, toPeerName } from "../../protocol/ids.ts";
import type { Happening } from "../feeds.ts";
import type { Logger } from "./observe.ts";
import type { BrokenLinkReport, Cut, PartitionReport } from "../partition-report.ts";
import { done, failed, type NodeService } from "../service.ts";

interface Named {
  readonly sides: readonly (readonly PeerName[])[];
  readonly brokenLinks?: readonly BrokenLinkReport[];
}

type Names = (index: ReplicaIndex) => PeerName;

const namesOf =
  ({ validators }: Committee): Names =>
  (index) =>
    validators[index]?.peer ?? toPeerName("");

/** Links that the sides do not show, by name; nothing when there are none. */
const brokenLinksOf = (names: Names, broken: readonly BrokenLink[]): Pick<Named, "brokenLinks"> =>
  broken.length === 0 ? {} : { brokenLinks: broken.map(({ from, to }) => ({ from: names(from), to: names(to) })) };

const named = (names: Names, { sides, broken }: Pick<Phase, "sides" | "broken">): Named => ({
  sides: sides.map((side) => side.map(names)),
  ...brokenLinksOf(names, broken),
});

const reportOf = (names: Names, episode: Episode): PartitionReport => ({
  id: episode.id,
  since: Math.round(episode.since),
  ...(episode.until === undefined ? {} : { until: Math.round(episode.until) }),
  state: episode.state,
  ...named(names, episode),
  sequences: episode.sequences,
  phases: episode.phases.map((phase) => ({ at: Math.round(phase.at), state: phase.state, ...named(names, phase) })),
  ...(episode.catchUp === undefined ? {} : { catchUp: episode.catchUp }),
  ...(episode.documents === undefined ? {} : { documents: episode.documents }),
  ...(episode.conflicts.length === 0 ? {} : { conflicts: episode.conflicts }),
});

/** `GET /v1/partitions` */
export const partitionReports = (committee: Committee, episodes: readonly Episode[]): readonly PartitionReport[] =>
  episodes.map((episode) => reportOf(namesOf(committee), episode));

export interface PartitionObserverOptions {
  readonly committee: Committee;
  readonly logger: Logger;
  readonly tell: (happening: Happening) => void;
}

/** Links that flap change many times a minute: the log has the beginning, the end and the report, the events have all. */
export const createPartitionObserver = ({ committee, logger, tell }: PartitionObserverOptions): ((event: EpisodeEvent) => void) => {
  const names = namesOf(committee);
  return ({ type, episode }) => {
    const partition = reportOf(names, episode);
    const { id, state, sides, brokenLinks } = partition;
    const seen = { partition: id, state, sides, ...(brokenLinks === undefined ? {} : { brokenLinks }) };
    switch (type) {
      case "opened":
        logger.warn(seen, "the network is cut");
        return tell({ type: "partition_opened", ...seen });
      case "changed":
        logger.debug(seen, "the cut is another one");
        return tell({ type: "partition_changed", ...seen });
      case "closed": {
        const { since, until = since, sequences, catchUp, documents, conflicts } = partition;
        const milliseconds = Math.max(0, until - since);
        logger.info({ ...seen, milliseconds, sequences, catchUp, documents, conflicts }, "the network is whole again");
        return tell({ type: "partition_closed", ...seen, milliseconds, ...(catchUp === undefined ? {} : { catchUp }) });
      }
    }
  };
};

export interface CutterOptions {
  readonly testnet: boolean;
  readonly self: PeerName;
  /** of the network */
  readonly setCut: (peers: readonly PeerName[], direction: Cut["direction"]) => void;
  readonly logger: Logger;
}

/** `POST /v1/testnet/cut` */
export const createCutter =
  ({ testnet, self, setCut, logger }: CutterOptions): NodeService["cut"] =>
  (cut) => {
    if (!testnet)
      return failed({ code: "invalid_request", message: 'links can be cut only in networks whose genesis says "testnet": true' });
    if (cut.peers.includes(self)) return failed({ code: "invalid_request", message: "a node can not be cut from itself" });
    setCut(cut.peers.map(toPeerName), cut.direction);
    logger.warn(cut, cut.peers.length === 0 ? "no link is cut any more" : "links are cut on request, for a test");
    return done(cut);
  };

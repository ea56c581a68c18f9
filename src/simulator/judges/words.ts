/**
 * What honest nodes say, read from the bytes that leave them: nothing is unsaid, nothing is said before it is on disk, no view is gone back to, what
 * prepared is carried, what committed is kept.
 */
import { decodeAccepted, decodeBlockHeader, decodeViewRecord, keys } from "../../node/data/records.ts";
import type {
  CommitCertificate,
  NewView,
  PreparedCertificate,
  SignedNewView,
  ViewChange,
  Vote,
  Checkpoint,
  Signed,
} from "../../protocol/messages.ts";
import { decodeCheckpointCertificate, decodePreparedCertificate } from "../../wire/certificates.ts";
import type { FrameDecoders } from "../../wire/frames.ts";
import { decodedOnce } from "../decoding.ts";
import type { Disk } from "../disk.ts";
import type { Carried, CertificateJudge } from "./certificates.ts";
import { named, whoForgot, whoPreparedBoth } from "./forensics.ts";
import type { Violate } from "./violation.ts";

export interface WordsJudge {
  /** a frame of consensus leaves an honest node */
  said(node: number, disk: Disk, frame: Uint8Array): void;
  /** an honest node relies on this certificate */
  prepared(node: number, certificate: PreparedCertificate): void;
  /** an honest node enters this view */
  entered(node: number, newView: SignedNewView): void;
  /** an honest node orders what this committed */
  committed(certificate: CommitCertificate): void;
  readonly viewChanges: number;
  readonly newViews: number;
}

interface Speaker {
  /** highest view asked for or voted in */
  view: number;
  /** by sequence, the highest view of a COMMIT */
  readonly commits: Map<number, number>;
  readonly spoken: Map<string, string>;
}

interface AcceptedNewView extends Carried {
  readonly view: number;
  readonly message: NewView;
}

const readView = decodedOnce(decodeViewRecord);
const readPrepared = decodedOnce(decodePreparedCertificate);
const readStable = decodedOnce(decodeCheckpointCertificate);

const stableOf = (disk: Disk): number => {
  const bytes = disk.durable(keys.stable);
  const decoded = bytes === undefined ? undefined : readStable(bytes);
  return decoded?.ok === true ? decoded.value.sequence : 0;
};

interface DurableView {
  readonly view: number;
  readonly active: boolean;
  readonly newView: NewView | undefined;
}

/** The view that a power cut at this moment would leave, and whether it is entered. */
const viewOf = (disk: Disk): DurableView => {
  const bytes = disk.durable(keys.view);
  if (bytes === undefined) return { view: 0, active: true, newView: undefined };
  const record = readView(bytes);
  if (!record.active) return { view: record.viewChange.message.view, active: false, newView: undefined };
  const { message } = record.newView;
  return { view: message.view, active: true, newView: message };
};

const isVoteDurable = (disk: Disk, message: Vote): boolean => {
  const { view, newView } = viewOf(disk);
  if (message.view > view) return false;
  // a NEW-VIEW has signed its proposals already
  const isCarried = newView?.proposals.some(({ sequence, digest }) => sequence === message.sequence && digest === message.digest);
  if (message.kind === "pre-prepare" && message.view === view && isCarried === true) return true;
  if (message.kind === "commit") {
    const bytes = disk.durable(keys.prepared(message.sequence));
    const decoded = bytes === undefined ? undefined : readPrepared(bytes);
    if (decoded?.ok === true && decoded.value.view >= message.view) return true;
  } else {
    const key = keys.accepted(message.sequence, message.digest);
    const bytes = disk.durable(key);
    if (bytes !== undefined && decodeAccepted(key, bytes).view >= message.view) return true;
  }
  return message.sequence <= stableOf(disk);
};

const isCheckpointDurable = (disk: Disk, message: Checkpoint): boolean => {
  const bytes = disk.durable(keys.block(message.sequence));
  if (bytes === undefined) return message.sequence <= stableOf(disk);
  const header = decodeBlockHeader(bytes);
  return header.stateRoot === message.stateRoot && header.logHash === message.logHash;
};

/** @param n validators */
export const createWordsJudge = (
  n: number,
  certificates: CertificateJudge,
  decode: FrameDecoders["consensus"],
  violate: Violate,
): WordsJudge => {
  const speakers = new Map<number, Speaker>();
  const preparedAt = new Map<string, PreparedCertificate>();
  /** by sequence, the certificate of the lowest view */
  const commits = new Map<number, CommitCertificate>();
  const newViews = new Map<string, AcceptedNewView>();
  let viewChanges = 0;

  const speakerOf = (node: number): Speaker => {
    const known = speakers.get(node) ?? { view: 0, commits: new Map(), spoken: new Map() };
    speakers.set(node, known);
    return known;
  };
  const onlyOnce = (node: number, speaker: Speaker, place: string, content: string): void => {
    const before = speaker.spoken.get(place);
    if (before === undefined) speaker.spoken.set(place, content);
    else if (before !== content) violate("never-unsay", `#${node} says two different ${place}`);
  };

  const judgeVote = (node: number, disk: Disk, { message, signature }: Signed<Vote>): void => {
    const { kind, view, sequence, digest } = message;
    const speaker = speakerOf(node);
    const place = `${kind}/${view}/${sequence}`;
    const again = speaker.spoken.get(place) === digest;
    onlyOnce(node, speaker, place, digest);
    if (view < speaker.view) violate("monotone-view", `#${node} says ${place} after view ${speaker.view}`);
    speaker.view = Math.max(speaker.view, view);
    if (again) return;
    if (!certificates.vote(kind, node, message, signature)) violate("certificates", `#${node} says ${place} with a bad signature`);
    if (!isVoteDurable(disk, message)) violate("durable-before-said", `#${node} says ${place}, which is not on its disk`);
    if (kind === "commit") speaker.commits.set(sequence, Math.max(view, speaker.commits.get(sequence) ?? 0));
  };

  const judgeViewChange = (node: number, disk: Disk, message: ViewChange, frame: Uint8Array): void => {
    const speaker = speakerOf(node);
    viewChanges += 1;
    onlyOnce(node, speaker, `view-change/${message.view}`, Buffer.from(frame).toString("latin1"));
    if (message.view < speaker.view) violate("monotone-view", `#${node} asks for view ${message.view} after view ${speaker.view}`);
    speaker.view = Math.max(speaker.view, message.view);
    if (viewOf(disk).view < message.view) violate("durable-before-said", `#${node} asks for view ${message.view} before it is on its disk`);
    const claimed = new Map(message.prepared.map((one) => [one.sequence as number, one.view as number]));
    for (const [sequence, view] of speaker.commits) {
      if (sequence > message.stable.sequence && (claimed.get(sequence) ?? -1) < view)
        violate("prepared-is-carried", `#${node} asks for view ${message.view} without sequence ${sequence}, committed to in view ${view}`);
    }
    if (!certificates.stable(message.stable) || !message.prepared.every((one) => certificates.prepared(one)))
      violate("certificates", `#${node} asks for view ${message.view} with a bad certificate`);
  };

  const judgeLock = (newView: AcceptedNewView, certificate: CommitCertificate): void => {
    const { view, sequence, digest } = certificate;
    if (view >= newView.view || sequence <= newView.base || newView.digests.get(sequence) === digest) return;
    const culprits = whoForgot(certificate, newView.message, n);
    const what = `sequence ${sequence} committed in view ${view}, and view ${newView.view} starts without it`;
    violate("commit-lock", `${what}${named(culprits)}`, culprits);
  };
  const accept = (node: number, message: NewView): void => {
    const key = `${message.view}/${message.proposals.map(({ sequence, digest }) => `${sequence}:${digest}`).join()}`;
    if (newViews.has(key)) return;
    const carried = certificates.carried(message);
    if (carried === undefined) return violate("new-view-is-implied", `#${node} takes a NEW-VIEW ${message.view} that does not follow`);
    const accepted = { view: message.view as number, message, ...carried };
    newViews.set(key, accepted);
    for (const certificate of commits.values()) judgeLock(accepted, certificate);
  };

  const judge: WordsJudge = {
    said(node, disk, frame) {
      const decoded = decode(frame);
      if (!decoded.ok) return violate("well-formed", `#${node} sends a frame that is ${decoded.error.reason}`);
      const { signed, kind } = decoded.value;
      // a NEW-VIEW of another is passed on to those who missed it
      if ((signed.message.replica as number) !== node) return;
      switch (kind) {
        case "proposal":
        case "prepare":
        case "commit":
          return judgeVote(node, disk, signed);
        case "checkpoint":
          onlyOnce(node, speakerOf(node), `checkpoint/${signed.message.sequence}`, signed.message.stateRoot + signed.message.logHash);
          if (!isCheckpointDurable(disk, signed.message))
            violate("durable-before-said", `#${node} signs checkpoint ${signed.message.sequence} before it is on its disk`);
          return;
        case "view-change":
          return judgeViewChange(node, disk, signed.message, frame);
        case "new-view": {
          onlyOnce(node, speakerOf(node), `new-view/${signed.message.view}`, Buffer.from(frame).toString("latin1"));
          const { view, active } = viewOf(disk);
          if (view < signed.message.view || (view === signed.message.view && !active))
            violate("durable-before-said", `#${node} announces view ${signed.message.view} before it is on its disk`);
          return judge.entered(node, signed);
        }
      }
    },
    prepared(node, certificate) {
      const { view, sequence, digest } = certificate;
      if (!certificates.prepared(certificate)) violate("certificates", `#${node} holds a bad prepared certificate for ${sequence}`);
      const place = `${view}/${sequence}`;
      const known = preparedAt.get(place);
      if (known === undefined) preparedAt.set(place, certificate);
      else if (known.digest !== digest) {
        const culprits = whoPreparedBoth(known, certificate, n);
        violate("prepared-uniqueness", `two digests prepared in view ${view} at ${sequence}${named(culprits)}`, culprits);
      }
    },
    entered(node, newView) {
      if (!certificates.newView(newView)) violate("certificates", `#${node} enters view ${newView.message.view} on a bad NEW-VIEW`);
      accept(node, newView.message);
    },
    committed(certificate) {
      const { sequence, view } = certificate;
      const known = commits.get(sequence);
      if (known === undefined || view < known.view) commits.set(sequence, certificate);
      for (const newView of newViews.values()) judgeLock(newView, certificate);
    },
    get viewChanges() {
      return viewChanges;
    },
    get newViews() {
      return newViews.size;
    },
  };
  return judge;
};

/** What happens, as server-sent events: `/v1/watch` and `/v1/events`. */
import { limits } from "../../protocol/limits.ts";
import { toSequence } from "../../protocol/ids.ts";
import type { ChangePosition, NodeEvent, PlacedChange } from "../../node/feeds.ts";
import type { NodeService } from "../../node/service.ts";
import { type EventFeed, eventText } from "../event-stream.ts";
import { keyJson, strictBase64, valueJson } from "../json.ts";
import { parseQuery, queryBytes } from "../parse.ts";
import { type Answer, Refusal, refuseInvalid } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import * as schemas from "../schemas/common.ts";

export const eventStreamType = "text/event-stream";

/** keys and values in one part of a stream, bytes */
const partBytes = 256 * 1024;
/** events in one part of a stream */
const partEvents = 256;

const streamAnswer = (feed: EventFeed): Answer => ({ status: 200, headers: { "content-type": eventStreamType }, body: "", feed });

const changeJson = (change: PlacedChange) => ({
  type: change.type,
  ...keyJson(change.key),
  ...(change.type === "put" ? valueJson(change.value) : {}),
  version: change.version,
  sequence: change.sequence as number,
});

/** `15.2`: after that change; `15`: after all of that sequence. */
const idOf = ({ sequence, index }: ChangePosition): string => (index === 0 ? `${sequence - 1}` : `${sequence}.${index - 1}`);

const positionAfter = (id: string): ChangePosition => {
  const [, sequence, index] = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(id) ?? [];
  if (sequence === undefined) return refuseInvalid("Last-Event-ID is none of this stream", 'it is as "15.0" or "15"');
  return index === undefined
    ? { sequence: toSequence(Number(sequence) + 1), index: 0 }
    : { sequence: toSequence(Math.max(1, Number(sequence))), index: Number(index) + 1 };
};

const gone = (oldest: number): Refusal =>
  new Refusal({
    code: "not_found",
    message: `this node keeps changes from sequence ${oldest} on`,
    hint: "read the keys anew, and watch from there",
    details: { oldest },
  });

const watchFrom = (service: NodeService, from: number | undefined, lastEventId: string | undefined): ChangePosition => {
  // a client that was told an id goes on from there, whatever its URL says
  if (lastEventId !== undefined && lastEventId !== "") return positionAfter(lastEventId);
  return { sequence: toSequence(from === undefined ? service.changes.upTo + 1 : Math.max(1, from)), index: 0 };
};

const lastEventId = (call: Call): string | undefined => {
  const header = call.headers["last-event-id"];
  return Array.isArray(header) ? header[0] : header;
};

const watch = (service: NodeService, call: Call): Answer => {
  const query = parseQuery(schemas.watchQuery, call.query);
  const prefix = query.prefixEncoding === "base64" ? strictBase64(query.prefix, "prefix") : queryBytes(query.prefix);
  if (prefix.length > limits.maxKeyBytes) refuseInvalid("prefix is longer than any key");
  const { changes } = service;
  let position = watchFrom(service, query.from, lastEventId(call));
  const first = changes.read(position, prefix, 1);
  if (first.status === "gone") throw gone(first.oldest);
  return streamAnswer({
    read() {
      const page = changes.read(position, prefix, partBytes);
      if (page.status === "gone") {
        const message = `this node keeps changes from sequence ${page.oldest} on; read the keys anew, and watch from there`;
        return { text: "", more: false, end: { code: "gone", message, details: { oldest: page.oldest as number } } };
      }
      position = page.next;
      const text = page.changes
        .map((change) => eventText({ id: idOf({ sequence: change.sequence, index: change.index + 1 }), data: changeJson(change) }))
        .join("");
      return { text, more: page.more };
    },
    id: () => idOf(position),
    subscribe: changes.subscribe,
  });
};

const happenings = (service: NodeService, call: Call): Answer => {
  parseQuery(schemas.noQuery, call.query);
  const { events } = service;
  let last = lastEventId(call) ?? events.last;
  const textOf = (event: NodeEvent): string => eventText({ id: event.id, data: event });
  return streamAnswer({
    read() {
      const { events: found, lost } = events.read(last, partEvents);
      last = found.at(-1)?.id ?? (lost ? events.last : last);
      const note = lost
        ? eventText({ name: "lost", data: { message: "some events are no longer kept, or the node was started anew" } })
        : "";
      return { text: note + found.map(textOf).join(""), more: found.length === partEvents };
    },
    id: () => last,
    subscribe: events.subscribe,
  });
};

export const watchRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/watch",
    operations: {
      GET: {
        summary: "Changes of keys as they are executed, as server-sent events; resumes with Last-Event-ID",
        query: schemas.watchQuery,
        answer: schemas.watchEvent,
        answerType: eventStreamType,
        handle: (call) => watch(service, call),
      },
    },
  },
];

export const eventRoutes = (service: NodeService): readonly Route[] => [
  {
    path: "/v1/events",
    operations: {
      GET: {
        summary: "What happens on this node, as server-sent events; resumes with Last-Event-ID",
        always: true,
        query: schemas.noQuery,
        answer: schemas.nodeEvent,
        answerType: eventStreamType,
        handle: (call) => happenings(service, call),
      },
    },
  },
];

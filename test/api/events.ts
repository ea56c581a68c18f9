/** Reads server-sent events as a browser would: fields, blank lines, the last id. */
export interface ReceivedEvent {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
}

export interface EventReader {
  readonly events: ReceivedEvent[];
  /** what a client resumes with */
  lastEventId(): string;
  comments(): number;
  /** resolves when the server ended the stream */
  readonly ended: Promise<void>;
  stop(): void;
}

export const readEvents = async (url: string, headers: Record<string, string> = {}): Promise<EventReader> => {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  if (response.status !== 200 || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
  const events: ReceivedEvent[] = [];
  let last = "";
  let comments = 0;
  const consume = async (): Promise<void> => {
    let pending = "";
    let [name, data, id] = ["message", "", ""];
    for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
      const lines = (pending + Buffer.from(part).toString()).split("\n");
      pending = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith(":")) comments += 1;
        else if (line.startsWith("id: ")) id = line.slice(4);
        else if (line.startsWith("event: ")) name = line.slice(7);
        else if (line.startsWith("data: ")) data = line.slice(6);
        else {
          last = id === "" ? last : id;
          if (data !== "") events.push({ id: last, name, data: JSON.parse(data) as unknown });
          [name, data, id] = ["message", "", ""];
        }
      }
    }
  };
  const ended = consume().catch(() => undefined);
  return { events, lastEventId: () => last, comments: () => comments, ended, stop: () => abort.abort() };
};

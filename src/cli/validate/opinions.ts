/** What honest validators think of each other and of cheats, asked all the time: what one holds against another is forgotten within seconds. */
import { setTimeout as delay } from "node:timers/promises";
import type { ValidatorAnswer } from "../../client/answers.ts";
import { createHttpClient } from "../../client/http-client.ts";
import type { Testnet } from "../../testnet/testnet.ts";

type Standing = ValidatorAnswer["standing"];

/** The worst that one validator thought of another since it was last asked about. */
export interface Opinion {
  readonly reputation: number;
  readonly standing: Standing;
}

export interface Opinions {
  /** what `observer` thinks of `subject` now, as far as it was heard; good as long as nothing was */
  now(observer: number, subject: number): Opinion;
  /** the worst since `forget` */
  worst(observer: number, subject: number): Opinion;
  /** the worst counts from here on */
  forget(): void;
  /** the worst of all times that an honest one thought of an honest one */
  readonly accusations: readonly { readonly observer: number; readonly subject: number; readonly opinion: Opinion }[];
  /** answers that were looked at */
  readonly looks: number;
  stop(): Promise<void>;
}

const pollMs = 250;
const askMs = 2_000;
const good: Opinion = { reputation: 1, standing: "good" };

const severity: Readonly<Record<Standing, number>> = { good: 0, throttled: 1, isolated: 2, quarantined: 3, suspended: 3 };

const worse = (a: Opinion, b: Opinion): Opinion => ({
  reputation: Math.min(a.reputation, b.reputation),
  standing: severity[a.standing] >= severity[b.standing] ? a.standing : b.standing,
});

/** Asks the honest nodes until it is stopped; those that do not answer are asked again. Keeps one opinion for each pair. */
export const watchOpinions = (testnet: Testnet, honest: readonly number[], signal: AbortSignal): Opinions => {
  const latest = new Map<string, Opinion>();
  const worst = new Map<string, Opinion>();
  const accused = new Map<string, { readonly observer: number; readonly subject: number; readonly opinion: Opinion }>();
  const indexOf = new Map(testnet.state().nodes.map(({ peerId, index }) => [peerId, index]));
  let looks = 0;
  let stopping = false;
  const pair = (observer: number, subject: number): string => `${observer} ${subject}`;

  const take = (observer: number, { peerId, reputation, standing }: ValidatorAnswer): void => {
    const subject = indexOf.get(peerId);
    if (subject === undefined || subject === observer) return;
    const name = pair(observer, subject);
    const opinion = { reputation, standing };
    latest.set(name, opinion);
    worst.set(name, worse(worst.get(name) ?? good, opinion));
    if (!honest.includes(subject) || (reputation === 1 && standing === "good")) return;
    accused.set(name, { observer, subject, opinion: worse(accused.get(name)?.opinion ?? good, opinion) });
  };
  const ask = async (observer: number): Promise<void> => {
    const client = createHttpClient({ urls: [testnet.node(observer).api], timeoutMs: askMs, signal });
    while (!stopping) {
      try {
        for (const answer of await client.validators()) take(observer, answer);
        looks += 1;
      } catch {
        // it is killed, or cut off, or too busy: asked again
      }
      await delay(pollMs);
    }
  };
  const running = Promise.all(honest.map(ask));
  return {
    now: (observer, subject) => latest.get(pair(observer, subject)) ?? good,
    worst: (observer, subject) => worst.get(pair(observer, subject)) ?? good,
    forget: () => worst.clear(),
    get accusations() {
      return [...accused.values()];
    },
    get looks() {
      return looks;
    },
    async stop() {
      stopping = true;
      await running;
    },
  };
};

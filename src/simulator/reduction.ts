/** Less of a universe: what is left out of one seed's run, so that a failure stands out. Data, so that a command line can say it. */
import type { Plan } from "./plan.ts";

export interface Reduction {
  /** the faults that happen, by their number; all when absent */
  readonly keep?: readonly number[];
  /** links lose, repeat and replay nothing */
  readonly cleanLinks?: boolean;
  readonly clients?: number;
  /** virtual milliseconds until everything is healed */
  readonly safetyMs?: number;
  /** liars, of those drawn, that lie no more */
  readonly reformed?: readonly number[];
}

const cleaned = { loss: 0, duplicate: 0, replay: 0, gossipLoss: 0, forward: 1 };

/** The plan without what the reduction leaves out; what was drawn for the rest stays. */
export const reducePlan = (plan: Plan, { cleanLinks, clients, safetyMs, reformed = [] }: Reduction): Plan => {
  const lying = plan.liars.map((_, index) => index).filter((index) => !reformed.includes(plan.liars[index] as number));
  return {
    ...plan,
    quality: cleanLinks === true ? { ...plan.quality, ...cleaned } : plan.quality,
    clients: Math.min(plan.clients, clients ?? plan.clients),
    safetyUs: Math.min(plan.safetyUs, (safetyMs ?? Number.POSITIVE_INFINITY) * 1000),
    liars: lying.map((index) => plan.liars[index] as number),
    behaviours: lying.map((index) => plan.behaviours[index] ?? []),
  };
};

const isCount = (value: unknown): value is number => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
const areCounts = (value: unknown): value is readonly number[] => Array.isArray(value) && value.every(isCount);

/** Of `--reduce`. Undefined when it is none. */
export const parseReduction = (text: string): Reduction | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const known: Readonly<Record<keyof Reduction, (field: unknown) => boolean>> = {
    keep: areCounts,
    cleanLinks: (field) => typeof field === "boolean",
    clients: isCount,
    safetyMs: isCount,
    reformed: areCounts,
  };
  const isRight = Object.entries(value).every(([name, field]) => Object.hasOwn(known, name) && known[name as keyof Reduction](field));
  return isRight ? (value as Reduction) : undefined;
};

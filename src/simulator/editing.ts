/**
 * Shared documents in a universe (PROTOCOL §11): validators edit them whatever is cut or dead, and in the end every node of the core shows the same bytes, with all in them that
 * any of the core ever acknowledged, and the ledger has the anchor.
 */
import type { Change } from "../documents/changes.ts";
import type { DocumentName } from "../documents/operation.ts";
import type { SimulatedNode } from "./node.ts";
import type { Staged } from "./universe.ts";
import type { World } from "./world.ts";

const second = 1_000_000;
const names = ["plan", "notes", "stock"] as unknown as readonly DocumentName[];

/** An edit that its node acknowledged: the value is in a set of the document, and nobody ever takes it out. */
interface Edited {
  readonly document: DocumentName;
  readonly node: SimulatedNode;
  readonly value: string;
}

/** Of one document, what a judge has to look at. */
interface Shown {
  readonly made?: { readonly set?: readonly string[] };
  readonly sum?: { readonly counter?: number };
}

const digestsOf = (node: SimulatedNode): string =>
  JSON.stringify(node.sharing?.documents.list().map(({ name, digest }) => [name, digest]) ?? "down");

/** All of the core hold the same, and the ledger of each says so. */
const isMerged = (core: readonly SimulatedNode[]): boolean => {
  const [first] = core;
  if (first === undefined || !core.every((node) => digestsOf(node) === digestsOf(first))) return false;
  const held = first.sharing?.documents.list() ?? [];
  return core.every((node) => held.every(({ name, digest }) => node.data?.ledger.anchor(name)?.digest === digest));
};

const textOf = async (node: SimulatedNode, name: DocumentName): Promise<string> =>
  new TextDecoder().decode((await node.sharing?.documents.read(name))?.bytes);

const judge = async (world: World, core: readonly SimulatedNode[], edits: readonly Edited[]): Promise<void> => {
  for (const name of names) {
    const texts = await Promise.all(core.map((node) => textOf(node, name)));
    const [text = ""] = texts;
    const other = texts.findIndex((each) => each !== text);
    if (other >= 0) world.violate("documents-converge", `#${core[other]?.index} shows another ${name} than #${core[0]?.index}`);
    const shown = JSON.parse(text === "" ? "{}" : text) as Shown;
    const made = new Set(shown.made?.set);
    // what lies on a disk that is gone or stays away is there, but nobody has it
    const kept = edits.filter(({ document, node }) => document === name && core.includes(node) && !world.isHarmed(node));
    const lost = kept.find(({ value }) => !made.has(value));
    if (lost !== undefined) world.violate("no-edit-is-lost", `${name} lacks ${lost.value}, which #${lost.node.index} acknowledged`);
    // each edit adds one to the sum, and its own value to the set
    if ((shown.sum?.counter ?? 0) !== made.size)
      world.violate("documents-converge", `${name} counts ${shown.sum?.counter} edits, and shows ${made.size}`);
  }
};

/** @param everyUs mean time between two edits */
export const editDocuments = (world: World, everyUs = second / 5): Staged => {
  const random = world.streams("documents");
  const edits: Edited[] = [];
  let core: readonly SimulatedNode[] = [];
  let made = 0;

  const changesOf = (value: string): Change[] => {
    const changes: Change[] = [
      { type: "set-add", path: ["made"], value },
      { type: "counter-add", path: ["sum"], amount: 1 },
    ];
    if (random.chance(0.3)) changes.push({ type: "register-set", path: ["last"], value });
    if (random.chance(0.3)) changes.push({ type: "list-insert", path: ["order"], value });
    if (random.chance(0.1)) changes.push({ type: "clear", path: ["order"] });
    return changes;
  };
  const edit = (node: SimulatedNode): void => {
    const document = random.pick(names);
    const value = `${node.index}:${(made += 1)}`;
    const changes = changesOf(value);
    const { sharing, assembly, process } = node;
    // a key that returned without its data edits nothing: as the node's own interface has it
    if (sharing === undefined || assembly?.engine.replica.describe().passive !== false) return;
    process?.run(() => {
      world.promised();
      sharing.documents.edit(document, changes).then(
        (result) => result.ok && edits.push({ document, node, value }),
        () => undefined,
      );
    });
  };
  const goOn = (): void => {
    world.schedule.after(random.exponential(everyUs), () => {
      if (core.length > 0) return;
      edit(random.pick(world.honest));
      goOn();
    });
  };
  goOn();

  return {
    healed(members) {
      core = members;
    },
    isSettled: () => isMerged(core),
    settled: () => judge(world, core, edits),
  };
};

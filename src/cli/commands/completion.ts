/** `byz completion` */
import type { Command } from "commander";
import { type CommandFactory, defineCommand } from "../command.ts";
import { completionScript, type Shell, shells } from "../completion-script.ts";
import { usageError } from "../errors.ts";

const programOf = (command: Command): Command => (command.parent === null ? command : programOf(command.parent));

/** It completes the program that it is a part of. */
export const completionCommand: CommandFactory = (host) => {
  const command: Command = defineCommand({
    usage: "completion <shell>",
    summary: "Prints a script that completes commands and options",
    arguments: { shell: shells.join(", ") },
    examples: ["byz completion bash >> ~/.bashrc", "byz completion fish > ~/.config/fish/completions/byz.fish"],
    run(session, [shell = ""]) {
      if (!(shells as readonly string[]).includes(shell))
        throw usageError(`not a shell: ${shell}`, `it must be one of ${shells.join(", ")}`);
      const script = completionScript(shell as Shell, programOf(command));
      if (session.json) session.answer("", { shell, script });
      else session.io.stdout(script);
    },
  })(host);
  return command;
};

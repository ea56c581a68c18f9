/** A shell's completion script, made of the commands as they are declared: nothing runs when Tab is pressed. */
import type { Command } from "commander";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

interface Word {
  readonly name: string;
  readonly about: string;
}

/** What may follow one command: its members and options, by the path that leads to it, such as `byz keys`. */
interface Level {
  readonly path: string;
  readonly commands: readonly Word[];
  readonly options: readonly Word[];
}

const isShown = (command: Command): boolean => !(command as Command & { readonly _hidden?: boolean })._hidden;

const levelsOf = (command: Command, path: string): Level[] => {
  const members = command.commands.filter((member) => isShown(member) && member.name() !== "help");
  const options = command.options.filter(({ hidden }) => !hidden);
  return [
    {
      path,
      commands: members.map((member) => ({ name: member.name(), about: member.description() })),
      options: [
        ...options.flatMap((option) => [option.long, option.short].flatMap((name) => (name ? [{ name, about: option.description }] : []))),
        { name: "--help", about: "show help" },
      ],
    },
    ...members.flatMap((member) => levelsOf(member, `${path} ${member.name()}`)),
  ];
};

const wordsOf = ({ commands, options }: Level): string => [...commands, ...options].map(({ name }) => name).join(" ");

/** The path so far is every word that is a command in its place; words after it are completed by that level. */
const bash = (levels: readonly Level[]): string => `# byz completion for bash: eval "$(byz completion bash)"
_byz() {
  local path="byz" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $(_byz_words "$path") " in
      *" $word "*) case "$word" in -*) ;; *) path="$path $word" ;; esac ;;
    esac
  done
  COMPREPLY=($(compgen -W "$(_byz_words "$path")" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
_byz_words() {
  case "$1" in
${levels.map((level) => `    "${level.path}") echo "${wordsOf(level)}" ;;`).join("\n")}
  esac
}
complete -F _byz byz
`;

const zsh = (levels: readonly Level[]): string => `#compdef byz
# byz completion for zsh: eval "$(byz completion zsh)"
_byz_words() {
  case "$1" in
${levels.map((level) => `    "${level.path}") echo "${wordsOf(level)}" ;;`).join("\n")}
  esac
}
_byz() {
  local at="byz" word
  for word in "\${words[@]:1:$((CURRENT-2))}"; do
    case " $(_byz_words "$at") " in
      *" $word "*) case "$word" in -*) ;; *) at="$at $word" ;; esac ;;
    esac
  done
  compadd -- $(_byz_words "$at" | tr ' ' '\\n') || _files
}
compdef _byz byz
`;

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

const fish = (levels: readonly Level[]): string => {
  const lines = levels.flatMap(({ path, commands, options }) => {
    const names = path.split(" ").slice(1);
    const seen = names.map((name) => `__fish_seen_subcommand_from ${name}`);
    const none = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`];
    const when = quoted([...seen, ...none].join("; and ") || "true");
    const option = ({ name, about }: Word): string =>
      `complete -c byz -n ${when} ${name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`} -d ${quoted(about)}`;
    return [...commands.map(({ name, about }) => `complete -c byz -n ${when} -f -a ${name} -d ${quoted(about)}`), ...options.map(option)];
  });
  return `# byz completion for fish: byz completion fish | source\n${lines.join("\n")}\n`;
};

/** @param program the declared command line, whole */
export const completionScript = (shell: Shell, program: Command): string => ({ bash, zsh, fish })[shell](levelsOf(program, program.name()));

/** Words of others on their way to a terminal or a log. */

/** characters of one complaint at most */
const maxCharacters = 400;
/** complaints told in one message at most */
const maxProblems = 40;

/**
 * The text with what a terminal would obey rather than show (control and format characters, lone surrogates, line ends) as `\u{…}`: what others
 * wrote must neither move the cursor nor forge a line.
 *
 * @param kept of those, what may stay
 */
export const visible = (text: string, kept = ""): string =>
  text.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) =>
    kept.includes(character) ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );

/** Likewise, and cut after 400 characters. */
export const printable = (text: string): string => {
  const shown = visible(text.slice(0, maxCharacters));
  return text.length > maxCharacters ? `${shown}…` : shown;
};

/** Complaints as one line; of very many only the first. */
export const joinProblems = (problems: readonly string[]): string => {
  const told = problems.slice(0, maxProblems).join("; ");
  return problems.length > maxProblems ? `${told}; and ${problems.length - maxProblems} more` : told;
};

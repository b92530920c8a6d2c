/** How much of a name may be misspelt: a third of its characters, not all of them, and no more than 3. */
const mistakesIn = (name: string): number =>
  Math.min(3, Math.ceil(name.length / 3), name.length - 1);

/** The one that was probably meant by a name that is not among them; undefined when none is near. */
export function nearestName(
  name: string,
  names: Iterable<string>,
): string | undefined {
  let nearest: string | undefined;
  let fewest = mistakesIn(name);
  for (const known of names) {
    const mistakes = distance(name, known);
    if (mistakes > fewest || (mistakes === fewest && nearest !== undefined))
      continue;
    nearest = known;
    fewest = mistakes;
  }
  return nearest;
}

/** ` Did you mean "summary"?`, or nothing: to be put after a message. */
export function suggestion(name: string, names: Iterable<string>): string {
  const nearest = nearestName(name, names);
  return nearest === undefined ? "" : ` Did you mean "${nearest}"?`;
}

/** Characters to insert, delete or replace; the case counts for nothing. */
function distance(a: string, b: string): number {
  const [from, to] = [a.toLowerCase(), b.toLowerCase()];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = Number(row[j - 1]) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const other = Math.min(Number(row[j]), Number(next[j - 1])) + 1;
      next.push(Math.min(replaced, other));
    }
    row = next;
  }
  return Number(row.at(-1));
}

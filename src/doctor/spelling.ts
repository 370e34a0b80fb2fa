/** The known name that a misspelt one most likely means: a few letters off, and no more than half of them. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const word = name.slice(0, 64);
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  const most = Math.min(Math.max(2, Math.floor(word.length / 5)), Math.floor(word.length / 2));
  return best !== undefined && best.distance <= most ? best.candidate : undefined;
}

/** How many letters must be put in, taken out or replaced to make one word of the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [row, letter] of [...a].entries()) {
    const line = [row + 1];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (above[column - 1] ?? 0) + Number(letter !== b[column - 1]);
      line.push(Math.min(replaced, (above[column] ?? 0) + 1, (line[column - 1] ?? 0) + 1));
    }
    above = line;
  }
  return above[b.length] ?? 0;
}
